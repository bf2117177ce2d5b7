"""The import direction: vocabulary → store → guard → core → sandbox → web → cli, proven from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "wce").rglob("*.py"))
PRODUCT = [*FILES, ROOT / "app.py"]
LAYERS = ("", "client", "store", "guard", "core", "sandbox", "web", "cli")
# Who alone may import a library; everybody else gets it through them.
HOMES = {
    "flask": "wce.web",
    "werkzeug": "wce.web",
    "flask_cors": "wce.web",
    "flask_limiter": "wce.web",
    "waitress": "wce.web",
    "granian": "wce.web",
    "pydantic": "wce.web",
    "sqlite3": "wce.store.sqlite",
    "pysqlite3": "wce.store.sqlite",
    "passlib": "wce.core.passwords",
    "jwt": "wce.core.tokens",
    "prometheus_client": "wce.metrics",
    "starlark_go": "wce.sandbox.starlark",
    "jinja2": "wce.sandbox",
    "markupsafe": "wce.sandbox",
    "markdown_it": "wce.sandbox.markup wce.web.markdown",
    "mdit_py_plugins": "wce.sandbox.markup",
    "nh3": "wce.sandbox.markup",
    "pygments": "wce.sandbox",
    "yaml": "wce.sandbox.front",
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PRODUCT}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each module; they are large, so they go when the tests here are done."""
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


@pytest.fixture(scope="module")
def imported(trees: dict[str, ast.Module]) -> dict[str, frozenset[str]]:
    """What each module imports."""
    return {name: frozenset(imports(tree)) for name, tree in trees.items()}


def layer_of(module: str) -> int:
    parts = module.split(".")
    folder = {"__main__": "cli"}.get(parts[1], parts[1]) if len(parts) > 1 else ""
    return LAYERS.index(folder) if folder in LAYERS else 0


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that the tree imports; `from a import b` counts as a.b where that is a module of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for item in node.names:
                full = f"{node.module}.{item.name}"
                yield full if full in MODULES else str(node.module)


def ours(names: frozenset[str]) -> list[str]:
    return sorted(name for name in names if within(name, "wce"))


def within(module: str, home: str) -> bool:
    return module == home or module.startswith(home + ".")


MODULE_NAMES = sorted(name for name in MODULES if name.startswith("wce"))


@pytest.mark.parametrize("module", MODULE_NAMES)
def test_a_module_imports_from_its_own_layer_or_below(module: str, imported: dict[str, frozenset[str]]) -> None:
    above = [name for name in ours(imported[module]) if layer_of(name) > layer_of(module)]

    assert not above


def test_every_folder_of_the_package_is_a_known_layer() -> None:
    folders = {path.name for path in (ROOT / "wce").iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders <= set(LAYERS)


def test_no_modules_import_each_other_in_a_circle(imported: dict[str, frozenset[str]]) -> None:
    graph = {name: [target for target in ours(names) if target != name] for name, names in imported.items()}

    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the circle

    assert len(order) >= len(graph)


def test_the_package_itself_imports_nothing(imported: dict[str, frozenset[str]]) -> None:
    assert not imported["wce"]


def test_blueprints_never_import_each_other(trees: dict[str, ast.Module], imported: dict[str, frozenset[str]]) -> None:
    blueprints = {name for name, tree in trees.items() if within(name, "wce.web") and "Blueprint(" in ast.unparse(tree)}
    factory = {"wce.web.factory"}

    crossing = {name: sorted(blueprints & imported[name] - {name}) for name in blueprints - factory}

    assert {name: found for name, found in crossing.items() if found} == {}


@pytest.mark.parametrize(("library", "home"), sorted(HOMES.items()))
def test_a_library_is_imported_in_its_home_only(library: str, home: str, imported: dict[str, frozenset[str]]) -> None:
    users = [name for name, names in imported.items() if any(within(found, library) for found in names)]

    assert [name for name in users if not any(within(name, one) for one in home.split()) and name != "app"] == []


def test_only_the_store_opens_a_database(trees: dict[str, ast.Module]) -> None:
    callers = [
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sqlite3.connect", "sqlite3.Connection", "dbapi2.connect"}
    ]

    assert set(callers) <= {"wce.store.sqlite"}


def test_only_the_entry_points_read_the_environment(trees: dict[str, ast.Module]) -> None:
    readers = [
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"} and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {item.name for item in node.names} & {"environ", "getenv"})
    ]

    assert set(readers) <= {"app", "wce.cli"}


def test_no_import_hides_inside_a_function(trees: dict[str, ast.Module]) -> None:
    hidden = [
        f"{name}:{inner.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


@pytest.mark.parametrize("layer", ["store", "guard", "core"])
def test_a_layer_below_the_web_loads_without_flask(layer: str) -> None:
    wanted = [name for name in MODULE_NAMES if within(name, f"wce.{layer}")]
    script = f"import sys, importlib\nfor name in {wanted!r}: importlib.import_module(name)\nprint(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.split()

    assert {"flask", "werkzeug", "waitress", "granian", "pydantic"} & set(loaded) == set()
