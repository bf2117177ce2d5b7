"""The docs name everything that there is, their links lead somewhere, and their commands work as they stand."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click import Argument, Command, Context, Group
from flask import Flask

from wce import config
from wce.cli import wce
from wce.core import settings as cenv_settings
from wce.errors import TITLES
from wce.guard import functions
from wce.metrics import Metrics
from wce.web.factory import create_app
from wce.web.statuses import STATUSES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE_ADDRESS = "http://127.0.0.1:5309"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_tables_of_the_manual_name_their_columns() -> None:
    """Readers of screens tell the head with each cell; the README is no part of the manual."""
    bare = [f"{page.name}: {line}" for page in PAGES if page.parent == ROOT / "docs" for line in heads(page) if re.search(r"\| *\|", line)]

    assert not bare


def heads(page: Path) -> list[str]:
    lines = FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    return [line for line, under in itertools.pairwise(lines) if re.match(r"\| -+", under)]


def rows(name: str, heading: str) -> dict[str, list[str]]:
    """The table under a heading, by its first column without the backticks."""
    section = re.split(rf"^## {heading}$", read(name), flags=re.MULTILINE)[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    return {first.strip("`"): rest for first, *rest in cells}


# What there is and what the docs name.


def test_every_server_setting_stands_in_the_settings_with_its_default() -> None:
    there = {name: default for name, default, _description in config.describe()}

    told = {name: cells[0].strip("`") for name, cells in rows("docs/settings.md", "Server").items()}

    assert told == {name: default.lower() if default in ("True", "False") else default for name, default in there.items()} | {
        "WCE_JWT_SECRET": "random"
    }


def test_every_setting_of_a_cenv_stands_in_the_settings_with_type_default_and_range() -> None:
    def shown(default: object) -> str:
        return "empty" if default in ([], "") else str(default).lower() if isinstance(default, bool) else str(default)

    def bounds(text: str) -> list[str]:
        return re.findall(r"From \d+ to \d+\.$", text)

    there = {name: [kind, shown(default), bounds(text)] for name, kind, default, text in cenv_settings.describe()}

    told = {name: [cells[0], cells[1].strip("`"), bounds(cells[2])] for name, cells in rows("docs/settings.md", "Cenv").items()}

    assert told == there
    assert all(limits for kind, _, limits in there.values() if kind == "integer")


@pytest.mark.parametrize("code", sorted(TITLES))
def test_every_error_code_has_its_section_with_status_and_title(code: str) -> None:
    sections = re.split(r"^#+ ", read("docs/errors.md"), flags=re.MULTILINE)

    (section,) = [section for section in sections if section.split("\n", 1)[0] == code]

    assert f"**{STATUSES[code]} · {TITLES[code]}.**" in section
    assert len(section) > 110, "say what it means and what to do"


def test_every_error_code_has_a_status_and_every_status_a_code() -> None:
    assert STATUSES.keys() == TITLES.keys()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = create_app(config.from_environment({"WCE_STORAGE_DIR": str(tmp_path_factory.mktemp("cenvs"))}))
    yield made
    made.extensions["wce"].close()


def test_every_route_stands_in_the_api_with_its_methods(app: Flask) -> None:
    told = {(method, path) for method, path in re.findall(r"`([A-Z]+) (/[^` ]*)`", read("docs/api.md"))}

    there = {
        (method, re.sub(r"<(?:\w+:)?(\w+?)>", lambda found: "{" + found[1] + "}", rule.rule).replace("{cenv_id}", "{cenv}"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {route for route in there if not any(same(route, other) for other in told)} == set()
    assert {route for route in told if not any(same(route, other) for other in there)} == set()


def same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Equal but for the names of the placeholders, where {cenv} stays {cenv}."""

    def shape(route: tuple[str, str]) -> tuple[str, str]:
        return route[0], re.sub(r"\{(?!cenv\})\w+\}", "{}", route[1])

    return shape(one) == shape(other)


def test_every_metric_stands_under_operating_with_its_labels() -> None:
    there = {}
    for family in Metrics().registry._collector_to_names:
        name = family._name + ("_total" if family._type == "counter" else "")
        there[name] = ", ".join(family._labelnames)

    told = {name: cells[0] for name, cells in rows("docs/operating.md", "Metrics").items()}

    assert told == there


