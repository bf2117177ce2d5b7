"""Answers that granian reads from files, as fast as the client does: what it is given as bytes stays in its memory until the client
has taken all of it, and so do a thousand such answers."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from typing import IO, Final

from werkzeug.wsgi import FileWrapper

from wce.web import scratch
from wce.web.exchange import Exchange
from wce.web.headers import Headers

_OPENED_SECONDS: Final = 30.0  # by then it is surely open, also where the file system does not say when a file was read


class Outgoing:
    """The files; each stays open here until granian has opened it for itself, as it may have no name."""

    def __init__(self) -> None:
        self._files: deque[tuple[float, IO[bytes]]] = deque()

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


def spooled(body: bytes) -> FileWrapper:
    """The same in a file without a name; OSError where there is no room."""
    file = tempfile.TemporaryFile(dir=scratch.folder())  # noqa: SIM115  # `Outgoing` closes it
    try:
        file.write(body)
        file.flush()
    except BaseException:
        file.close()
        raise
    return FileWrapper(file)
