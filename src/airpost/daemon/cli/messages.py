"""`airpost messages [ID]`: what was sent and what became of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import islice
from typing import Any

import click

from airpost.client import MAX_PAGE
from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.tables import (
    exact_time,
    printable,
    say_fields,
    say_json,
    say_table,
    short_time,
)
from airpost.model import MessageClass
from airpost.states import MessageState
from airpost.store.keeping import RESTORED

FIELDS = ("id", "created_at", "to", "class", "state", "final", "modem", "parts", "encoding",
          "not_before", "expires_at", "sent_at", "delivered_at", "reason", "sender_ref", "tags",
          "text")  # fmt: skip
LAST = 50
COLUMNS = ("id", "created", "state", "class", "to", "modem", "parts", "reason")


@click.command()
@click.argument("message_id", metavar="[ID]", required=False)
@click.option("--state", type=click.Choice([each.value for each in MessageState]))
@click.option("--to", help="This number only.")
@click.option("--class", "class_", type=click.Choice([each.value for each in MessageClass]))
@click.option("--modem", help="What this modem took.")
@click.option("--tag", help="What has this tag.")
@click.option("--since", help="Made at or after this time, such as 2026-01-02T03:04:05Z.")
@click.option("--until", help="Made before this time.")
@click.option("--batch", help="Of the batch with this ID.")
@click.option("--ref", "sender_ref", help="With this reference of yours.")
@click.option("--by-key", "key_id", help="That the key with this ID sent.")
@click.option("--uncertain", is_flag=True,
              help="What is uncertain, or may have gone out twice.")  # fmt: skip
@click.option("--last", type=click.IntRange(1), help=f"So many of the newest; {LAST} if not given.")
@click.option("--cancel", is_flag=True, help="With ID: cancel it if it is not under way.")
@click.option("--csv", "as_csv", is_flag=True, help="All that fit, as CSV; names come first.")
@as_json_option
@talks
def messages(
    client: Client,
    message_id: str | None,
    *,
    last: int | None,
    cancel: bool,
    as_csv: bool,
    as_json: bool,
    class_: str | None,
    uncertain: bool,
    key_id: str | None,
    **filters: str | None,
) -> None:
    """List messages, oldest first; with ID, show one and its history."""
    asked = {"class": class_, "key": key_id, "uncertain": "true" if uncertain else None, **filters}
    if message_id is not None:
        if as_csv or last is not None or any(asked.values()):
            raise click.UsageError(
                "with ID there is one message: only --cancel and --json go with it"
            )
        _one(client, message_id, cancel=cancel, as_json=as_json)
        return
    if cancel:
        raise click.UsageError("--cancel needs an ID")
    if as_csv:
        if as_json or last is not None:
            raise click.UsageError("--csv is all that fit: neither --last nor --json go with it")
        _csv(client.items(dict, "/v1/messages", asked))
        return
    last = last or LAST
    newest = client.items(
        dict, "/v1/messages", {**asked, "newest": "true", "limit": min(last + 1, MAX_PAGE)}
    )
    found = [*islice(newest, last + 1)]
    shown = reversed(found[:last])
    if as_json:
        for message in shown:
            say_json(message)
        return
    say_table(COLUMNS, map(message_row, shown))
    if len(found) > last:
        click.echo(f"the newest {last} only; --last shows more, --csv all")


def _csv(found: Iterable[Json]) -> None:
    """RFC 4180, a line at a time: a million messages need no memory."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(FIELDS)
    for message in found:
        values = {
            **message,
            "final": str(message["final"]).lower(),
            "parts": len(message["parts"]),
            "tags": " ".join(message["tags"]),
        }
        writer.writerow([values.get(name) for name in FIELDS])
        click.echo(line.getvalue(), nl=False)
        line.seek(0)
        line.truncate()
    click.echo(line.getvalue(), nl=False)  # the names alone, where nothing follows


def message_row(message: Json) -> tuple[object, ...]:
    """A message as a row under COLUMNS."""
    return (
        message["id"],
        short_time(message["created_at"]),
        message["state"],
        message["class"],
        message["to"],
        message["modem"],
        len(message["parts"]),
        _reason(message),
    )


def _reason(message: Json) -> str | None:
    reason: str | None = message["reason"]
    if reason == RESTORED and not any(part["attempts"] for part in message["parts"]):
        return "restored; the copy shows no attempt"
    return reason or _limited(message) or _twice(message["possible_duplicates"])


def _limited(message: Json) -> str | None:
    if (waits := message["waits"]) is None:
        return None
    return f"waits for {waits['for']}, until {short_time(waits['until'])}"


def _twice(times: int) -> str | None:
    return f"may have arrived {times + 1} times" if times else None


def _plain(value: Any) -> Any:
    return ("no", "yes")[value] if isinstance(value, bool) else value


def _one(client: Client, message_id: str, *, cancel: bool, as_json: bool) -> None:
    path = f"/v1/messages/{segment(message_id)}"
    message = client.delete(path) if cancel else client.get(path)
    if as_json:
        say_json(message)
        return
    listed = ("parts", "tags", "routing")
    say_fields((name, _plain(value)) for name, value in message.items() if name not in listed)
    routing = message.get("routing") or {}
    say_fields([("tags", " ".join(message["tags"])), ("because", routing.get("why"))])
    for part in message["parts"]:
        outcome = part["outcome"] or {}
        words = [f"part {part['seq']}: {part['state']}", part["modem"], outcome.get("text")]
        click.echo(printable(", ".join(word for word in words if word)))
    say_table(
        ("at", "subject", "from", "to", "reason", "actor"),
        (
            (exact_time(e["at"]), e["subject"], e["from"], e["to"], e["reason"], e["actor"])
            for e in client.get(f"{path}/events")["items"]
        ),
    )
