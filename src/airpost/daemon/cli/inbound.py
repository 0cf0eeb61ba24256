"""`airpost inbound`: what was received, and what comes in."""

from __future__ import annotations

from collections import deque

import click

from airpost.daemon.cli.client import MAX_PAGE, Client, Json, as_json_option, talks
from airpost.daemon.cli.tables import printable, say_json, say_table, short_time

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
    found: deque[Json] = deque(maxlen=last)
    cursor = ""
    while True:
        page = _page(client, cursor, 0)
        cursor = page["next"]
        if not page["items"]:
            break
        found.extend(page["items"])
    if as_json:
        for each in found:
            say_json(each)
    elif follow:
        _say_lines(found)
    else:
        say_table(COLUMNS, map(_row, found))
    try:
        while follow:
            page = _page(client, cursor, WAIT_S)
            cursor = page["next"]
            if as_json:
                for each in page["items"]:
                    say_json(each)
            else:
                _say_lines(page["items"])
    except KeyboardInterrupt:
        return  # it is how following ends


def _page(client: Client, cursor: str, wait_s: int) -> Json:
    query = {"cursor": cursor or None, "limit": MAX_PAGE, "wait_s": wait_s or None}
    return client.get("/v1/inbound", query, wait_s=wait_s)


def _row(each: Json) -> tuple[object, ...]:
    parts = f"{each['parts']} partial" if each["partial"] else each["parts"]
    shown = each.get("text", each.get("data"))
    return (short_time(each["received_at"]), each["from"], each["modem"], parts, shown)


def _say_lines(items: deque[Json] | list[Json]) -> None:
    for each in items:
        click.echo("  ".join(printable(cell) for cell in _row(each)))
