"""Log lines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wce.log import LOGGER, JsonFormatter, configure


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    before, level = LOGGER.handlers[:], LOGGER.level
    handler = configure("info", str(tmp_path / "log"))
    yield tmp_path / "log"
    handler.close()
    LOGGER.handlers[:] = before
    LOGGER.setLevel(level)


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_one_json_object_with_the_extras_of_the_call(log_file: Path) -> None:
    LOGGER.info("request", extra={"status": 200, "cenv": "c"})

    (line,) = lines(log_file)
    assert {"level": "info", "event": "request", "status": 200, "cenv": "c"}.items() <= line.items()


def test_the_time_is_utc_with_milliseconds() -> None:
    record = logging.makeLogRecord({"msg": "x", "created": 1.25, "msecs": 250.0})

    assert json.loads(JsonFormatter().format(record))["time"] == "1970-01-01T00:00:01.250Z"


def test_a_line_break_in_a_message_stays_inside_its_line(log_file: Path) -> None:
    LOGGER.info('two\nlines "quoted" ü')

    (line,) = lines(log_file)
    assert line["event"] == 'two\nlines "quoted" ü'


def test_lines_below_the_level_are_dropped(log_file: Path) -> None:
    LOGGER.debug("quiet")

    assert lines(log_file) == []


def test_an_exception_comes_with_its_trace(log_file: Path) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        LOGGER.exception("failed")

    (line,) = lines(log_file)
    assert "ValueError: broken" in str(line["exception"])


def test_a_value_that_json_does_not_know_becomes_text(log_file: Path) -> None:
    LOGGER.info("x", extra={"folder": Path("/a")})

    assert lines(log_file)[0]["folder"] == "/a"


def test_configuring_again_replaces_the_handler(log_file: Path) -> None:
    second = configure("warning")

    assert LOGGER.handlers == [second]
    assert isinstance(second, logging.StreamHandler)
    assert second.stream is sys.stderr
    assert LOGGER.level == logging.WARNING
