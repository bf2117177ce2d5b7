"""Runs "scripts" that are Python: what somebody could do who has escaped from his interpreter. For tests only."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

import orjson

from wce.sandbox import wire
from wce.sandbox.messages import Fault, Print, Rendered, Reply
from wce.sandbox.worker import Ask


class PythonRuntime:
    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._loaded: dict[str, dict[str, Any]] = {}

    def check(self, source: str, syntax: str) -> None:
        try:
            compile(source, "script", "exec")
        except SyntaxError as error:
            raise Fault("syntax", error.msg, error.lineno, error.offset) from error

    def known(self, key: str) -> bool:
        return key in self._loaded

    def load(self, key: str, source: str) -> None:
        names = {"os": os, "socket": socket, "sys": sys, "time": time, "Fault": Fault, "wire": wire, "ask": self._ask}
        exec(source, names)
        self._loaded[key] = names

    def call(self, job_meta: dict[str, Any], body: bytes) -> Reply:
        answer = self._loaded[job_meta["key"]][job_meta["entry"]](job_meta["request"])
        if isinstance(answer, Reply):
            return answer
        raw = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        return Reply(200, (("content-type", "application/json"),), raw, (Print("print", body.decode(), 1),) if body else ())

    def render(self, job_meta: dict[str, Any], source: str) -> Rendered:
        found = [self._ask({"op": "template", "name": name}) for name in source.split()]
        return Rendered(orjson.dumps([[meta, text.decode()] for meta, text in found]), (job_meta["name"],))

    def warm(self) -> None:
        """Nothing here is loaded late."""
