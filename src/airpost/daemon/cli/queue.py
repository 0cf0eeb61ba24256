"""`airpost queue NAME`: what is bound to a modem, and what could go there."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, as_json_option, segment, talks
from airpost.daemon.cli.messages import COLUMNS, message_row
from airpost.daemon.cli.tables import say_json, say_table


@click.command()
@click.argument("name")
@as_json_option
@talks
def queue(client: Client, name: str, *, as_json: bool) -> None:
    """Show what waits for the modem NAME."""
    found = client.get(f"/v1/modems/{segment(name)}/queue")
    if as_json:
        say_json(found)
        return
    rows = [("bound", *message_row(each)) for each in found["bound"]]
    rows += [("backlog", *message_row(each)) for each in found["backlog"]]
    say_table(("where", *COLUMNS), rows)
    hidden = found["backlog_total"] - len(found["backlog"])
    if hidden > 0:
        click.echo(f"and {hidden} more in the backlog")
