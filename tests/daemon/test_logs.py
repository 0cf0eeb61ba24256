"""Log lines: one event a line, numbers masked, context added."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from airpost.clock import Instant
from airpost.daemon.logs import (
    JsonFormatter,
    KeyValueFormatter,
    configure,
    context,
    mask_numbers,
)


def record(message: str, *args: object, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("airpost.x", level, __file__, 1, message, args, None)
    made.created = 1_767_323_045.678
    return made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x to=+491701234567 y", "x to=+49…67 y"),
        ("x to=491701234567", "x to=491…67"),
        ("sender='00491701234567'", "sender='004…67'"),
        ("said +491701234567, twice", "said +49…67, twice"),
        ("to=10086", "to=10086"),
        ("imei=490154203237518", "imei=490154203237518"),
        ("msg=019b7c8e-1234-7000-8000-123456789012", "msg=019b7c8e-1234-7000-8000-123456789012"),
        ("1+1234567", "1+1234567"),
        ("at=1767323045678000", "at=1767323045678000"),
    ],
)
def test_numbers_are_masked_and_identities_are_not(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown


def test_a_line() -> None:
    with context(modem="gate-1"), context(msg="m1"):
        line = KeyValueFormatter().format(record("sent.ok to=%s", "+491701234567"))
    assert line == "2026-01-02T03:04:05.678Z INFO airpost.x sent.ok to=+49…67 modem=gate-1 msg=m1"
    assert KeyValueFormatter().format(record("a")).endswith("airpost.x a")


def test_what_is_told_later_stands_with_the_time_at_which_it_happened() -> None:
    made = record("a")
    made.happened_at = Instant(1_767_323_040_000_000)
    assert KeyValueFormatter().format(made).startswith("2026-01-02T03:04:00.000Z ")


def test_a_text_begins_no_line_of_its_own() -> None:
    line = KeyValueFormatter().format(record("x text=%s", "a\nERROR fake\x1b[2J\u2028"))
    assert line.endswith(r"x text=a\nERROR fake\x1b[2J\u2028")


def failing() -> logging.LogRecord:
    made = record("x.failed", level=logging.ERROR)
    made.exc_info = (ValueError, ValueError("no +491701234567"), None)
    return made


def test_a_traceback_stands_below_and_is_masked() -> None:
    lines = KeyValueFormatter().format(failing()).split("\n")
    assert lines[0].endswith("ERROR airpost.x x.failed")
    assert lines[-1] == "ValueError: no +49…67"


def test_the_journal_gets_priorities_and_no_time() -> None:
    formatter = KeyValueFormatter(journal=True)
    assert formatter.format(record("a")) == "<6>INFO airpost.x a"
    assert formatter.format(record("a", level=logging.DEBUG)).startswith("<7>")
    assert all(line.startswith("<3>") for line in formatter.format(failing()).split("\n"))


def test_json() -> None:
    with context(modem="gate-1"):
        shown = json.loads(JsonFormatter().format(record("sent.ok to=%s n=1", "+491701234567")))
    assert shown == {
        "at": "2026-01-02T03:04:05.678Z", "level": "info", "logger": "airpost.x",
        "event": "sent.ok", "text": "sent.ok to=+49…67 n=1", "to": "+49…67", "n": "1",
        "modem": "gate-1",
    }  # fmt: skip
    assert "ValueError: no +49…67" in json.loads(JsonFormatter().format(failing()))["traceback"]


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
def test_configure_sends_what_is_grave_enough() -> None:
    stream = io.StringIO()
    configure("warning", "json", stream)
    logging.getLogger("airpost.x").info("a")
    logging.getLogger("airpost.x").warning("b")
    configure("info", "text", stream)
    logging.getLogger("airpost.x").info("c")
    one, two = stream.getvalue().splitlines()
    assert json.loads(one)["event"] == "b"
    assert two.endswith("INFO airpost.x c")
