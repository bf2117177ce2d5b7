"""Frames come out as they went in, and nothing else is read."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from wce.sandbox import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 3_000_000])
def test_a_frame_crosses_whole(pair: Pair, body: bytes) -> None:
    ours, theirs = pair
    sender = threading.Thread(target=ours.sendall, args=(wire.frame({"op": "é", "n": [1, None]}, body),))
    sender.start()

    found = wire.receive(theirs)

    sender.join()
    assert found == ({"op": "é", "n": [1, None]}, body)


def test_a_frame_may_come_byte_by_byte(pair: Pair) -> None:
    ours, theirs = pair
    data = wire.frame({"a": 1}, b"xy")

    def trickle() -> None:
        for byte in data:
            ours.send(bytes([byte]))

    sender = threading.Thread(target=trickle)
    sender.start()

    assert wire.receive(theirs) == ({"a": 1}, b"xy")
    sender.join()


def test_half_a_surrogate_pair_becomes_a_question_mark_and_a_large_integer_stays(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(wire.frame({"text": "a\ud800b", "n": 1 << 63}))

    assert wire.receive(theirs)[0] == {"text": "a?b", "n": 1 << 63}


@pytest.mark.parametrize("value", [float("nan"), object(), b"raw"])
def test_what_has_no_json_form_is_not_sent(value: object) -> None:
    if isinstance(value, float):
        assert wire.frame({"value": value})[8:] == b'{"value":null}'
        return

    with pytest.raises(wire.WireError):
        wire.frame({"value": value})


@pytest.mark.parametrize(
    "data",
    [
        wire.frame({}) + b"x",
        struct.pack(">II", 2, 0) + b"[]",
        struct.pack(">II", 2, 0) + b"{x",
        struct.pack(">II", wire.META_BYTES + 1, 0),
        struct.pack(">II", 0, 0),
    ],
)
def test_anything_malformed_is_refused(pair: Pair, data: bytes) -> None:
    ours, theirs = pair
    ours.sendall(data)

    with pytest.raises(wire.WireError):
        wire.receive(theirs)


def test_a_body_beyond_its_limit_is_refused_before_it_is_read(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(struct.pack(">II", 2, 101) + b"{}")

    with pytest.raises(wire.OversizedError):
        wire.receive(theirs, 100)


@pytest.mark.parametrize("data", [b"", wire.frame({}, b"body")[:-1]])
def test_the_end_of_the_other_side_is_told_apart(pair: Pair, data: bytes) -> None:
    ours, theirs = pair
    ours.sendall(data)
    ours.close()

    with pytest.raises(EOFError):
        wire.receive(theirs)
