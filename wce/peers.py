"""Addresses and networks of those who are believed when they say for whom they ask."""

from __future__ import annotations

import functools
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Peer = IPv4Network | IPv6Network | IPv6Address  # an address by itself is one with its interface, as fe80::1%eth0
_RULE: Final = "must be IP addresses and networks such as 10.0.0.5, 10.1.0.0/16, separated by commas"
_NETWORK: Final = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")
_MAPPED_BITS: Final = 96  # of an IPv4 address as IPv6 spells it, ::ffff:10.0.0.5


def peers(text: str) -> tuple[Peer, ...]:
    """addresses and networks separated by commas"""
    return tuple(_peer(word.strip()) for word in text.split(",") if word.strip())


def _peer(word: str) -> Peer:
    try:
        if "%" in word:
            return IPv6Address(word)
        found = ip_network(word) if _NETWORK.fullmatch(word) else None
    except ValueError as error:
        raise ValueError(f"{_RULE}: {error}") from error
    if found is None:
        raise ValueError(f"{_RULE}: {word!r} is not one")
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is not None and found.prefixlen >= _MAPPED_BITS:
        found = IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
    if not found.prefixlen:
        raise ValueError(f"{_RULE}: {word} is every address")
    return found


@functools.lru_cache(maxsize=4096)
def among(address: str, trusted: tuple[Peer, ...]) -> bool:
    """Whether an address, as connections have it, is one of theirs. A socket for IPv6 spells IPv4 ::ffff:10.0.0.5."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    found = (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found
    return any(found == peer if isinstance(peer, IPv6Address) else found in peer for peer in trusted)
