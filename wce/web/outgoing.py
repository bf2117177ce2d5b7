"""Answers that granian reads from files, as fast as the client does: what it is given as bytes stays in its memory until the client
has taken all of it, and so do a thousand such answers."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from typing import IO, Final

from werkzeug.wsgi import FileWrapper

from wce.web import scratch
from wce.web.exchange import Exchange
from wce.web.headers import Headers

_PREFIX: Final = "wce-answer."  # of the files, then the cenv
_DESCRIPTORS: Final = "/proc/self/fd"
_OPENED_SECONDS: Final = 30.0  # by then it is surely open, also where the file system does not say when a file was read


class Outgoing:
    """The files; each stays open here until granian has opened it for itself, as it may have no name."""

    def __init__(self, floor_bytes: int = 0) -> None:
        self._files: deque[tuple[float, IO[bytes]]] = deque()
        self._floor_bytes = floor_bytes
        self._lock = threading.Lock()
        self._sizes: Counter[str] = Counter()  # of the answers of each cenv that wait, or more than that

    def spooled(self, body: bytes, cenv: str) -> FileWrapper:
        """An answer of a cenv in a file without a name; OSError where there is no room, or the cenv has too many on their way."""
        self._require_room(len(body), cenv)
        descriptor, path = tempfile.mkstemp(prefix=f"{_PREFIX}{cenv}.", dir=scratch.folder())
        os.unlink(path)
        file = os.fdopen(descriptor, "w+b")  # `let_go` closes it
        try:
            file.write(body)
            file.flush()
        except BaseException:
            file.close()
            raise
        return FileWrapper(file)

    def __len__(self) -> int:
        return len(self._files)

    def send(self, exchange: Exchange, status: int, headers: Headers, answer: FileWrapper) -> None:
        """Answer with a file."""
        file = answer.file
        os.utime(file.fileno(), (0, time.time()))  # whoever reads it first sets the time anew: relatime of mount(8)
        self._files.append((time.monotonic(), file))
        exchange.response_file(status, headers, f"/proc/self/fd/{file.fileno()}")

    def let_go(self) -> None:
        """Close those that granian reads."""
        now = time.monotonic()
        for _ in range(len(self._files)):
            since, file = self._files.popleft()
            if now - since > _OPENED_SECONDS or os.fstat(file.fileno()).st_atime_ns:
                file.close()
            else:
                self._files.append((since, file))

    def close(self) -> None:
        """Close them all."""
        while self._files:
            self._files.popleft()[1].close()

    def _require_room(self, size: int, cenv: str) -> None:
        with self._lock:
            try:
                scratch.require_room(size, self._sizes[cenv], self._floor_bytes)
            except OSError:
                self._sizes = _open_answers()  # many clients have taken theirs meanwhile, which granian tells nobody
                scratch.require_room(size, self._sizes[cenv], self._floor_bytes)
            self._sizes[cenv] += size


def _open_answers() -> Counter[str]:
    """How many bytes of which cenv's answers this process, granian in it, still has open."""
    found = {}
    for number in os.listdir(_DESCRIPTORS):
        with suppress(OSError):  # closed since
            name = os.path.basename(os.readlink(f"{_DESCRIPTORS}/{number}"))
            if name.startswith(_PREFIX):
                found[name] = os.stat(f"{_DESCRIPTORS}/{number}").st_size  # once, also where it is open twice
    sizes: Counter[str] = Counter()
    for name, size in found.items():
        sizes[name.split(".")[1]] += size
    return sizes
