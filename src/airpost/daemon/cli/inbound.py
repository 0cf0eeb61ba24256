"""`airpost inbound`: what was received, and what comes in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import click

from airpost.client import MAX_PAGE
from airpost.daemon.cli.client import Client, as_json_option, talks
from airpost.daemon.cli.tables import printable, say_json, say_table, short_time
from airpost.shapes import Inbound

WHERE = "/v1/inbound"
COLUMNS = ("received", "from", "modem", "parts", "text")
WAIT_S = 30


@click.command()
@click.option("--follow", is_flag=True, help="Go on with what comes in until interrupted.")
@click.option("--last", type=click.IntRange(0), default=50, show_default=True,
              help="So many of the newest first.")  # fmt: skip
@as_json_option
@talks
def inbound(client: Client, *, follow: bool, last: int, as_json: bool) -> None:
    """List received messages, oldest first."""
    place, found = "", deque[Inbound](maxlen=last)
    while (page := client.get(WHERE, {"cursor": place or None, "limit": MAX_PAGE}))["items"]:
        found.extend(page["items"])
        place = page["next"]
    if follow:
        with suppress(KeyboardInterrupt):  # it is how following ends
            _follow(client, found, place, as_json=as_json)
    elif as_json:
        for each in found:
            say_json(each)
    else:
        say_table(COLUMNS, map(_row, found))


def _follow(client: Client, found: Iterable[Inbound], place: str, *, as_json: bool) -> None:
    while True:
        for each in found:
            if as_json:
                say_json(each)
            else:
                click.echo("  ".join(printable(cell) for cell in _row(each)))
        page = client.get(WHERE, {"cursor": place or None, "wait_s": WAIT_S}, wait_s=WAIT_S)
        found, place = page["items"], page["next"]


def _row(each: Inbound) -> tuple[object, ...]:
    parts = f"{each['parts']} partial" if each["partial"] else each["parts"]
    shown = each.get("text", each.get("data"))
    return (short_time(each["received_at"]), each["from"], each["modem"], parts, shown)
