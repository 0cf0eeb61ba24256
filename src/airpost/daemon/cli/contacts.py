"""`airpost contacts list | add | remove | import | export`: numbers by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click

from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.tables import say_json, say_table, short_time
from airpost.errors import InvalidRequest
from airpost.services.http.sheets import read_sheet, write_sheet

TOGETHER = 500  # in one request,
OCTETS = 200_000  # or so much JSON, whichever is less: 256 KiB are taken
MOST_ROWS = 1_000_000
COLUMNS = ("name", "number", "note")

owner_option = click.option("--owner", help="Whose; your own where it is left out.")


def place(path: str, name: str | None = None, owner: str | None = None) -> str:
    """The address of a list or of one entry, of an owner where one is named."""
    where = path if name is None else f"{path}/{segment(name)}"
    return where if owner is None else f"{where}?owner={segment(owner)}"


@click.group()
def contacts() -> None:
    """Show and change people. `contact:NAME` stands wherever a number may."""


@contacts.command(name="list")
@owner_option
@as_json_option
@talks
def list_(client: Client, *, owner: str | None, as_json: bool) -> None:
    """List contacts."""
    found = client.items(dict, "/v1/contacts", {"owner": owner})
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        ("name", "number", "owner", "changed", "note"),
        ((each["name"], each["number"], each["owner"], short_time(each["updated_at"]), each["note"])
         for each in found),
    )  # fmt: skip


@contacts.command()
@click.argument("name")
@click.argument("number")
@click.option("--note", help="Only people read it.")
@click.option("--value", "values", multiple=True, metavar="KEY=TEXT",
              help="For templates; may be repeated.")  # fmt: skip
@owner_option
@as_json_option
@talks
def add(
    client: Client,
    name: str,
    number: str,
    *,
    note: str | None,
    values: tuple[str, ...],
    owner: str | None,
    as_json: bool,
) -> None:
    """Keep NUMBER as NAME, in place of what NAME was before."""
    given: dict[str, str] = {}
    for each in values:
        key, equals, text = each.partition("=")
        if not equals:
            raise click.UsageError(f"--value is KEY=TEXT, not {each!r}")
        given[key] = text
    body = {"number": number, "note": note, "values": given}
    done = client.put(place("/v1/contacts", name, owner), body)
    if as_json:
        say_json(done)
    else:
        click.echo(f"contact:{done['name']} is {done['number']}")


@contacts.command()
@click.argument("name")
@owner_option
@talks
def remove(client: Client, name: str, *, owner: str | None) -> None:
    """Remove NAME, from its groups too."""
    client.delete(place("/v1/contacts", name, owner))
    click.echo(f"{name} is removed")


@contacts.command(name="import")
@click.argument("file", type=click.File("rb"))
@owner_option
@as_json_option
@talks
def import_(client: Client, file: BinaryIO, *, owner: str | None, as_json: bool) -> None:
    """Keep the contacts of a CSV file: a heading `name,number,note`, more columns are values.

    A row that cannot be kept is told and costs no other. `-` reads standard input.
    """
    rows = rows_of(file, COLUMNS, ("name", "number"))
    given = []
    for cells in rows:
        known = {name: cells[name] for name in COLUMNS if cells.get(name)}
        values = {name: text for name, text in cells.items() if name not in COLUMNS and text}
        given.append({"name": "", "number": "", **known, "values": values})
    keep_all(client, place("/v1/contacts", None, owner), "contacts", given, as_json=as_json)


@contacts.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@owner_option
@talks
def export(client: Client, file: Path, *, owner: str | None) -> None:
    """Write all contacts to a CSV file that `import` reads; `-` is standard output."""
    found = list(client.items(dict, "/v1/contacts", {"owner": owner}))
    rows = [{**{name: text for name, text in each["values"].items() if name not in COLUMNS},
             "name": each["name"], "number": each["number"], "note": each["note"] or ""}
            for each in found]  # fmt: skip
    put_out(file, write_sheet(rows, COLUMNS), len(found))


# -- what groups do too ---------------------------------------------------------------------------
def rows_of(file: BinaryIO, known: tuple[str, ...], needs: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file; what is wrong with it ends the command."""
    try:
        return list(read_sheet(file.read(), known, needs, MOST_ROWS))
    except InvalidRequest as error:
        raise click.UsageError(f"this file {error.message}") from None


def keep_all(
    client: Client, path: str, what: str, given: Sequence[Mapping[str, Any]], *, as_json: bool
) -> None:
    """Keep them and say how many; one that is rejected is told by its row, and ends in exit 1."""
    kept = new = at = 0
    rejected: list[Json] = []
    for some in _in_parts(given):
        done = client.put(path, {what: some})
        for each in done["rejected"]:
            row = at + each["row"]
            rejected.append({**each, "row": row})
            if not as_json:
                click.echo(f"row {row + 1}: {each['field']}: {each['message']}", err=True)
        kept, new = kept + done[what], new + done["new"]
        at += len(some)
    if as_json:
        say_json({what: kept, "new": new, "rejected": rejected})
    else:
        words = f", {len(rejected)} could not be" if rejected else ""
        click.echo(f"{kept} kept, {new} of them new{words}")
    if rejected:
        raise click.exceptions.Exit(1)


def _in_parts(given: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """As many at a time as one request takes; one that is too long for it goes alone."""
    some: list[Mapping[str, Any]] = []
    octets = 0
    for each in given:
        more = len(json.dumps(each))
        if some and (len(some) == TOGETHER or octets + more > OCTETS):
            yield some
            some, octets = [], 0
        some.append(each)
        octets += more
    if some:
        yield some


def put_out(file: Path, sheet: str, count: int) -> None:
    """Write a sheet to a file, or to standard output."""
    if str(file) == "-":
        click.echo(sheet.encode(), nl=False)
        return
    file.write_text(sheet, encoding="utf-8", newline="")
    click.echo(f"{count} written to {file}")
