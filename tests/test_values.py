"""Values as JSON."""

from __future__ import annotations

import orjson
import pytest

from wce import values


def test_infinities_become_null() -> None:
    assert values.encode([float("inf"), float("-inf"), 1.5]) == b"[null,null,1.5]"


def test_a_blob_becomes_base64() -> None:
    assert values.encode([b"\x00\xff"]) == b'[{"$base64":"AP8="}]'


def test_the_widest_integers_keep_every_digit() -> None:
    assert values.encode([2**63 - 1, -(2**63)]) == b"[9223372036854775807,-9223372036854775808]"


def test_an_unpaired_surrogate_does_not_break_the_answer() -> None:
    assert orjson.loads(values.encode({"a\ud800": ["x\ud800y", (b"\x01", None)]})) == {"a?": ["x?y", [{"$base64": "AQ=="}, None]]}


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        values.encode([object()])
