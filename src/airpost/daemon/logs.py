"""The log: one line an event, `key=value` or JSON, numbers masked, context added.

Stdlib and L0. Messages of the code read `event.name key=value …`; what is written on top is when,
how grave, from where, and what is bound by `context()`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.model import masked
from airpost.services.http.credentials import without_secrets

_bound: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("airpost_log_context", default=())

# A number is what has a "+" in front, or stands behind a key that holds numbers; other runs of
# digits are identities, sizes and times, which a reader needs whole.
_INTERNATIONAL = re.compile(r"(?<![0-9A-Za-z+])\+[0-9]{6,20}(?![0-9])")
_KEYS = ("to=", "from=", "sender=", "number=", "smsc=", "msisdn=")
_KEYED = re.compile(rf"\b((?:{'|'.join(_KEYS)})[\"']?)(\+?[0-9]{{6,20}})(?![0-9])")
_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\S+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# sd-daemon(3): the journal reads the priority from the front of a line.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


@contextmanager
def context(**fields: str) -> Iterator[None]:
    """Add `modem=…`, `msg=…` to every line logged inside, in this task and those it starts."""
    token = _bound.set((*_bound.get(), *fields.items()))
    try:
        yield
    finally:
        _bound.reset(token)


def mask_numbers(text: str) -> str:
    """`text` with telephone numbers cut down to what logs may show, and without secrets."""
    text = without_secrets(text)
    if any(key in text for key in _KEYS):  # few lines have one
        text = _KEYED.sub(lambda found: found[1] + masked(found[2]), text)
    return _INTERNATIONAL.sub(lambda found: masked(found[0]), text) if "+" in text else text


def _one_line(text: str) -> str:
    """Control characters as escapes, so that nobody's text begins a line of its own."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _at(record: logging.LogRecord) -> str:
    """When it happened, where that is told later: `extra={"happened_at": Instant}`."""
    happened = getattr(record, "happened_at", None)
    return rfc3339(happened or Instant(int(record.created * SECOND_US)))


class KeyValueFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z INFO airpost.http event key=value`; the journal has the time."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below where there is one."""
        extra = "".join(f" {name}={value}" for name, value in _bound.get())
        line = _one_line(f"{record.levelname} {record.name} {record.getMessage()}{extra}")
        line = line if self._journal else f"{_at(record)} {line}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        line = mask_numbers(line)
        if self._journal:
            mark = f"<{_priority(record.levelno)}>"
            line = "\n".join(mark + each for each in line.split("\n"))
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, event, text, the fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The object; fields are taken from the message and the context."""
        text = mask_numbers(record.getMessage())
        shown: dict[str, str] = {
            **{name: value.strip("\"'") for name, value in _FIELD.findall(text)},
            **dict(_bound.get()),
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": text.split(" ", 1)[0],
            "text": text,
        }
        if record.exc_info:
            shown["traceback"] = mask_numbers(self.formatException(record.exc_info))
        return json.dumps(shown, ensure_ascii=False)


def _priority(level: int) -> int:
    return next((number for floor, number in _PRIORITIES if level >= floor), 7)


def configure(level: str = "INFO", form: str = "text", stream: TextIO | None = None) -> None:
    """Send everything at `level` and above to `stream` (standard error), as "text" or "json"."""
    handler = logging.StreamHandler(stream or sys.stderr)
    journal = stream is None and "JOURNAL_STREAM" in os.environ
    handler.setFormatter(JsonFormatter() if form == "json" else KeyValueFormatter(journal=journal))
    # No line names a thread or a process: nobody needs to look them up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("airpost.audit").setLevel(min(root.level, logging.INFO))  # anchors always
