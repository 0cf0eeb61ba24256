"""`airpost explain ID`: why a message is in its state, and why it goes by its modem."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, as_json_option, segment, talks
from airpost.daemon.cli.tables import printable, say_fields, say_json, say_table, short_time


@click.command()
@click.argument("message_id", metavar="ID")
@as_json_option
@talks
def explain(client: Client, message_id: str, *, as_json: bool) -> None:
    """Tell why the message ID is in its state, what to do next, and why it goes by its modem."""
    found = client.get(f"/v1/messages/{segment(message_id)}/explain")
    if as_json:
        say_json(found)
        return
    to = found["to"]
    about = ", ".join(word for word in (to["country"], to["kind"], to["carrier"]) if word)
    group = found["group"]
    say_fields(
        [
            ("state", found["state"] + (", final" if found["final"] else "")),
            ("why", found["because"]),
            ("next", found["todo"]),
            ("to", f"{to['number']} ({about})"),
            ("route", found["route"] + ("" if group is None else f", group {group}")),
            ("would go by" if found["now"] else "modem", found["modem"]),
            ("by it because", found["why"]),
            ("bound", short_time(found["at"])),
        ]
    )
    for words in found["waits_for"]:
        click.echo(printable(f"waits for {words}"))
    if found["groups_failed"]:
        click.echo(printable(f"{found['groups_failed']} of its groups brought no report in time"))
    say_table(
        ("other modem", "why not"), ((each["modem"], each["why_not"]) for each in found["others"])
    )
