"""`airpost blocklist list | add | remove | import`: numbers that are never texted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

import click

from airpost.daemon.cli.client import Client, as_json_option, segment, talks
from airpost.daemon.cli.tables import say_json, say_table, short_time
from airpost.errors import Refused

TOGETHER = 1000  # numbers in one request

note_option = click.option("--note", help="Why; only people read it.")


@click.group()
def blocklist() -> None:
    """Show and change the list of numbers that are never texted."""


@blocklist.command(name="list")
@as_json_option
@talks
def list_(client: Client, *, as_json: bool) -> None:
    """List all numbers."""
    found = client.items(dict, "/v1/blocklist", {})
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        ("number", "since", "by", "note"),
        ((each["number"], short_time(each["since"]), each["by"], each["note"]) for each in found),
    )


@blocklist.command()
@click.argument("numbers", nargs=-1, required=True)
@note_option
@as_json_option
@talks
def add(client: Client, numbers: tuple[str, ...], *, note: str | None, as_json: bool) -> None:
    """Never text NUMBERS again; what waits for them fails."""
    _add(client, list(numbers), note, as_json=as_json)


@blocklist.command()
@click.argument("number")
@talks
def remove(client: Client, number: str) -> None:
    """Take NUMBER off the list."""
    client.delete(f"/v1/blocklist/{segment(number)}")
    click.echo(f"{number} may be texted again")


@blocklist.command(name="import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@note_option
@as_json_option
@talks
def import_(client: Client, file: TextIO, *, note: str | None, as_json: bool) -> None:
    """Add the numbers in FILE, one a line; what stands behind a # or a comma is not read.

    `-` reads standard input. What the list has already stays.
    """
    lines: dict[str, int] = {}  # the first of each number
    for number, line in _numbers(file):
        lines.setdefault(number, line)
    numbers = list(lines)
    if not numbers:
        raise click.UsageError("there is no number in this file")
    for at in range(0, len(numbers), TOGETHER):
        some = numbers[at : at + TOGETHER]
        try:
            _add(client, some, note, as_json=as_json)
        except Refused as refused:
            field = str(refused.problem.get("field", ""))
            place = field.removeprefix("numbers.")
            if place == field or not place.isdigit():
                raise
            where = f"{file.name}, line {lines[some[int(place)]]}: "
            words = refused.message.removeprefix(f"{field}: ")
            raise Refused(refused.status, {**refused.problem, "detail": where + words}) from None


def _numbers(file: TextIO) -> Iterator[tuple[str, int]]:
    """Each with its line, from 1 on."""
    try:
        lines = file.read().splitlines()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file.name} is not UTF-8 (octet {error.start + 1})") from None
    for line, text in enumerate(lines, 1):
        number = text.split("#")[0].split(",")[0].strip()
        if number:
            yield number, line


def _add(client: Client, numbers: list[str], note: str | None, *, as_json: bool) -> None:
    done = client.put("/v1/blocklist", {"numbers": numbers, "note": note})
    if as_json:
        say_json(done)
        return
    failed = f"; {done['failed']} messages that waited for them failed" if done["failed"] else ""
    click.echo(f"{done['numbers']} on the list{failed}")
