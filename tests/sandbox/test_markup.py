"""Markdown as HTML: what it may hold, and what hostile Markdown becomes."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from wce.sandbox import highlight
from wce.sandbox.markup import MAX_TEXT, escaped, to_html, unbroken


def test_tables_task_lists_footnotes_and_struck_words() -> None:
    html = to_html("| a | b |\n|:--|--:|\n| ~~1~~ | 2 |\n\n- [x] done\n- [ ] open\n\nnote[^1]\n\n[^1]: foot")

    assert '<td style="text-align:right">2</td>' in html
    assert "<s>1</s>" in html
    assert '<input class="task-list-item-checkbox" checked="checked" type="checkbox" disabled=""> done' in html
    assert '<a href="#fn1" id="fnref1" rel="noopener noreferrer">[1]</a>' in html
    assert '<li id="fn1" class="footnote-item">' in html


def test_code_is_highlighted_in_a_language_that_is_known_and_only_escaped_in_another() -> None:
    known, unknown = to_html("```python\nif x < 1: y\n```"), to_html("```nope\nx < 1\n```")

    assert '<code class="language-python"><span class="k">if</span>' in known
    assert unknown == '<pre><code class="language-nope">x &lt; 1\n</code></pre>\n'


def test_a_block_of_code_that_is_too_long_stays_plain() -> None:
    assert "span" not in to_html("```python\n" + "if x: y\n" * (highlight.MAX_CODE // 8) + "if x: y\n```")


@pytest.mark.parametrize("alias", highlight.LEXERS)
def test_every_language_reads_its_text_back(alias: str) -> None:
    code = "<?php class a { int x = \"1\"; } # 'y' // z\n-- <b onclick=x>\n\tSELECT 1 FROM a;\n"

    spans = highlight.highlight(code, alias, "")

    assert Markup(re.sub(r"</?span[^>]*>", "", spans)).unescape() == code


ALLOWED = '<div><b title="x" lang="en">b</b><details open=""><summary>s</summary></details><img src="a.png" alt="a"></div>'


def test_html_on_the_list_stays() -> None:
    assert to_html(ALLOWED) == ALLOWED


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>alert(1)</script>x", "x"),
        ("x <script src=//e.vil></script>", "<p>x </p>\n"),
        ("x <style>*{}</style>", "<p>x </p>\n"),
        ("x <iframe srcdoc='<script>alert(1)</script>'></iframe>", "<p>x </p>\n"),
        ("x <b onclick=alert(1) style=position:fixed class=x id=y>b</b>", "<p>x <b>b</b></p>\n"),
        ("x <img src=x onerror=alert(1)>", '<p>x <img src="x"></p>\n'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("[a](&#106;avascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("[a](vbscript:x) [a](data:text/html,x)", "<p>[a](vbscript:x) [a](data:text/html,x)</p>\n"),
        ("<javascript:alert(1)>", "<p>&lt;javascript:alert(1)&gt;</p>\n"),
        ("x <a href='java\tscript:alert(1)'>a</a>", '<p>x <a rel="noopener noreferrer">a</a></p>\n'),
        ("x <a href=' &#1;javascript:alert(1)'>a</a>", '<p>x <a rel="noopener noreferrer">a</a></p>\n'),
        ("x <a href=data:image/png;base64,aa>a</a>", '<p>x <a rel="noopener noreferrer">a</a></p>\n'),
        ("x <img src='data:image/png;base64,aa=='>", '<p>x <img src="data:image/png;base64,aa=="></p>\n'),
        ("x <img src='data:image/svg+xml,<svg onload=x>'>", "<p>x <img></p>\n"),
        ("x <img src='data:text/html,x'>", "<p>x <img></p>\n"),
        ("![a](data:image/png;base64,aa==)", '<p><img src="data:image/png;base64,aa==" alt="a"></p>\n'),
        ("x <svg><script>alert(1)</script><a xlink:href=javascript:x>y</a></svg>", "<p>x </p>\n"),
        ("x <svg/onload=alert(1)>", "<p>x &lt;svg/onload=alert(1)&gt;</p>\n"),
        ("x <math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>", "<p>x </p>"),
        ("x <noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>", '<p>x <img src="x">\'&gt;</p>\n'),
        ("x <!-- <script>alert(1)</script> -->", "<p>x </p>\n"),
        ("x <!--><script>alert(1)</script>-->", None),
        ("x <form action=/y><button formaction=z>b</button><input type=text name=q value=v></form>", None),
        ("x <base href=//e.vil><meta http-equiv=refresh content=0><link rel=stylesheet href=x>", "<p>x </p>\n"),
        ("x <object data=x></object><embed src=x><applet></applet>", "<p>x </p>\n"),
        ("x <td style='background:url(javascript:x);text-align:right'>y</td>", "<p>x y</p>\n"),
        ("x <span class='k evil'>y</span>", '<p>x <span class="k">y</span></p>\n'),
        ("x <code class='language-js evil'>y</code>", "<p>x <code>y</code></p>\n"),
        ("x <a id=fn1 name=y target=_top>a</a><p id=location>", None),
        ("x <plaintext>y", "<p>x </p>y&lt;/p&gt;\n"),
        ("x <xmp><script>alert(1)</script></xmp>", None),
        ("x <textarea><script>alert(1)</script></textarea>", "<p>x </p>\n"),
        ("x <template><script>alert(1)</script></template>", "<p>x </p>\n"),
        ("```html\n<script>alert(1)</script>\n```", None),
        ('```"><script>alert(1)</script>\nx\n```', None),
        ("[x]: javascript:alert(1)\n\n[x]", "<p>[x]: javascript:alert(1)</p>\n<p>[x]</p>\n"),
        ("[^<script>]: x\n\ny[^<script>]", None),
        ('[a](x "\'onmouseover=alert(1)")', None),
        ('[a](<x" onmouseover=alert(1)>)', None),
    ],
)
def test_hostile_markdown_becomes_harmless(text: str, html: str | None) -> None:
    made = to_html(text)

    if html is not None:
        assert made == html
    assert not re.search(r"<(?:script|style|iframe|form|button|svg|math|object|embed|base|meta|link|xmp)\b", made)
    assert not re.search(r"<[^>]*\s(?:on\w+|srcdoc|formaction|name|target)=(?!.*\"[^\"]*>)", re.sub(r'"[^"]*"', '""', made))
    assert not re.search(r"""(?:href|src)="\s*(?:java|vb)script:""", made)


