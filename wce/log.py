"""One JSON object per line on the standard library's logging."""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from typing import Any, Final

import orjson

from wce.config import usable

LOGGER: Final = logging.getLogger("wce")
_LINE: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
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


class Stream(logging.StreamHandler):  # type: ignore[type-arg]
    """A handler of whole lines, which go to the file in one call and without a record."""

    def __init__(self, file: str, pid: int | None) -> None:
        super().__init__(open(file, "a", encoding="utf-8") if file else sys.stderr)  # noqa: SIM115  # closed by `close`
        self.setFormatter(JsonFormatter(pid))
        self._pid = {} if pid is None else {"pid": pid}
        self._owned = bool(file)
        try:
            self._descriptor = self.stream.fileno()
        except (OSError, ValueError):  # what stands in for standard error need not be a file
            self._descriptor = -1

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; past the stream's own buffer, in which what cannot be written would stay until the end of the process."""
        try:
            self._write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except Exception:  # noqa: BLE001  # as every handler
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        """Tell standard error, unless that is what could not be written to."""
        if self._owned or not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def line(self, event: str, fields: dict[str, Any]) -> None:
        """Write a line of INFO."""
        now = time.time()
        told = {"time": f"{_stamp(int(now))}.{int(now % 1 * 1000):03d}Z", "level": "info", "event": event, **self._pid, **fields}
        try:
            self._write(orjson.dumps(told, default=str, option=_LINE))
        except Exception:  # noqa: BLE001  # as every handler: a log that cannot be written stops nothing
            self.handleError(logging.makeLogRecord({"msg": event}))

    def _write(self, text: bytes) -> None:
        if self._descriptor < 0 or os.write(self._descriptor, text) != len(text):
            self.stream.write(text.decode())
            self.flush()

    def close(self) -> None:
        super().close()
        if self._owned:
            self._descriptor = -1
            self.stream.close()


def info(event: str, fields: dict[str, Any]) -> None:
    """Log one line of INFO at the least cost."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    if LOGGER.propagate:  # `configure` has not set it up, so whoever did decides where it goes
        LOGGER.handle(_record(event, fields))
        return
    for handler in LOGGER.handlers:
        if isinstance(handler, Stream):
            handler.line(event, fields)
        else:
            handler.handle(_record(event, fields))


def _record(event: str, fields: dict[str, Any]) -> logging.LogRecord:
    return logging.makeLogRecord({"name": LOGGER.name, "levelno": logging.INFO, "levelname": "INFO", "msg": event, "fields": fields})


def configure(level: str, file: str = "", *, pid: int | None = None) -> logging.Handler:
    """Send the `wce` logger to a file or to standard error; returns the handler so that its owner can close it.

    `pid` is shown on each line, for processes that share a log. SettingError where the file cannot be written.

    Also stops the logging module from finding out what no line shows (docs.python.org/3/howto/logging.html#optimization).
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # or each line walks the stack for its place in the source
    with usable("WCE_LOG_FILE"):
        handler = Stream(file, pid)
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    return handler
