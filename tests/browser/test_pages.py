"""Markdown that wants to run, in a real Chromium: as a page, in a layout, as a row of a table, for a visitor and for the owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.conftest import Server
from tests.e2e.owner import Owner

HOSTILE = (
    "<script>hacked('script')</script>",
    "<scr<script>ipt>hacked('nested')</scr</script>ipt>",
    "<img src=x onerror=hacked('img')>",
    "<img src='x' onerror=hacked('quoted')//",
    "<svg onload=hacked('svg')><script>hacked('svg script')</script></svg>",
    "<svg><animate onbegin=hacked('animate') attributeName=x dur=1s></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=hacked(1)&gt;'>",
    "<iframe srcdoc='<script>parent.hacked(1)</script>'></iframe>",
    "<iframe src='javascript:parent.hacked(1)'></iframe>",
    "<object data='data:text/html,<script>hacked(1)</script>'></object>",
    "<embed src='javascript:hacked(1)'>",
    "<details open ontoggle=hacked('toggle')><summary>x</summary></details>",
    "<video><source onerror=hacked('source')></video>",
    "<body onload=hacked('body')>",
    "<style>@import 'http://evil.invalid/a.css'; body { background: url(http://evil.invalid/b) }</style>",
    "<p style='background: url(http://evil.invalid/c)'>styled</p>",
    "<link rel=stylesheet href='http://evil.invalid/d.css'>",
    "<meta http-equiv=refresh content='0;url=http://evil.invalid/e'>",
    "<base href='http://evil.invalid/'>",
    "<form action='http://evil.invalid/f'><button autofocus onfocus=hacked('focus')>x</button></form>",
    "<input autofocus onfocus=hacked('input')>",
    "<a href='javascript:hacked(1)'>raw</a>",
    "[link](javascript:hacked(1))",
    "[link](JaVaScRiPt&colon;hacked(1))",
    "[link](\x01javascript:hacked(1))",
    "[link](data:text/html,<script>hacked(1)</script>)",
    "[link](vbscript:hacked(1))",
    "<javascript:hacked(1)>",
    "![image](javascript:hacked(1))",
    '![image](x "onerror=hacked(1)")',
    '![image" onerror="hacked(1)](x)',
    "[ref]: javascript:hacked(1)\n\n[ref]",
    "```html\" onmouseover=\"hacked(1)\n<script>hacked('code')</script>\n```",
    "<!-- <script> --><img src=x onerror=hacked('comment')><!-- </script> -->",
    "<noscript><p title=\"</noscript><img src=x onerror=hacked('noscript')>\"></noscript>",
    "<template><script>hacked('template')</script></template>",
    "<xmp><p title=\"</xmp><img src=x onerror=hacked('xmp')>\"></xmp>",
    "Term[^1]\n\n[^1]: <img src=x onerror=hacked('footnote')>",
    "| a |\n| --- |\n| <img src=x onerror=hacked('table')> |",
    "- [ ] <img src=x onerror=hacked('task')>",
)
WATCH = "window.runs = []; window.hacked = what => runs.push(String(what));"
LAYOUT = "<!doctype html><title>{{ page.title }}</title>{{ content }}"


@pytest.fixture(scope="module")
def site(start_server: Callable[..., Server]) -> Owner:
    """A cenv with the hostile texts in every place where a text can stand."""
    rate = "100000 per minute"
    owner = Owner(start_server(WCE_CENV_RATE_LIMIT_IP=rate, WCE_CENV_RATE_LIMIT_USER=rate).url)
    owner.sql("CREATE TABLE texts (text TEXT)")
    for text in HOSTILE:
        owner.sql("INSERT INTO texts VALUES (?)", [text])
    together = "\n\n".join(HOSTILE)
    rows = "{% for row in query('SELECT text FROM texts') %}<section>{{ row.text }}{{ row.text|markdown }}</section>{% endfor %}"
    for name, syntax, content in (
        ("layout", "jinja", LAYOUT),
        ("plain", "markdown", together),
        ("inside", "markdown", f"---\ntitle: '<script>hacked(1)</script>'\nlayout: layout\n---\n{together}"),
        ("rows", "jinja", rows),
    ):
        body = {"name": name, "syntax": syntax, "content": content, "published": True, "access": "public", "run_as": "definer"}
        answer = owner.post(f"{owner.address}/admin/templates", json=body, timeout=60)
        assert answer.status_code == 201, answer.text
    return owner


def test_nothing_in_a_text_runs_or_asks_anybody_else(browser: Browser, site: Owner) -> None:
    for signed_in in (False, True):
        context = browser.new_context()
        context.add_init_script(WATCH)
        if signed_in:
            token = str(site.headers["Authorization"]).removeprefix("Bearer ")
            context.add_cookies([{"name": f"wce_{site.cenv[:8]}", "value": token, "domain": "127.0.0.1", "path": f"/{site.cenv}/"}])
        page, asked, dialogs = context.new_page(), list[str](), list[Any]()
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("dialog", lambda dialog, dialogs=dialogs: (dialogs.append(dialog), dialog.dismiss()))
        for name in ("plain", "inside", "rows"):
            address = f"{site.address}/pages/{name}"
            answer = page.goto(address, wait_until="networkidle")

            assert answer is not None
            assert answer.status == 200
            assert page.evaluate("document.body.innerText").strip()
            assert page.evaluate("window.runs") == []
            assert (
                page.evaluate("[...document.querySelectorAll('a')].filter(a => /^(javascript|data|vbscript):/i.test(a.href)).length") == 0
            )
            assert (
                page.evaluate("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))")
                == []
            )
            assert (
                page.evaluate(
                    "document.querySelectorAll('script, style, iframe, object, embed, form, base, meta[http-equiv], link').length"
                )
                == 0
            )
            assert page.evaluate("self.origin") == "null"
            assert page.url == address
        assert [url for url in asked if not url.startswith(site.address.rsplit("/", 1)[0])] == []
        assert dialogs == []
        context.close()
