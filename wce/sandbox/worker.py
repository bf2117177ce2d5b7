"""The child's main: warm up, give everything up, then answer one call after the other until the server goes away.

It runs alone in a process of its own (see `process`), and trusts the server, never the script.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import orjson

from wce.sandbox import harden, wire
from wce.sandbox.limits import Limits
from wce.sandbox.messages import Budget, Fault, Rendered, Reply

_STACK_BYTES: Final = 4 << 20
Served = tuple[dict[str, Any], bytes]
Ask = Callable[[dict[str, Any]], Served]


class Runtime(Protocol):
    """What runs scripts and renders templates; every method may raise Fault."""

    def check(self, source: str, syntax: str) -> None: ...

    def known(self, key: str) -> bool: ...

    def load(self, key: str, source: str) -> None: ...

    def call(self, job_meta: dict[str, Any], body: bytes) -> Reply: ...

    def render(self, job_meta: dict[str, Any], source: str) -> Rendered: ...

    def warm(self) -> None: ...


def main(runtime: Callable[[Ask], Runtime]) -> None:
    """Live in a thread that is not the main one: there each entry into Go would read the process's maps again, from a file."""
    descriptor, config = sys.argv[2:4]
    sock = socket.socket(fileno=int(descriptor))
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=_live, args=(sock, runtime, orjson.loads(config)))
    thread.start()
    thread.join()
    os._exit(1)  # it died of an exception, which stands on stderr


def _live(sock: socket.socket, make: Callable[[Ask], Runtime], config: Mapping[str, Any]) -> None:
    def ask(meta: dict[str, Any]) -> Served:
        sock.sendall(wire.frame(meta))
        return wire.receive(sock)

    runtime = make(ask)
    runtime.warm()
    outside = config["outside"]
    warm, lacking = harden.harden(config["uid"], outside=outside)
    limits = None if outside else Limits(warm)
    try:
        sock.sendall(wire.frame({"op": "ready", **warm._asdict(), "lacking": lacking}))
        while True:
            meta, body = wire.receive(sock)
            if limits is not None:
                limits.allow(Budget(**meta["budget"]), meta["kept_bytes"])
            sock.sendall(wire.frame(*_answer(runtime, ask, meta, body)))
    except (EOFError, ConnectionError):
        os._exit(0)  # the server is gone; there is nothing to clean up


def _answer(runtime: Runtime, ask: Ask, meta: dict[str, Any], body: bytes) -> Served:
    try:
        if meta["op"] == "check":
            runtime.check(body.decode(), meta["syntax"])
            return {"op": "done"}, b""
        if meta["op"] == "render":
            page = runtime.render(meta, body.decode())
            return page.to_meta(), page.body
        if not runtime.known(meta["key"]):
            _, source = ask({"op": "need"})
            runtime.load(meta["key"], source.decode())
        reply = runtime.call(meta, body)
        return reply.to_meta(), reply.body
    except Fault as fault:
        told = fault.to_meta()
        told["message"] = wire.long(told["message"])
        return told, b""
