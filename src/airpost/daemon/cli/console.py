"""`airpost at console NAME`: commands to one modem of the running service, one a line.

May import the client. Every command waits its turn between two messages; what it answers is shown
as it comes, what went over the wire redacted (`--trace`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from airpost.daemon.cli.client import Client, Json, segment, talks
from airpost.daemon.cli.completion import modem_names
from airpost.daemon.cli.tables import printable
from airpost.errors import Refused

ASK_WAIT_S = 60.0  # the service waits for a message on the air, then for the modem
ENDINGS = ("exit", "quit", "bye")


@click.command()
@click.argument("name", shell_complete=modem_names)
@click.option("--force", is_flag=True, help="Also send what sets, deletes or restarts.")
@click.option("--trace", is_flag=True, help="Show what went over the wire, numbers masked.")
@talks
def console(client: Client, name: str, *, force: bool, trace: bool) -> None:
    """Ask the modem NAME in AT commands, from the keyboard or from standard input.

    Exit 1 when a command was refused or failed. Commands that do more than ask need --force:
    airpost must know of what is set, sent and deleted.
    """
    path = f"/v1/modems/{segment(name)}"
    seen = _wire(client, path)  # also tells at once when no modem has this name
    well = True
    for text in _typed(name):
        try:
            told = client.post(f"{path}/at", {"command": text, "force": force}, wait_s=ASK_WAIT_S)
        except Refused as refused:
            click.echo(_refusal(refused), err=True)
            well = False
        else:
            for line in (*told["lines"], _final(told["error"])):
                click.echo(printable(line))
            well = well and told["error"] is None
        if trace:
            seen = _show_wire(client, path, seen)
    raise SystemExit(not well)


def _typed(name: str) -> Iterator[str]:
    """Lines that are no blanks, until the end of the input or a word that ends it."""
    talking = sys.stdin.isatty()
    if talking:
        import readline  # noqa: F401 - gives input() its history and its keys

        click.echo(f"AT commands to {name}; Ctrl-D ends")
    while True:
        try:
            text = input(f"{name}> " if talking else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            click.echo()
            return
        if text.lower() in ENDINGS:
            return
        if text:
            yield text


def _final(error: Json | None) -> str:
    if error is None:
        return "OK"
    told = error["code"] if error["code"] is not None else error["text"]
    return "ERROR" if error["kind"] == "ERROR" else f"+{error['kind']} ERROR: {told}"


def _refusal(refused: Refused) -> str:
    words = refused.message.replace("`force` sends", "--force sends")
    return f"not sent: {printable(words)}"


def _wire(client: Client, path: str) -> list[Json]:
    items: list[Json] = client.get(f"{path}/trace")["items"]
    return items


def _show_wire(client: Client, path: str, seen: list[Json]) -> list[Json]:
    """Show what the wire carried since it was `seen`; all of it, for the next time."""
    items = _wire(client, path)
    new = items[len(items) - items[::-1].index(seen[-1]) :] if seen and seen[-1] in items else items
    for each in new:
        click.echo(f"  {each['at'][11:23]} {each['way']} {printable(each['text'])}")
    return items
