"""`airpost batches [ID]`: messages that were handed in together, and what became of them."""

from __future__ import annotations

import sys
import uuid
from collections import deque
from typing import TYPE_CHECKING

import click

from airpost.daemon.cli.client import Client, Json, as_json_option, pause, segment, talks
from airpost.daemon.cli.tables import printable, say_fields, say_json, say_table, short_time
from airpost.errors import Refused, Unreachable

if TYPE_CHECKING:
    from rich.progress import Progress

WHERE = "/v1/batches"
LOOK_S = 1.0
HAND_IN_S = 600.0  # for a hundred thousand rows on a small machine
COLUMNS = ("id", "created", "state", "size", "accepted", "rejected", "tags")
STATES = ("accepted", "queued", "sending", "sent", "delivered", "uncertain", "failed", "expired",
          "cancelled")  # fmt: skip


@click.command()
@click.argument("batch_id", metavar="[ID]", required=False)
@click.option("--cancel", is_flag=True, help="With ID: cancel what has not begun.")
@click.option("--watch", is_flag=True, help="With ID: show it until all of it is final.")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True,
              help="So many of the newest.")  # fmt: skip
@as_json_option
@talks
def batches(
    client: Client, batch_id: str | None, *, cancel: bool, watch: bool, last: int, as_json: bool
) -> None:
    """List batches, oldest first; with ID, show one and its messages by state."""
    if batch_id is None:
        if cancel or watch:
            raise click.UsageError("--cancel and --watch need an ID")
        _list(client, last, as_json=as_json)
        return
    path = f"{WHERE}/{segment(batch_id)}"
    found = client.delete(path) if cancel else client.get(path)
    if watch:
        found = settled(client, batch_id)
    if as_json:
        say_json(found)
        return
    listed = ("rejected", "counts", "tags")
    say_fields((name, value) for name, value in found.items() if name not in listed)
    say_fields([("tags", " ".join(found["tags"])), ("messages", _counted(found))])
    _tell_rejected(found["rejected"], None)


def _list(client: Client, last: int, *, as_json: bool) -> None:
    found = deque(client.items(dict, WHERE, {}), maxlen=last)
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        COLUMNS,
        ((each["id"], short_time(each["created_at"]), each["state"], each["size"],
          each["accepted"], each["rejected_count"], " ".join(each["tags"])) for each in found),
    )  # fmt: skip


# -- handing one in ------------------------------------------------------------------------------
def hand_in(client: Client, body: Json, key: str | None) -> Json:
    """The answer to a batch; where none came, the words say how to go on with it."""
    key = key or str(uuid.uuid4())
    count = len(body.get("messages") or body["to"])
    again = f"; to go on with it, repeat the command with --idempotency-key {key}"
    with _progress() as progress:
        progress.add_task(f"handing in {count} rows", total=None)
        try:
            return client.post(WHERE, body, {"Idempotency-Key": key}, wait_s=HAND_IN_S)
        except Unreachable as error:
            raise Unreachable(error.message + again) from None
        except Refused as error:
            if error.status not in (409, 503):
                raise
            problem = {**error.problem, "detail": error.message + again}
            raise Refused(error.status, problem) from None


def settled(client: Client, batch_id: str) -> Json:
    """The batch once nothing more will be done about any of its messages."""
    path = f"{WHERE}/{segment(batch_id)}"
    with _progress() as progress:
        task = progress.add_task("sending", total=None)
        while True:
            found = client.get(path)
            counts = found["counts"]
            total = sum(counts.values())
            open_ = sum(counts.get(name, 0) for name in ("accepted", "queued", "sending"))
            progress.update(task, total=total, completed=total - open_, description=_counted(found))
            if found["final"]:
                return found
            pause(LOOK_S)


def look(client: Client, body: Json, lines: list[int] | None, *, as_json: bool) -> None:
    """What a batch would send."""
    found = client.post(WHERE, {**body, "preview": True}, wait_s=HAND_IN_S)
    if as_json:
        say_json(found)
        return
    say_table(
        ("to", "parts", "encoding", "text"),
        ((each["to"], each["parts"], each["encoding"], each["sent_text"] or each["text"])
         for each in found["messages"]),
    )  # fmt: skip
    click.echo(f"{found['accepted']} messages of {found['parts']} parts in all")
    _tell_rejected(found["rejected"], lines)


def tell(done: Json, lines: list[int] | None, shown: Json | None) -> None:
    """What became of a batch."""
    words = f"{done['id']} {done['accepted']} accepted, {len(done['rejected'])} rejected"
    click.echo(words if shown is None else f"{words}: {_counted(shown)}")
    _tell_rejected(done["rejected"], lines)


def _tell_rejected(rejected: list[Json], lines: list[int] | None) -> None:
    for each in rejected:
        at = each["index"]
        where = f"row {at}" if lines is None else f"line {lines[at]}"
        told = printable(f"{where} ({each['to'] or '?'}): {each['problem']['detail']}")
        click.echo(told, err=True)


def _counted(batch: Json) -> str:
    counts = batch["counts"]
    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts.get(name))


def _progress() -> Progress:
    """A bar for people; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
