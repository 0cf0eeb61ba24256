"""The support archive: what helps a stranger to help, without texts, numbers, keys or PINs.

Stdlib, the trace's redaction and the doctor's facts. Everything that goes in is text that passed
`Redactor`; what it does not know to be harmless is left out.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airpost.at import urc
from airpost.at.channel import final_of
from airpost.at.grammar import split_prefix
from airpost.clock import SECOND_US, Instant
from airpost.daemon.cli.client import Json
from airpost.daemon.doctor.finding import finding_json
from airpost.daemon.doctor.wire import RECEIVED
from airpost.errors import ConfigError
from airpost.modem.trace import redacted

FOLDER = "airpost-support"
LOG_LINES = 2000
HIDDEN = "****"
# Keys whose values are secrets or people's numbers, whatever they look like.
_SECRET_KEYS = re.compile(r"pin|key|secret|token|password|number|smsc|imsi|imei|iccid|^sim$|^to$",
                          re.IGNORECASE)  # fmt: skip
_FILE_KEYS = frozenset({"pin_file"})  # a name, not what is in it
_CREDENTIALS = re.compile(r"(//)[^/@\s]+@")
_QUOTED = re.compile(r'"[^"]*"?')
# Lines whose quoted fields hold names of people, texts or places.
_PRIVATE = frozenset({"+CMT", "+CMGR", "+CMGL", "+CDS", "+CBM", "+CNUM", "+CPBR", "+CPBF", "+CLIP",
                      "+CCWA", "+CUSD", "+CREG", "+CGREG", "+CEREG", "+C5GREG"})  # fmt: skip
_PLACEHOLDER = re.compile(r"<\d+ (octets|characters)>")
_LOG_LINE = re.compile(r"(?:\S+ ){0,4}(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) airpost\.\w+ \w+\.\w+")


def bare_wire_line(way: str, text: str) -> str:
    """A line of the trace, which is redacted already, without what free text may stand in it."""
    if way != RECEIVED:
        return _QUOTED.sub('"…"', text) if text[2:3] in ("+", "^") and "=" in text else text
    shown = text.strip()
    prefix, _ = split_prefix(shown)
    if prefix in _PRIVATE:
        return _QUOTED.sub('"…"', shown)
    known = (
        urc.prefix_of(shown) is not None
        or final_of(shown) is not None
        or shown.startswith((">", "AT"))
        or _PLACEHOLDER.fullmatch(shown) is not None
    )
    return shown if known else f"<{len(shown)} characters>"


def harmless(value: Any, key: str = "") -> Any:
    """A JSON value with secrets hidden and numbers in its texts masked."""
    if key in _FILE_KEYS:
        return value
    if isinstance(value, Mapping):
        return {name: harmless(each, str(name)) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [harmless(each, key) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_KEYS.search(key):
        return HIDDEN
    if isinstance(value, str):
        return redacted(_CREDENTIALS.sub(r"\1****@", value))
    return value


def harmless_config(text: str) -> Json:
    """A configuration file as JSON; one that cannot be read is told by its error alone."""
    try:
        given: Json = harmless(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError("", f"is not valid TOML: {problem}") from None
    return given


def harmless_log(lines: Iterable[str]) -> str:
    """The lines that are events of airpost; tracebacks may hold anything and are left out."""
    kept = [redacted(line) for line in lines if _LOG_LINE.match(line)]
    return "\n".join(kept[-LOG_LINES:]) + "\n"


class Archive:
    """Files by name, then written at once."""

    def __init__(self, now: Instant) -> None:
        self._now = now
        self._files: dict[str, bytes] = {}

    def add_json(self, name: str, value: Any) -> None:
        """A value, made harmless."""
        text = json.dumps(harmless(value), ensure_ascii=False, indent=1)
        self._files[name] = text.encode()

    def add_text(self, name: str, text: str) -> None:
        """A text that is harmless already."""
        self._files[name] = text.encode()

    def add_findings(self, findings: Sequence[Any]) -> None:
        """What the checks found."""
        self.add_json("findings.json", [finding_json(each) for each in findings])

    def add_trace(self, lane: str, lines: Iterable[Json]) -> None:
        """The wire of one modem."""
        shown = (f"{e['at']} {e['way']} {bare_wire_line(e['way'], e['text'])}" for e in lines)
        self._files[f"trace/{re.sub(r'[^A-Za-z0-9._-]', '_', lane)}.txt"] = (
            "\n".join(shown) + "\n"
        ).encode()

    def write(self, path: Path) -> None:
        """A new file that its owner alone can read; FileExistsError, OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as tar:
            for name, data in sorted(self._files.items()):
                entry = tarfile.TarInfo(f"{FOLDER}/{name}")
                entry.size = len(data)
                entry.mtime = self._now // SECOND_US
                tar.addfile(entry, io.BytesIO(data))
