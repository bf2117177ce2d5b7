"""Loads one URL with wrk, or with threads of our own where wrk is missing, and reads what it cost the server."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True)
class Request:
    """What is sent: `variants` are (path, body) pairs, taken in turn."""

    method: str
    headers: dict[str, str]
    variants: list[tuple[str, str]]


@dataclass(frozen=True)
class Sample:
    """One run against one server; times in milliseconds, CPU in microseconds a request, memory in MiB."""

    per_second: float
    p50: float
    p95: float
    p99: float
    errors: int
    cpu_us: float
    peak_mib: float


@dataclass
class Meter:
    """CPU time and peak memory of a process and its children."""

    pid: int
    _seen: dict[int, float] = field(default_factory=dict)

    def _tree(self) -> list[psutil.Process]:
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        total = 0.0
        for process in self._tree():
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def memory_mib(self) -> float:
        return sum(process.memory_info().rss for process in self._tree()) / 2**20


_LUA = """
local variants = {%s}
local turn = %d
request = function()
  turn = turn %% #variants + 1
  local v = variants[turn]
  return wrk.format(%s, v[1], %s, v[2])
end
done = function(summary, latency)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(95), latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def _lua_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _lua(request: Request) -> str:
    variants = ",".join(f"{{{_lua_text(path)},{_lua_text(body) if body else 'nil'}}}" for path, body in request.variants)
    headers = "{" + ",".join(f"[{_lua_text(k)}]={_lua_text(v)}" for k, v in request.headers.items()) + "}"
    return _LUA % (variants, 0, _lua_text(request.method), headers)


def _with_wrk(base: str, request: Request, seconds: float, connections: int) -> tuple[int, float, float, float, float, int]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "load.lua")
        script.write_text(_lua(request))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), base]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said: {done.stdout}{done.stderr}")
    count, duration, p50, p95, p99, errors = (int(group) for group in found.groups())
    return count, duration / 1e6, p50 / 1e3, p95 / 1e3, p99 / 1e3, errors


def _with_threads(base: str, request: Request, seconds: float, connections: int) -> tuple[int, float, float, float, float, int]:
    place = urlsplit(base)
    end = time.monotonic() + seconds
    times: list[float] = []
    errors = itertools.count()
    lock = threading.Lock()

    def run(offset: int) -> None:
        own: list[float] = []
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        for path, body in itertools.islice(itertools.cycle(request.variants), offset, None):
            start = time.monotonic()
            if start > end:
                break
            connection.request(request.method, path, body or None, request.headers)
            answer = connection.getresponse()
            answer.read()
            own.append(time.monotonic() - start)
            if answer.status >= 400:
                next(errors)
        connection.close()
        with lock:
            times.extend(own)

    threads = [threading.Thread(target=run, args=(i * 37,)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(times, n=100)
    return len(times), seconds, cuts[49] * 1e3, cuts[94] * 1e3, cuts[98] * 1e3, next(errors)


def measure(base: str, pid: int, request: Request, *, seconds: float, connections: int = 8) -> Sample:
    """Load `base` for `seconds` over `connections` kept-alive connections."""
    meter = Meter(pid)
    before = meter.cpu_seconds()
    run = _with_wrk if shutil.which("wrk") else _with_threads
    count, duration, p50, p95, p99, errors = run(base, request, seconds, connections)
    cpu = meter.cpu_seconds() - before
    return Sample(count / duration, p50, p95, p99, errors, cpu / max(count, 1) * 1e6, meter.memory_mib())
