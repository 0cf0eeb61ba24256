"""`airpost send TO… TEXT`: hand messages to the service, and wait for their fate where asked."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from airpost.client import once
from airpost.daemon.cli.batches import hand_in, look, settled, tell
from airpost.daemon.cli.client import (
    Client,
    Json,
    as_json_option,
    languages_option,
    talks,
    text_of,
    transliterate_option,
    values_option,
)
from airpost.daemon.cli.rowfile import rows_of
from airpost.daemon.cli.tables import say_json
from airpost.model import MessageClass, OnUncertain

GOOD = frozenset({"sent", "delivered"})
GROUP = "group:"


@click.command()
@click.argument("given", metavar="[TO]... [TEXT]", nargs=-1)
@click.option("--file", "file", type=click.File("rb"),
              help="Recipients from a CSV file: a column `to`; others are values of the template, "
              "or `text`.")  # fmt: skip
@click.option("--template", is_flag=True, help="TEXT is a template (Jinja2).")
@values_option
@click.option("--class", "class_", type=click.Choice([each.value for each in MessageClass]),
              help="How urgent; normal where not given.")  # fmt: skip
@click.option("--report/--no-report", default=None, help="Ask for a delivery report, or not.")
@click.option("--modem", help="This modem and no other.")
@click.option("--route", help="A modem that serves this route.")
@click.option("--at", "send_at", help="Not before this time, such as 2026-01-02T03:04:05Z.")
@click.option("--ttl", "ttl_s", type=int, help="Seconds after which it is no longer worth sending.")
@click.option("--on-uncertain", type=click.Choice([each.value for each in OnUncertain]),
              help="What follows when nobody knows whether it went out.")  # fmt: skip
@click.option("--ordered", is_flag=True, default=None,
              help="Later ones to this number wait until its fate is known.")  # fmt: skip
@click.option("--encoding", type=click.Choice(["gsm7", "ucs2"]), help="Instead of the fitting one.")
@transliterate_option
@click.option("--flash", is_flag=True, default=None, help="Show it at once, do not keep it.")
@click.option("--replace", type=click.IntRange(1, 7),
              help="Take the place of the last one with the same number.")  # fmt: skip
@click.option("--ref", "sender_ref", help="Your own reference.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@languages_option
@click.option("--idempotency-key", help="The same key sends once, however often it is tried.")
@click.option("--preview", "preview", is_flag=True, help="Show what would be sent; send nothing.")
@click.option("--wait", is_flag=True, help="Wait until its fate is known; exit 1 if it is bad.")
@as_json_option
@talks
def send(
    client: Client,
    given: tuple[str, ...],
    *,
    file: BinaryIO | None,
    template: bool,
    values: dict[str, str],
    class_: str | None,
    idempotency_key: str | None,
    preview: bool,
    wait: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Send TEXT to the numbers TO; TEXT "-" is read from standard input.

    TO is a number, contact:NAME or group:NAME. More than one, a group, a --file or a --template
    make a batch: `airpost batches` shows it. Exit 1 where one of it was not taken.
    """
    said = {"class": class_, **fields, "tags": list(fields["tags"]) or None}
    said["languages"] = list(fields["languages"]) or None
    body = {name: value for name, value in said.items() if value is not None}
    to, text = _split(given, file)
    if text is not None:
        body["template" if template else "text"] = text_of(text)
    if values:
        if not template:
            raise click.UsageError("--value belongs to --template")
        body["values"] = values
    single = file is None and len(to) == 1 and not to[0].startswith(GROUP)
    if single and not template and not preview:
        _single(client, {"to": to[0], **body}, idempotency_key, wait=wait, as_json=as_json)
        return
    rows = None if file is None else rows_of(file, template=template)
    body |= {"to": to} if rows is None else {"messages": [row for _, row in rows]}
    lines = None if rows is None else [line for line, _ in rows]
    if preview:
        look(client, body, lines, as_json=as_json)
        return
    done = hand_in(client, body, idempotency_key)
    shown = settled(client, done["id"]) if wait else None
    if as_json:
        say_json(shown or done)
    else:
        tell(done, lines, shown)
    bad = shown is not None and not shown["counts"].keys() <= GOOD
    if done["rejected"] or bad:
        raise SystemExit(1)


def _split(given: tuple[str, ...], file: BinaryIO | None) -> tuple[list[str], str | None]:
    """(recipients, text): the text is what comes last."""
    if file is not None:
        if len(given) > 1:
            raise click.UsageError("with --file there is no TO beside TEXT")
        return [], given[0] if given else None
    if len(given) < 2:
        raise click.UsageError("give TO and TEXT, or --file")
    return list(given[:-1]), given[-1]


def _single(
    client: Client, body: Json, idempotency_key: str | None, *, wait: bool, as_json: bool
) -> None:
    message = client.post("/v1/messages", body, once(idempotency_key))
    if wait:
        message = {**client.wait(message["id"])}
    if as_json:
        say_json(message)
    else:
        click.echo(f"{message['id']} {_words(message)}")
    if wait and message["state"] not in GOOD:
        raise SystemExit(1)


def _words(message: Json) -> str:
    parts = len(message["parts"])
    words = f"{message['state']}, {parts} part{'s' if parts > 1 else ''}, {message['encoding']}"
    return f"{words}: {message['reason']}" if message["reason"] else words
