"""Addresses and networks that are believed."""

from __future__ import annotations

import pytest

from wce.peers import among, peers

NONE = """
    * proxy 10.0.0 10.0.0.5/8 10.0.0.0/33 10.0.0.0/255.0.0.0 10.0.0.0/0.255.255.255 10.0.0.0/ /8 010.0.0.1 10.0.0.5:80 10.0.0.1;10.0.0.2
    0.0.0.0/0 ::/0 ::ffff:0:0/96 [::1] ::1/129 fe80::%eth0/64 fe80::1% 10.0.0.1%eth0 \u0661.0.0.1
"""


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
        ("::ffff:10.0.0.5", "10.0.0.5", "10.0.0.6"),
        ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
        ("10.0.0.5, 10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
        ("0:0:0:0:0:0:0:1", "::1", "127.0.0.1"),
        ("fd00::/8,", "fdff::1", "fe00::1"),
        ("fe80::1%eth0", "fe80::1%eth0", "fe80::1%eth1"),
        ("::/1", "2001:db8::1", "::ffff:10.0.0.5"),
        ("10.0.0.0/8", "10.0.0.0", "not an address"),
    ],
)
def test_whoever_is_in_it_is_among_them_and_nobody_else(text: str, inside: str, outside: str) -> None:
    assert [among(address, peers(text)) for address in (inside, outside)] == [True, False]


@pytest.mark.parametrize("text", NONE.split())
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be IP addresses and networks"):
        peers(f"127.0.0.1, {text}")
