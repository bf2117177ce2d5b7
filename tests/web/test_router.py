"""The quick look-up of routes says nothing that Werkzeug would not say."""

from __future__ import annotations

import random
import re

from flask import Flask
from werkzeug.routing import Map, Rule

from wce.web.router import Router

CENV = "0b5f8a52-1111-4222-8333-0123456789ab"
WORDS = (
    "",
    "/",
    "//",
    "a",
    "api",
    "query",
    "admin",
    "1",
    "x/y",
    " ",
    "%",
    "\n",
    "é",
    ".",
    "..",
    "tables",
    "me",
    "login",
    "pages",
    "assets",
    "assets/x",
    "<",
    ">",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW")


def addresses(app: Flask, count: int) -> list[tuple[str, str]]:
    """Addresses of the application's own rules, bent in every way."""
    rng = random.Random(5309)
    rules = list(app.url_map.iter_rules())
    made = []
    while len(made) < count:
        rule = rng.choice(rules)
        method = rng.choice((*METHODS, *sorted(rule.methods or ()) * 4))
        text = rule.rule.replace("<cenv:cenv_id>", rng.choice((CENV, CENV, CENV.upper(), CENV[:-1])))
        text = re.sub(r"<[^>]*>", lambda _: rng.choice(WORDS), text) + rng.choice(("", "", "", "/", rng.choice(WORDS)))
        if not text.startswith("//"):
            made.append((text, method))
    return made


def test_it_finds_what_werkzeug_finds(app: Flask) -> None:
    router = Router(app.url_map.iter_rules())
    found = {asked: router.match(*asked) for asked in addresses(app, 1_500)}

    known = {asked: answer for asked, answer in found.items() if answer is not None}
    assert len(known) > 50
    for (path, method), answer in known.items():
        assert app.url_map.bind("localhost", path_info=path).match(path, method, return_rule=True) == answer


def test_it_knows_the_addresses_that_are_asked_most(app: Flask) -> None:
    router = Router(app.url_map.iter_rules())

    for path, method in (
        ("/", "GET"),
        (f"/{CENV}/query", "POST"),
        (f"/{CENV}/me", "GET"),
        (f"/{CENV}/api/notes/7", "GET"),
        (f"/{CENV}/pages/blog/one", "GET"),
    ):
        assert router.match(path, method) is not None, path


def router(*rules: Rule, **of_map: bool) -> Router:
    return Router(Map(rules, **of_map).iter_rules())


def test_two_rules_for_one_address_are_werkzeugs(app: Flask) -> None:
    found = router(Rule("/a", endpoint="one", methods=["GET"]), Rule("/a", endpoint="two", methods=["GET", "POST"]))

    assert found.match("/a", "GET") is None
    assert found.match("/a", "POST") is not None


def test_what_more_exact_rules_share_is_werkzeugs(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == "endpoints.answer"]
    exact = Rule(f"{rules[0].rule.partition('<path')[0]}exact", endpoint="exact")

    below = Rule(f"{rules[0].rule.partition('<path')[0]}folder/<name>", endpoint="below")
    either = Rule(f"{rules[0].rule.partition('<path')[0]}<name>", endpoint="either")
    found = Router([*rules, exact, below])

    assert Router(rules).match(f"/{CENV}/api/exact", "GET") is not None
    assert [found.match(f"/{CENV}/api/{path}", "GET") for path in ("exact", "exact/more", "folder", "folder/a", "folder/a/b")] == [None] * 5
    assert [bool(found.match(f"/{CENV}/api/{path}", "GET")) for path in ("other", "other/exact", "exactly")] == [True] * 3
    assert Router([*rules, either]).match(f"/{CENV}/api/other", "GET") is None


def test_rules_with_more_than_a_path_are_werkzeugs() -> None:
    assert router(Rule("/a", endpoint="a", defaults={"x": 1})).match("/a", "GET") is None
    assert router(Rule("/a", endpoint="a", redirect_to="/b")).match("/a", "GET") is None
    assert router(Rule("/a", endpoint="a", websocket=True)).match("/a", "GET") is None


def test_a_method_that_views_do_not_answer_themselves_is_werkzeugs() -> None:
    assert router(Rule("/a", endpoint="a", methods=["GET", "OPTIONS"])).match("/a", "OPTIONS") is None
