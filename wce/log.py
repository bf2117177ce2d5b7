"""One JSON object per line on the standard library's logging."""

from __future__ import annotations

import functools
import logging
import sys
import time
from typing import Any, Final

import orjson

LOGGER: Final = logging.getLogger("wce")
FIELDS: Final = "fields"  # `extra={FIELDS: {…}}` is a line's whole content, which costs less than one attribute each
# Attributes of a record that belong to the logging machinery, not to the event.
_MACHINERY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """`time` (UTC, milliseconds), `level`, `event`, then whatever the call passed in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{_stamp(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields: dict[str, Any] | None = getattr(record, FIELDS, None)
        line.update(fields if fields is not None else {key: value for key, value in vars(record).items() if key not in _MACHINERY})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


@functools.lru_cache(maxsize=2)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def configure(level: str, file: str = "") -> logging.Handler:
    """Send the `wce` logger to a file or to standard error; returns the handler so that its owner can close it.

    Also stops the logging module from finding out what no line shows (docs.python.org/3/howto/logging.html#optimization).
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # or each line walks the stack for its place in the source
    handler: logging.Handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    return handler
