"""`airpost groups list | show | set | add | drop | remove | import | export`."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from airpost.daemon.cli.client import Client, as_json_option, talks
from airpost.daemon.cli.contacts import keep_all, owner_option, place, put_out, rows_of
from airpost.daemon.cli.tables import say_fields, say_json, say_table, short_time
from airpost.services.http.sheets import write_sheet

COLUMNS = ("group", "member", "note")
WHERE = "/v1/groups"


@click.group()
def groups() -> None:
    """Show and change groups. A member is a number, or a contact as `contact:NAME`."""


@groups.command(name="list")
@owner_option
@as_json_option
@talks
def list_(client: Client, *, owner: str | None, as_json: bool) -> None:
    """List groups."""
    found = client.items(dict, WHERE, {"owner": owner})
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        ("name", "members", "owner", "changed", "note"),
        ((each["name"], len(each["members"]), each["owner"], short_time(each["updated_at"]),
          each["note"]) for each in found),
    )  # fmt: skip


@groups.command()
@click.argument("name")
@owner_option
@as_json_option
@talks
def show(client: Client, name: str, *, owner: str | None, as_json: bool) -> None:
    """Show who is in a group."""
    found = client.get(place(WHERE, name, owner))
    if as_json:
        say_json(found)
        return
    say_fields(
        [("name", found["name"]), ("owner", found["owner"]), ("note", found["note"]),
         ("changed", short_time(found["updated_at"])),
         *(("member", each) for each in found["members"])]
    )  # fmt: skip


@groups.command(name="set")
@click.argument("name")
@click.argument("members", nargs=-1)
@click.option("--note", help="Only people read it.")
@owner_option
@as_json_option
@talks
def set_(
    client: Client,
    name: str,
    members: tuple[str, ...],
    *,
    note: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Make a group of MEMBERS, in place of what NAME was before."""
    body = {"members": list(members), "note": note}
    _say(client.put(place(WHERE, name, owner), body), as_json=as_json)


@groups.command()
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
@owner_option
@as_json_option
@talks
def add(
    client: Client, name: str, members: tuple[str, ...], *, owner: str | None, as_json: bool
) -> None:
    """Add MEMBERS to a group."""
    where = place(WHERE, name, owner)
    found = client.get(where)
    body = {"members": [*found["members"], *members], "note": found["note"]}
    _say(client.put(where, body), as_json=as_json)


@groups.command()
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
@owner_option
@as_json_option
@talks
def drop(
    client: Client, name: str, members: tuple[str, ...], *, owner: str | None, as_json: bool
) -> None:
    """Take MEMBERS, as `show` names them, out of a group."""
    where = place(WHERE, name, owner)
    found = client.get(where)
    there = {each.casefold() for each in found["members"]}
    if strangers := [each for each in members if each.casefold() not in there]:
        raise click.ClickException(f"{', '.join(strangers)} is not in {found['name']}")
    gone = {each.casefold() for each in members}
    stay = [each for each in found["members"] if each.casefold() not in gone]
    _say(client.put(where, {"members": stay, "note": found["note"]}), as_json=as_json)


@groups.command()
@click.argument("name")
@owner_option
@talks
def remove(client: Client, name: str, *, owner: str | None) -> None:
    """Remove a group; its contacts stay."""
    client.delete(place(WHERE, name, owner))
    click.echo(f"{name} is removed")


@groups.command(name="import")
@click.argument("file", type=click.File("rb"))
@owner_option
@as_json_option
@talks
def import_(client: Client, file: BinaryIO, *, owner: str | None, as_json: bool) -> None:
    """Keep the groups of a CSV file: a heading `group,member,note`, a row a member.

    A group that cannot be kept is told and costs no other. `-` reads standard input.
    """
    made: dict[str, dict[str, object]] = {}
    members: dict[str, list[str]] = {}
    for cells in rows_of(file, COLUMNS, ("group", "member")):
        name = cells.get("group", "")
        some = members.setdefault(name, [])
        one = made.setdefault(name, {"name": name, "members": some, "note": None})
        if member := cells.get("member"):
            some.append(member)
        one["note"] = one["note"] or cells.get("note") or None
    keep_all(client, place(WHERE, None, owner), "groups", list(made.values()), as_json=as_json)


@groups.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@owner_option
@talks
def export(client: Client, file: Path, *, owner: str | None) -> None:
    """Write all groups to a CSV file that `import` reads; `-` is standard output."""
    found = list(client.items(dict, WHERE, {"owner": owner}))
    rows = [{"group": each["name"], "member": member, "note": each["note"] or ""}
            for each in found for member in each["members"] or [""]]  # fmt: skip
    put_out(file, write_sheet(rows, COLUMNS), len(found))


def _say(group: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        say_json(group)
        return
    members = group["members"]
    assert isinstance(members, list)
    count = "1 member" if len(members) == 1 else f"{len(members)} members"
    click.echo(f"group:{group['name']} has {count}")
