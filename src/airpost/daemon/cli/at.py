"""`airpost at parse`: what a recorded answer of a modem says, as the service would read it.

May import at_json and click. Reads standard input; a bad record never stops the rest.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from airpost.daemon.cli.at_json import Json, parsed
from airpost.daemon.cli.console import console
from airpost.errors import InvalidRequest


@click.group()
def at() -> None:
    """Ask a modem, or read recorded answers."""


at.add_command(console)


def _say(record: Json) -> None:
    click.echo(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode())


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise InvalidRequest("record", "is no JSON object")
    return value


def _text(record: Json, name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(name, "is no string")
    return value


def _stream(record: Json) -> str:
    match record.get("response"):
        case str(text):
            return text
        case list(texts) if all(isinstance(each, str) for each in texts):
            return "".join(texts)
    raise InvalidRequest("response", "is missing or no list of strings")


def _parse_record(record: Json) -> Json:
    return parsed(_stream(record), _text(record, "command"), _text(record, "charset"))


def _parse_line(line: bytes) -> Json:
    """One record in, one out; what is wrong with it is said in its place."""
    identity: Any = None
    try:
        record = _object(json.loads(line))
        identity = record.get("id")
        return {"id": identity, **_parse_record(record)}
    except InvalidRequest as error:
        field, message = error.field, error.message
    except (ValueError, RecursionError) as error:
        field, message = "record", f"is no JSON: {error}"
    return {"id": identity, "error": {"field": field, "message": message}}


@at.command()
@click.option("--jsonl", is_flag=True, help="Read records {id, command, response}, one a line.")
@click.option("--command", metavar="AT…", help="What was asked; otherwise the echo tells.")
def parse(jsonl: bool, command: str | None) -> None:
    """Read one answer of a modem, write what it says as JSON."""
    if not jsonl:
        _say(parsed(sys.stdin.buffer.read().decode("latin-1"), command))
        return
    for line in sys.stdin.buffer:
        if line.strip():
            _say(_parse_line(line))