@pytest.mark.parametrize(
    "text",
    [
        "> " * 1_000 + "x",
        "- " * 1_000 + "x",
        "1. " * 1_000 + "x",
        "*a " * 1_000,
        "**a" * 1_000,
        "_" * 5_000,
        "~~" * 1_000,
        "`a" * 1_000,
        "[" * 1_000,
        "![" * 1_000,
        "](" * 1_000,
        "[x](" * 1_000,
        "[^" * 1_000,
        "^[" * 1_000,
        "[a]: " * 1_000,
        "<" * 5_000,
        "<!--" * 1_000,
        '<a href="' * 1_000,
        "<b>" * 1_000,
        "&" * 5_000,
        "\\" * 5_000,
        "|" * 5_000,
        "|a" * 100 + "\n" + "|-" * 100 + "\n" + ("|b" * 100 + "\n") * 20,
        "".join(" " * depth + "- a\n" for depth in range(200)),
        "".join(">" * depth + " a\n" for depth in range(200)),
        "".join(f"[^{n}]: [^{n + 1}]\n\n" for n in range(500)) + "[^0]",
        "[^a]: x [^a]\n\n" + "[^a]" * 500,
        "\0\x01\x7f\ufffe\ud800",
    ],
)
def test_what_is_nested_or_repeated_without_sense_ends(text: str) -> None:
    assert isinstance(to_html(text), Markup)


def test_a_text_has_a_greatest_length() -> None:
    with pytest.raises(ValueError, match="at most"):
        to_html("x" * (MAX_TEXT + 1))


# Values inside of Markdown.


@pytest.mark.parametrize(
    "value",
    [
        "[x](http://e.vil)",
        "![x](y)",
        "**b** *i* _u_ ~~s~~ `c`",
        "# head",
        "- item",
        "1. item",
        "2) item",
        "+ item",
        "> quote",
        "    code",
        "\tcode",
        "===",
        "---",
        ": x",
        "a\n\n# b",
        "a\r\n\r\nb",
        "a | b",
        "```\ncode",
        "<script>alert(1)</script>",
        "<http://e.vil>",
        "&lt;b&gt;",
        "\\*a\\*",
        "^[note] [^1]",
        "a \"quoted\" 'one'",
        "snake_case_name and 2026-01-31, 3.5",
    ],
)
def test_a_value_is_nothing_but_text(value: str) -> None:
    html = to_html(f"before\n{escaped(value)}\n\n| a |\n|---|\n| {escaped(value)} |\n\n{escaped(value)}\n\n[^1]: x")

    assert set(re.findall(r"<(\w+)", html)) == {"p", "table", "thead", "tbody", "tr", "th", "td"}
    shown = " ".join(Markup(re.sub(r"<[^>]+>", "", html)).unescape().split())
    assert shown.count(" ".join(value.split())) == 3


def test_a_number_or_nothing_stays_as_it_is() -> None:
    assert (escaped(None), escaped(5), escaped(1.5), escaped(True)) == ("", "5", "1.5", "True")


def test_html_stays_in_one_piece() -> None:
    assert escaped(Markup("<pre>a\n\n \nb</pre>")) == "<pre>a\n&#10;&#10;b</pre>"
    whole = unbroken("<ul><li>[a](b)\n\n[a](b)</li></ul>")
    assert to_html(f"x\n\n{whole}") == "<p>x</p>\n<ul><li>[a](b)\n\n[a](b)</li></ul>"


def test_markdown_that_says_it_is_safe_is_markdown() -> None:
    assert to_html(str(escaped(Markup("a\n\n*b*")))) == "<p>a</p>\n<p><em>b</em></p>\n"
