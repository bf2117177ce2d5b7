"""One JSON object per line on the standard library's logging."""

from __future__ import annotations

import functools
import logging
import sys
import time
from typing import Any, Final

import orjson

LOGGER: Final = logging.getLogger("wce")
# Attributes of a record that belong to the logging machinery, not to the event.
_MACHINERY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """`time` (UTC, milliseconds), `level`, `event`, `pid` where several processes log, then whatever the call passed in `extra`."""

    def __init__(self, pid: int | None = None) -> None:
        super().__init__()
        self._pid = pid

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{_stamp(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if self._pid is not None:
            line["pid"] = self._pid
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        line.update(fields if fields is not None else {key: value for key, value in vars(record).items() if key not in _MACHINERY})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


@functools.lru_cache(maxsize=2)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class Line(logging.LogRecord):
    """A record of INFO that carries its fields and nothing about the place in the source, for what is logged with every request."""

    def __init__(self, event: str, fields: dict[str, Any]) -> None:  # the parent's finds out much that no line shows
        now = time.time()
        vars(self).update(_EMPTY, msg=event, created=now, msecs=now % 1 * 1000, fields=fields)


_EMPTY: Final = vars(logging.LogRecord(LOGGER.name, logging.INFO, "", 0, "", (), None))


def info(event: str, fields: dict[str, Any]) -> None:
    """Log one line of INFO at the least cost."""
    if LOGGER.isEnabledFor(logging.INFO):
        LOGGER.handle(Line(event, fields))


def configure(level: str, file: str = "", *, pid: int | None = None) -> logging.Handler:
    """Send the `wce` logger to a file or to standard error; returns the handler so that its owner can close it.

    `pid` is shown on each line, for processes that share a log.

    Also stops the logging module from finding out what no line shows (docs.python.org/3/howto/logging.html#optimization).
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # or each line walks the stack for its place in the source
    handler: logging.Handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(pid))
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    return handler
