"""`airpost demo`: the service on simulated modems, with one message to watch."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airpost.daemon.cli.tables import printable

if TYPE_CHECKING:
    from airpost.daemon.demo import Addresses, Demo

ONCE_S = 60.0
STYLES = {"accepted": "dim", "queued": "dim", "sending": "yellow", "sent": "cyan",
          "delivered": "green", "uncertain": "magenta"}  # fmt: skip
ORDER = ("queued", "sending", "sent", "delivered")


@click.command()
@click.option("--modems", type=click.IntRange(1, 64), default=4, show_default=True,
              help="How many simulated modems.")  # fmt: skip
@click.option("--once", is_flag=True,
              help="End when all has arrived: 0, or 1 if not within 60 s.")  # fmt: skip
@click.option("--log-level", default="WARNING", show_default=True, help="What the service tells.")
def demo(modems: int, log_level: str, *, once: bool) -> None:
    """Start simulated modems and the service, send a message and watch it arrive."""
    from airpost.daemon.logs import configure

    configure(log_level)
    # Its store goes with it: there is nothing to prove later.
    logging.getLogger("airpost.audit").setLevel(log_level.upper())
    with tempfile.TemporaryDirectory(prefix="airpost-demo-") as folder:
        arrived = asyncio.run(_run(Path(folder), modems, once=once))
    if once and not arrived:
        click.echo(f"not everything arrived within {ONCE_S:g} s", err=True)
        raise SystemExit(1)


async def _run(folder: Path, modems: int, *, once: bool) -> bool:
    from airpost.clock import SystemClock
    from airpost.daemon.demo import Demo
    from airpost.tasks import spawn, stop

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    demo_ = Demo(folder, modems, SystemClock())
    try:
        addresses = await demo_.start()
        _greet(addresses, modems)
        story = spawn(_story(demo_, addresses), name="demo story")
        waiting = spawn(ended.wait(), name="demo end")
        await asyncio.wait([story, waiting], timeout=ONCE_S if once else None,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        arrived = story.done() and story.result()
        if arrived and not once:
            click.echo("\nThe service goes on until Ctrl-C; try the curl line in another terminal.")
            await ended.wait()
        await stop(story)
        await stop(waiting)
        return arrived
    finally:
        await demo_.stop()


def _greet(at: Addresses, modems: int) -> None:
    click.echo(f"airpost with {modems} simulated modems")
    click.echo(f"  HTTP    {at.http}")
    click.echo(f"  socket  {at.unix}    (airpost --help; give it --url {at.unix})")
    click.echo(f"  modems  {at.modems}    (hw-sim ctl --dir {at.modems} inbox)")
    click.echo(f"  try     {at.curl}\n")


async def _story(demo_: Demo, at: Addresses) -> bool:
    from airpost.daemon.demo import HANDSET, TEXT

    click.echo(f"to {HANDSET}: {TEXT}\n")
    screen = Screen()
    with screen:
        inbound: list[dict[str, Any]] = []
        await demo_.follow(at.http, screen.show, inbound.append)
    click.echo(f"\nthe handset shows: {printable(demo_.received())}")
    reply = inbound[0]
    click.echo(f"the reply, received by {reply['modem']} from {reply['from']}: "
               f"{printable(reply['text'])}")  # fmt: skip
    whole = demo_.received() == TEXT and screen.last["state"] == "delivered"
    return whole and reply["in_reply_to"] == screen.last["id"]


class Screen:
    """The parts of one message as they move: a live table, or a line a move where nobody looks."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self.last: dict[str, Any] = {}
        self._seen: dict[object, str] = {}
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=10)

    def __enter__(self) -> Screen:
        if sys.stdout.isatty():
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if sys.stdout.isatty():
            self._live.stop()

    def show(self, message: dict[str, Any]) -> None:
        """The message as it is now."""
        self.last = message
        if sys.stdout.isatty():
            self._live.update(_table(message))
            return
        self._say("message", message["state"], "")
        for part in message["parts"]:
            by = f"  {part['modem']}" if part["modem"] else ""
            by += "" if part["reference"] is None else f", reference {part['reference']}"
            self._say(f"part {part['seq']}", part["state"], by)

    def _say(self, what: str, state: str, more: str) -> None:
        if self._seen.get(what) != state:
            self._seen[what] = state
            click.echo(f"{what:8} {state}{more}")


def _table(message: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"message {message['id']}: {message['state']}", title_justify="left")
    for column in ("part", "modem", "reference", *ORDER):
        table.add_column(column)
    for part in message["parts"]:
        state = part["state"]
        reached = ORDER.index(state) if state in ORDER else -1
        marks = [
            Text("●" if at <= reached else "·", style=STYLES[name] if at == reached else "dim")
            for at, name in enumerate(ORDER)
        ]
        if reached < 0:
            marks[-1] = Text(state, style=STYLES.get(state, "red"))
        reference = "" if part["reference"] is None else str(part["reference"])
        table.add_row(str(part["seq"]), part["modem"] or "", reference, *marks)
    return table
