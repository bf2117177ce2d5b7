"""Templates in real workers: what they are given, what they become, and what is noted of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.sites import Site
from wce.sandbox.database import Database
from wce.sandbox.pool import Pool
from wce.sandbox.templates import Renderer

# What a page is made of.


def test_a_number_beyond_all_floats_is_infinite(site: Site) -> None:
    assert site.text("{{ 1e400 }} {{ -1e400 }}") == "inf -inf"


def test_a_template_is_given_the_request_and_the_user(site: Site) -> None:
    assert site.text("{{ request.params.slug }} {{ user.username }}", user={"username": "ada"}) == "x ada"


def test_values_are_escaped_and_nothing_is_shown_for_none(site: Site) -> None:
    assert site.text("{{ x }}|{{ none }}|{{ x|safe }}|{{ nope }}", x="<b>") == "&lt;b&gt;||<b>|"


def test_templates_extend_include_and_import_each_other(site: Site) -> None:
    site.add("layouts/base", "<h1>{% block title %}none{% endblock %}</h1>{% include 'nav' %}")
    site.add("nav", "<nav>{{ request.path }}</nav>")
    site.add("macros", "{% macro row(value) %}<td>{{ value }}</td>{% endmacro %}")
    site.add("raw", "<i>{{ as it is }}</i>", "html")

    title = "{% block title %}{{ m.row('<') }}{% include 'raw' %}{{ super() }}{% endblock %}"
    page = site.page("{% extends 'layouts/base' %}{% import 'macros' as m %}" + title)

    assert page.body == b"<h1><td>&lt;</td><i>{{ as it is }}</i>none</h1><nav>blog/x</nav>"
    assert page.templates == ("page", "layouts/base", "macros", "raw", "nav")


def test_html_is_sent_as_it_is(site: Site) -> None:
    assert site.page("<p>{{ x }}</p>\r\n", "html").body == b"<p>{{ x }}</p>\r\n"


def test_rows_come_from_the_database_and_their_fields_go_before_methods(site: Site) -> None:
    text = site.text("{% for row in query('SELECT 1', [now()]) %}{{ row.id }}{{ row.title }} {% endfor %}{{ query_one('x').title }}")

    assert text == "1&lt;one&gt; 2two &lt;one&gt;"
    assert [message["do"] for message in site.asked] == ["query", "query_one"]
    assert len(site.asked[0]["params"][0]) == len("2026-01-31 08:30:00")


def test_the_parts_of_jinjas_own_values_can_be_read(site: Site) -> None:
    groups = (
        "{% for group in query('x')|groupby('id') %}{{ group.grouper }}{{ group.list|length }}{{ loop.index }}{{ loop.last }} {% endfor %}"
    )
    macro = "{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_varargs }}"
    cycler = "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{% set comma = joiner(',') %}{{ comma() }}{{ comma() }}"

    assert site.text(groups) == "111False 212True "
    assert site.text(macro) == "m(&#39;a&#39;,)True"
    assert site.text(cycler) == "ab,"
    assert site.text("{{ now().year > 2000 }}{{ 'a b'.split()|length }}{{ dict(a=1).get('a') }}{{ [1, 1].count(1) }}") == "True212"
    assert site.text("{{ 7 % 4 }}{{ 2 ** 3 }}{{ 2.0 ** 3 }}{{ 'ab' * 2 }}{{ [1] * 2 }}") == "388.0abab[1, 1]"


def test_what_was_read_is_kept_within_a_bound() -> None:
    renderer = Renderer(never, Database(never))

    for number in range(12):
        renderer.check(f"{number}{'x' * 200_000}", "html")

    assert len(renderer._known) == 5


def never(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    raise AssertionError(message)


def test_the_addresses_of_pages(site: Site) -> None:
    source = "{{ url_for_page('blog/{slug}', slug='a/b ü', page=2, q=none) }} {{ url_for_page('index') }} {{ url_for_page('blog/index') }}"

    assert site.text(source) == "/c/pages/blog/a/b%20%C3%BC?page=2 /c/pages/ /c/pages/blog/"
    assert "needs slug" in site.fault("{{ url_for_page('blog/{slug}') }}").message


def test_what_only_ends_as_an_index_is_none(site: Site) -> None:
    assert site.text("{{ url_for_page('reindex') }} {{ url_for_page('a/{x}', x='index') }}") == "/c/pages/reindex /c/pages/a/index"


def test_nothing_of_one_page_is_seen_by_the_next(site: Site) -> None:
    site.add("m", "{% set rows = query('x') %}{% macro n() %}{{ rows[0].id }}{{ x }}{% endmacro %}")
    source = "{% import 'm' as m %}{{ m.n() }}"

    assert (site.text(source, x=1), site.text(source, x=2)) == ("11", "12")
    assert len(site.asked) == 2


# What is noted.


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("{{ request.path }}{{ request.params.slug }}{{ 'path' in request }}", ()),
        ("{{ user.username }}", ("user",)),
        ("{% if false %}{{ user }}{% endif %}", ("user",)),
        ("{{ request.query.q }}{{ request['headers'] }}", ("request.query", "request.headers")),
        ("{{ request|json }}", ("request.query", "request.headers", "request.method")),
        ("{{ request }}", ("request.query", "request.headers", "request.method")),
        ("{{ [request] }}", ("request.query", "request.headers", "request.method")),
        ("{% for name, value in request.items() %}{% endfor %}", ("request.query", "request.headers", "request.method")),
        ("{{ now() }}{{ [1]|random }}", ("now", "random")),
        ("{% set user = 1 %}{{ user }}", ()),
        ("{% import 'who' as w %}{{ w.name() }}", ("user",)),
        ("{% include 'who' %}", ()),
    ],
)
def test_what_depends_on_the_viewer_or_the_moment_is_noted(site: Site, source: str, reads: tuple[str, ...]) -> None:
    site.add("who", "{% macro name() %}{{ user }}{% endmacro %}")

    assert site.page(source).reads == reads


def test_templates_that_were_looked_for_in_vain_are_noted_once(site: Site) -> None:
    page = site.page("{% include 'gone' ignore missing %}{% include ['gone', 'away'] ignore missing %}")

    assert (page.templates, page.missing) == (("page",), ("gone", "away"))


# What goes wrong.


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("{{ 1 + }}", 1, 8, "unexpected"),
        ("a\n  {% if x %}\n", 2, 13, "endif"),
        ("\n {% for x in %}", 2, 14, "expression"),
        ("ü {{ ' }}", 1, 6, "unexpected char"),
        ("{{ x|nope }}", 1, 6, "nope"),
        ("\r\n\t{% autoescape false %}{% endautoescape %}", 2, 5, "always on"),
        ("x" * (256 * 1024 + 1), 1, 1, "256 KiB"),
        ("\n\0", 2, 1, "NUL"),
        ("{{ " + "(" * 5000, 1, 1, "deeply"),
        ("{{ f(a=1, a=2) }}", 1, 1, "keyword argument repeated: a"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(site: Site, source: str, line: int, column: int, words: str) -> None:
    fault = site.unreadable(source)

    assert (fault.kind, fault.line, fault.column) == ("syntax", line, column)
    assert words in fault.message


def test_what_can_be_read_is_not_run(pool: Pool) -> None:
    pool.check("{{ 1 / 0 }}{% include 'gone' %}{{ 'x'|center(10 ** 9) }}", "jinja")
    pool.check("{{ nothing of this is read", "html")


def test_an_error_names_the_template_and_the_line(site: Site) -> None:
    site.add("part", "\n\n  {{ 1 // 0 }}")

    fault = site.fault("\n{% include 'part' %}")

    assert (fault.kind, fault.template, fault.line, fault.excerpt) == ("runtime", "part", 3, "  {{ 1 // 0 }}")
    assert [(frame.name, frame.line) for frame in fault.trace] == [("page", 2), ("part", 3)]
    assert str(fault).endswith("(line 3)")


def test_a_template_that_cannot_be_read_is_named_where_it_is_used(site: Site) -> None:
    site.add("part", "{{")

    fault = site.fault("\n{% include 'part' %}")

    assert (fault.kind, fault.template, fault.line) == ("syntax", "part", 1)


def test_an_error_of_the_database_stands_at_its_line(site: Site) -> None:
    site.serve = lambda message: ({"ok": False, "message": "no such table: x"}, b"")  # type: ignore[method-assign]

    fault = site.fault("\n{{ query('SELECT * FROM x') }}")

    assert (fault.kind, fault.message, fault.template, fault.line, fault.queries) == ("refused", "no such table: x", "page", 2, 1)


def test_a_missing_template_is_told_by_its_name(site: Site) -> None:
    assert site.fault("{% extends 'gone' %}").message == "no such template: gone"
