"""Which fields a script can look at is read from its text, and never too few."""

from __future__ import annotations

import pytest

from wce.sandbox.fields import Texts, has_body, key_of, needed


def handler(*lines: str, name: str = "request") -> str:
    return "\n".join((f"def handler({name}):", *(f"    {line}" for line in lines), ""))


@pytest.mark.parametrize(
    ("script", "fields"),
    [
        (handler("return 1"), set()),
        (handler("return request.params['id'] + request.query.get('q')"), {"params", "query"}),
        (handler("return r.user.username", name="r"), {"user"}),
        (handler("return request.json"), {"json"}),
        ("# what the request says, handler and all\n" + handler("return request.ip"), {"ip"}),
        (handler("return 'see request.body'"), {"body"}),
        ("def other(x):\n    return x\n" + handler("return other(request.method)"), {"method"}),
    ],
)
def test_only_what_the_text_names_is_needed(script: str, fields: set[str]) -> None:
    assert needed(script) == fields


@pytest.mark.parametrize(
    "script",
    [
        handler("return json.encode(request)"),
        handler("return request[name]"),
        handler("return request['ip']"),
        handler("return request.get('ip')"),
        handler("return request.no_such_field"),
        handler("return request.Ip"),
        handler("return request .ip"),
        handler("x = request", "return x.ip"),
        handler("return [request for request in []]"),
        handler("return row.request"),
        handler("return other(r)", name="r"),
        handler("return 1", name="request, other=None"),
        handler("# the request's own \"quote", "return 1"),
        handler("return 1 # the request"),
        handler("# one\rreturn json.encode(request)"),
        handler("return 1") + "handler = other\n",
        'x = """\n' + handler("return 1", name="r") + '"""\n' + handler("return request"),
        'x = """\n' + handler("return 1", name="r") + '"""\ndef  handler(a):\n    return a\n',
        "handler = lambda request: request.ip\n",
        "response = request.method\n",
        "",
    ],
)
def test_where_it_is_not_plain_to_see_all_are(script: str) -> None:
    assert needed(script) is None


def test_a_text_in_a_script_cannot_stand_for_its_handler() -> None:
    assert needed('x = """\n' + handler("return 1", name="r") + '"""\nresponse = request.method\n') == {"method"}


def test_a_long_and_hostile_text_is_read_at_once() -> None:
    assert needed("def handler(request):\n" + '"""\\' * 60_000) == frozenset()
    assert needed("#" * 250_000) is None


def test_texts_are_held_as_long_as_there_is_room_for_them() -> None:
    texts = Texts(size_bytes=100_000)
    script = handler("return request.ip", name="request")

    known = [texts.read(script) for _ in range(2)]
    for number in range(10):
        texts.read(f"# {number}" + "x" * 10_000)

    assert known == [(key_of(script), frozenset({"ip"}))] * 2
    assert len(texts) == 2


def test_a_body_is_sent_only_to_whoever_looks_at_it() -> None:
    assert [has_body(fields) for fields in (None, frozenset(), frozenset({"ip", "form"}), frozenset({"json"}))] == [
        True,
        False,
        False,
        True,
    ]
