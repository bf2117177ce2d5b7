"""docs/templates.md names what templates can call, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sandbox.sites import Site
from wce.sandbox import filters, front, functions, highlight

DOC = (Path(__file__).resolve().parents[2] / "docs/templates.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(jinja|markdown)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("entry", [*functions.TABLE, *filters.TABLE], ids=lambda entry: entry.name)
def test_every_function_and_filter_stands_in_the_docs_with_its_signature(entry: functions.Function | filters.Filter) -> None:
    assert f"| `{entry.name}{entry.signature}` | {entry.does} |" in DOC


@pytest.mark.parametrize("name", front.FIELDS)
def test_every_name_of_the_front_matter_stands_in_the_docs(name: str) -> None:
    assert f"| `{name}` | {front.FIELDS[name]} |" in DOC


def test_the_filters_of_jinja_stand_in_the_docs() -> None:
    told = re.search(r"Of Jinja's own: (.*?)\. There is", DOC)

    assert told is not None
    assert tuple(re.findall(r"`(\w+)`", told[1])) == filters.KEPT


def test_the_languages_of_code_stand_in_the_docs() -> None:
    told = re.search(r"Known are (.*?)\. In code", DOC)

    assert told is not None
    names = re.split(r", | and ", told[1])
    assert set(names) <= highlight.LEXERS.keys()
    assert {highlight.LEXERS[name] for name in names} == set(highlight.LEXERS.values())


@pytest.mark.parametrize(("syntax", "source"), EXAMPLES)
def test_every_example_of_the_docs_is_a_page(site: Site, syntax: str, source: str) -> None:
    site.add("layouts/base", "{% block title %}{% endblock %}{% block content %}{% endblock %}{{ content }}")
    site.add("macros", "{% macro card(title, url) %}<a href='{{ url }}'>{{ title }}</a>{% endmacro %}")
    site.rows = {"columns": ["id", "title", "text", "price", "made_at"], "rows": [[1, "*one*", "*one*", 1234.5, 0]]}

    text = site.text(source, syntax=syntax, content="", page={"title": "x"})

    if "query(" in source:
        assert "<a href='/c/pages/notes/1'>*one*</a>\n    <p>1,234.50 · 01 January 1970</p>" in text
    if syntax == "markdown":
        assert "<h2>*one*</h2>\n<p><em>one</em></p>" in text