def test_every_function_that_may_be_called_stands_under_sql() -> None:
    section = re.split(r"^## Functions$", read("docs/sql.md"), flags=re.MULTILINE)[1].split("\nWhich of them exist")[0]

    told = {name for line in section.splitlines() for name in re.findall(r"`(\S+)`", line)} - {"function_not_allowed"}

    assert told == functions.ALLOWED | functions.TABLE_FUNCTIONS


def test_every_command_stands_under_the_command_line_with_its_arguments_and_options() -> None:
    told = re.split(r"^### ", read("docs/cli.md"), flags=re.MULTILINE)[1:]
    sections = {text.split("\n", 1)[0].strip("`"): text for text in told}

    assert sections.keys() == {" ".join(path) for path, _command in commands(wce, ())}
    for path, command in commands(wce, ()):
        section = sections[" ".join(path)]
        assert "Example: " in (command.help or ""), path
        for parameter in command.params:
            for name in [parameter.make_metavar(Context(command)).strip("[]")] if isinstance(parameter, Argument) else parameter.opts:
                assert name in section, (path, name)


def commands(group: Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    for name, command in group.commands.items():
        if isinstance(command, Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_make_target_explains_itself() -> None:
    makefile = read("Makefile")

    targets = set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))

    assert targets == explained


def test_make_alone_lists_its_targets() -> None:
    told = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout

    assert re.findall(r"make ([a-z]+) ", told) == re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE)


def test_every_requirement_has_its_job_told() -> None:
    pinned = re.findall(r"^([A-Za-z0-9_-]+)(?:\[\w+\])?==", read("requirements.txt"), re.MULTILINE)

    told = re.findall(r"^\| (\w[\w-]*) \|", read("docs/dependencies.md"), re.MULTILINE)

    assert set(told) - {"library"} == set(pinned)


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_every_requirement_is_pinned(file: str) -> None:
    lines = [line for line in read(file).splitlines() if line and not line.startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+", line)] == []


# Links.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for link in links:
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        if path.startswith("/"):
            continue  # an address of the server; tests/web/test_manual.py follows those
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)

    assert broken == []


def test_every_page_of_the_docs_is_in_its_index() -> None:
    listed = re.findall(r"\(([a-z-]+\.md)\)", read("docs/index.md"))

    assert sorted([*listed, "index.md"]) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


# Commands.

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are written for curl")


def runnable(name: str) -> tuple[str, list[str]]:
    """The blocks marked `bash run`, as one script, and the answers that are shown after them, piece by piece."""
    blocks = [(info.strip(), text) for info, text in FENCE.findall(read(name))]
    script = "".join(text for info, text in blocks if info == "bash run")
    answers = [line for info, text in blocks if info in ("json", "csv", "html") for line in text.splitlines()]
    return script, [piece.strip() for line in answers for piece in line.split("…") if piece.strip()]


RUNNABLE = [
    "docs/getting-started.md",
    "docs/row-policies.md",
    "docs/endpoints.md",
    "docs/examples.md",
    "docs/cookbook.md",
    "docs/pages.md",
    "README.md",  # last, next to the other test of it
]


@pytest.fixture(scope="module")
def run(server: Any) -> Callable[[str], str]:
    """Call it with the name of a page for what its commands print; they are run once."""

    @functools.cache
    def output(name: str) -> str:
        script = runnable(name)[0].replace(EXAMPLE_ADDRESS, server.url)
        # The commands call python3 a hundred times, and one that first looks for another, as pyenv's does, takes ten times as long.
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return output


@needs_curl
@pytest.mark.parametrize("name", RUNNABLE)
def test_the_commands_work_as_they_stand(run: Callable[[str], str], name: str) -> None:
    told, place = run(name), 0

    for piece in runnable(name)[1]:
        found = told.find(piece, place)
        assert found >= 0, f"{piece!r} is not in what came after it:\n{told[place:]}"
        place = found + len(piece)


@pytest.mark.parametrize("name", [name for name in RUNNABLE if "\nfield() {" in read(name) and name != "docs/examples.md"])
def test_the_commands_say_why_an_answer_lacks_what_they_look_for(name: str) -> None:
    """As that of a login too many: whoever goes through the manual fast meets one."""
    field = re.findall(r"^field\(\) .*$", read(name), re.MULTILINE)[0]

    done = subprocess.run(
        ["bash", "-c", f"{field}\nfield token"], input='{"detail": "Wait."}', capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Wait.\n")


@needs_curl
def test_the_commands_of_the_readme_leave_no_error_but_the_one_shown(run: Callable[[str], str]) -> None:
    assert re.findall(r'"code":"(\w+)"', run("README.md")) == ["row_policy"]
