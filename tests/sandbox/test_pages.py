"""Pages in Markdown, and templates that scripts render, in real workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from tests.sandbox.sites import PATIENT, ROWS, Site
from wce.sandbox import highlight
from wce.sandbox.filters import FILTERS
from wce.sandbox.messages import SCRIPT, Fault, Job, Reply
from wce.sandbox.pool import Pool
from wce.sandbox.runtime import Runtime

PAGE = """---
title: Notes
layout: layouts/base
data:
  notes: SELECT * FROM notes WHERE slug = :slug
---
# {{ page.title }} of {{ request.params.slug }}

{% for note in notes %}
- {{ note.title }}
{% endfor %}
"""


def test_a_markdown_page_has_front_matter_rows_and_a_layout(site: Site) -> None:
    site.add("layouts/base", "<title>{{ page.title }}</title>{{ content }}")

    page = site.page(PAGE, "markdown")

    assert page.body == (b"<title>Notes</title><h1>Notes of x</h1>\n<ul>\n<li>&lt;one&gt;</li>\n<li>two</li>\n</ul>\n")
    assert (page.front, page.templates, page.queries) == ({"title": "Notes", "layout": "layouts/base"}, ("page", "layouts/base"), 1)
    assert site.asked[0]["params"] == {"slug": "x"}


def test_a_value_in_markdown_is_text_and_html_in_it_is_held_to_the_list(site: Site) -> None:
    text = site.text("{{ x }}\n\n{{ x|markdown }}\n\n{{ y|safe }}", syntax="markdown", x="*a* 1 < 2", y="<div onclick=1><script>1</script>")

    assert text == "<p>*a* 1 &lt; 2</p>\n<p><em>a</em> 1 &lt; 2</p>\n<div></div>"


def test_markdown_is_text_in_markdown_and_html_in_everything_else(site: Site) -> None:
    site.add("part", "---\ntitle: Part\n---\n*{{ page.title }}*", "markdown")
    site.add("nav", "<ul>\n\n<li>{{ x }}{% include 'part' %}</li></ul>")

    inside = site.text("a {% include 'part' %}\n\n{% include 'nav' %}", syntax="markdown", x="[a](b)")
    outside = site.text("a {% include 'part' %}")

    assert inside == "<p>a <em>Part</em></p>\n<ul>\n\n<li>[a](b)<p><em>Part</em></p>\n</li></ul>"
    assert outside == "a <p><em>Part</em></p>\n"


@pytest.mark.parametrize(
    ("source", "kind", "line", "words"),
    [
        ("---\ntitle: x\nlayout: gone\n---\n", "runtime", 3, "no such template: gone"),
        ("---\ntitle: x\n---\n\n{{ 1 // 0 }}", "runtime", 5, "division"),
        ("---\ntitle: [\n---\n", "syntax", 3, "not YAML"),
        ("---\ntitle: x\n---\n{{ 1 + }}", "syntax", 4, "unexpected"),
        ("---\ndata: {range: SELECT 1}\n---\n", "syntax", 2, "a name that cannot be"),
    ],
)
def test_what_goes_wrong_in_markdown_stands_at_its_line(site: Site, source: str, kind: str, line: int, words: str) -> None:
    fault = site.fault(source, syntax="markdown")

    assert (fault.kind, fault.template, fault.line) == (kind, "page", line)
    assert words in fault.message


def test_a_query_of_the_front_matter_that_is_refused_stands_at_its_line(site: Site) -> None:
    site.serve = lambda message: ({"ok": False, "message": "no such table: notes"}, b"")  # type: ignore[method-assign]

    fault = site.fault(PAGE, syntax="markdown")

    assert (fault.kind, fault.template, fault.line) == ("refused", "page", 5)


def test_markdown_is_read_without_running(pool: Pool) -> None:
    pool.check("---\nlayout: gone\ndata: {x: SELECT nonsense}\n---\n{{ 1 // 0 }}", "markdown")


def test_another_syntax_is_refused(site: Site) -> None:
    assert "must be jinja, markdown or html" in site.unreadable("x", "docx").message


# Nothing may be left to be loaded when a worker is closed.


@pytest.mark.parametrize("name", sorted(FILTERS.keys() | {"random"}))
def test_every_filter_works_in_a_worker(far_site: Site, name: str) -> None:
    arguments = {
        "batch": "(2)",
        "slice": "(2)",
        "groupby": "(0)",
        "date": "('%A %B %d %p %Z')",
        "replace": "('a', 'é')",
        "map": "('upper')",
    }
    arguments |= {"select": "('string')", "reject": "('none')", "selectattr": "(0)", "rejectattr": "(0)", "format": "()"}
    values = "1767225600.5" if name in ("abs", "date", "filesizeformat", "float", "int", "number", "round") else "['ab', 'http://é.de']"
    if name in ("capitalize", "center", "escape", "e", "forceescape", "format", "indent", "lower", "markdown", "replace", "string"):
        values = "'äb'"
    if name in ("striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount", "wordwrap"):
        values = "'<b>http://é.de'"
    if name in ("dictsort", "items", "xmlattr"):
        values = "{'b': 'ä', 'a': 1}"
    if name == "sum":
        values = "[1, 2.5]"

    assert far_site.text("{% set found = " + values + "|" + name + arguments.get(name, "") + " %}{{ found is defined }}") == "True"


def test_every_language_is_highlighted_in_a_worker(far_site: Site) -> None:
    names = sorted({kind.aliases[0] for kind in highlight.LEXERS.values()})
    source = "".join(f"```{name}\n+ 1\n<?php $x = strlen('1'); ?> # a <b>c</b> SELECT\n```\n\n" for name in names)

    page = far_site.text(source, syntax="markdown")

    assert page.count("<pre><code") == len(names)
    assert all("<span" in block for block in page.split("<pre>")[1:])


def test_a_page_in_a_worker_is_the_same_as_here(site: Site, far_site: Site) -> None:
    for one in (site, far_site):
        one.add("layouts/base", "{{ content }}{{ user.name }}{% include 'nav' %}{% include 'gone' ignore missing %}")
        one.add("nav", "{{ url_for_page('index') }}{{ request.query.q }}")

    here, there = (one.page(PAGE, "markdown", user={"name": "ada"}) for one in (site, far_site))

    assert here == there
    assert there.reads == ("user", "request.query")
    assert there.missing == ("gone",)


def test_an_error_in_a_worker_is_the_same_as_here(site: Site, far_site: Site) -> None:
    for one in (site, far_site):
        one.add("layouts/base", "\n{{ 1 // 0 }}")

    here, there = (one.fault(PAGE, syntax="markdown") for one in (site, far_site))

    assert here.to_meta() == there.to_meta()
    assert (there.template, there.line) == ("layouts/base", 2)


# Scripts.


def run(lines: str, site: Site) -> Reply:
    """Call a script in this process, in a thread that is not the main one, as in a worker."""

    def ask(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        template = site.templates.get(message["name"])
        return ({"found": False}, b"") if template is None else ({"found": True, "syntax": template.syntax}, template.source.encode())

    def work() -> Reply:
        runtime = Runtime(ask)
        runtime.warm()
        runtime.check(source, SCRIPT)
        runtime.check("{{ x }}", "jinja")
        assert not runtime.known("key")
        runtime.load("key", source)
        return runtime.call(Job(source, "key", {"path": "/x"}, base="/c/pages/").to_meta(), b"")

    source = f"def handler(request):\n    {lines}\n"
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


def test_scripts_and_templates_share_a_worker(site: Site) -> None:
    site.add("a", "{{ x }}{{ url_for_page('b') }}")

    assert run("return render('a', {'x': 1})", site).body == b"1/c/pages/b"


@pytest.mark.parametrize(
    ("line", "words"), [("render(1)", "must be given by its name"), ("render('a', 1)", "a dict"), ("render('b')", "(template b, line 1)")]
)
def test_a_script_is_told_what_is_wrong_with_its_call(site: Site, line: str, words: str) -> None:
    site.add("b", "{{")

    with pytest.raises(Fault) as caught:
        run(line, site)

    assert words in caught.value.message


def call(pool: Pool, site: Site, line: str) -> Reply:
    source = f"def handler(request):\n    {line}\n"
    return pool.call("a", Job(source, str(hash(source)), {"path": "/x"}, budget=PATIENT, base="/c/pages/"), site.serve, site.templates.get)


def test_a_script_renders_a_template_with_data_of_its_own(pool: Pool, site: Site) -> None:
    site.add("mail", "{{ name }} {{ query('x')[0].id }} {{ url_for_page('a') }} {% for n in list %}{{ n }}{% endfor %}")
    site.add("note", "---\ntitle: x\n---\n*{{ name }}*", "markdown")

    reply = call(pool, site, "return render('mail', {'name': '<a>', 'list': [1, 2]}) + render('note', {'name': 'b'}) + render('mail')")

    assert reply.body == b"&lt;a&gt; 1 /c/pages/a 12<p><em>b</em></p>\n 1 /c/pages/a "
    assert reply.queries == 2


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("{'request': 'x', 'user': 'u', 'query': 'q'}", "x u q"),
        ("{'request': {'params': 5}, 'user': None, 'query': 1.5}", "{&#39;params&#39;: 5}  1.5"),
        ("{'request': [1], 'user': {'a': b'x'}, 'query': set([1])}", "[1] {&#39;a&#39;: b&#39;x&#39;} {1}"),
    ],
)
def test_a_script_may_call_its_data_what_it_likes(pool: Pool, site: Site, context: str, text: str) -> None:
    site.add("names", "{{ request }} {{ user }} {{ query }}")

    assert call(pool, site, f"return render('names', {context})").body.decode() == text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return render('bad', {1: 2})", "keywords must be strings"),
        ("return render('gone')", "no such template: gone"),
        ("return render('bad')", "by zero (template bad, line 2)"),
        ("return render(1)", "must be given by its name"),
        ("return render('bad', 1)", "must be a dict"),
        ("return render('unreadable')", "(template unreadable, line 1)"),
        ("return [render('gone' + str(i)) for i in range(200)]", "no such template: gone0"),
    ],
)
def test_what_goes_wrong_in_a_template_is_an_error_of_the_script(pool: Pool, site: Site, line: str, words: str) -> None:
    site.add("bad", "\n{{ 1 // 0 }}")
    site.add("unreadable", "{{")

    with pytest.raises(Fault) as caught:
        call(pool, site, line)

    assert words in caught.value.message
    assert caught.value.line == 2


def test_a_template_is_asked_for_once_in_a_call_and_anew_in_the_next(pool: Pool, site: Site) -> None:
    asked: list[str] = []
    find = site.templates.get

    def noted(name: str) -> Any:
        asked.append(name)
        return find(name)

    site.add("row", "{{ n }}")
    source = "def handler(request):\n    return ''.join([render('row', {'n': i}) for i in range(9)])\n"
    job = Job(source, "rows", {"path": "/x"}, budget=PATIENT)

    bodies = [pool.call("a", job, site.serve, noted).body for _ in range(2)]

    assert (bodies, asked) == ([b"012345678"] * 2, ["row"] * 2)


def test_the_rows_are_as_the_database_gave_them(site: Site) -> None:
    assert site.text("{{ query('x')|json }}") == orjson.dumps(
        [dict(zip(ROWS["columns"], row, strict=True)) for row in ROWS["rows"]]
    ).decode().replace("<", "\\u003c").replace(">", "\\u003e")
