"""Log lines."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wce.log import LOGGER, JsonFormatter, configure, info

ROOT = Path(__file__).resolve().parent.parent


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


def test_a_line_of_a_request_goes_the_short_way_to_the_same_place(log_file: Path) -> None:
    info("request", {"status": 200, 7: Path("/a")})  # type: ignore[dict-item]
    LOGGER.info("after")

    first, second = lines(log_file)
    assert {"level": "info", "event": "request", "status": 200, "7": "/a"}.items() <= first.items()
    assert list(first)[:3] == list(second)[:3]


def test_the_short_way_tells_the_process_too(tmp_path: Path, log_file: Path) -> None:
    handler = configure("info", str(tmp_path / "of_one"), pid=7)
    info("request", {})
    handler.close()

    assert lines(tmp_path / "of_one")[0]["pid"] == 7


def test_the_short_way_keeps_to_the_level(log_file: Path) -> None:
    LOGGER.setLevel(logging.WARNING)
    info("request", {})

    assert lines(log_file) == []


def test_what_stands_in_for_standard_error_need_not_be_a_file(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    handler = configure("info")
    info("request", {"status": 200})
    text = sys.stderr.getvalue()  # type: ignore[attr-defined]
    handler.close()

    assert json.loads(text)["status"] == 200


def test_a_log_that_cannot_be_written_stops_nothing(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    LOGGER.handlers[0].close()

    info("request", {})


def test_a_line_that_cannot_be_made_is_told_and_one_that_cannot_be_written_is_not(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To standard error itself, where what cannot be written would wait in a buffer for the end of the process."""
    with (tmp_path / "errors").open("w") as errors, open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        configure("info")
        monkeypatch.setattr(sys, "stderr", errors)
        LOGGER.warning("never heard")
        info("never heard", {})
        LOGGER.warning("%d rows", "no")

    told = (tmp_path / "errors").read_text()
    assert told.count("--- Logging error ---") == 1
    assert "%d format" in told


def test_other_handlers_get_a_record(log_file: Path) -> None:
    class Kept(logging.Handler):
        records: list[logging.LogRecord] = []  # noqa: RUF012

        def emit(self, record: logging.LogRecord) -> None:
            self.records.append(record)

    LOGGER.addHandler(Kept())
    info("request", {"status": 200})

    (record,) = Kept.records
    told = json.loads(JsonFormatter().format(record))
    assert (told["level"], told["event"], told["status"]) == ("info", "request", 200)


def test_every_event_of_the_log_stands_under_operating() -> None:
    calls = (
        node
        for path in [ROOT / "app.py", *(ROOT / "wce").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and re.fullmatch(r"(log\.)?LOGGER\.(debug|info|warning|error|exception)", ast.unparse(node.func))
    )
    events = {
        part.value for call in calls for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }

    told = set(re.findall(r"`([^`]+)`", (ROOT / "docs/operating.md").read_text(encoding="utf-8").split("## Logs")[1]))

    assert len(events) > 30
    assert events - told == set()
