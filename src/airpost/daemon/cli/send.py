"""`airpost send TO TEXT`: hand a message to the service, and wait for its fate where asked."""

from __future__ import annotations

import sys
from typing import Any

import click

from airpost.daemon.cli.client import (
    Client,
    Json,
    as_json_option,
    languages_option,
    pause,
    segment,
    talks,
)
from airpost.daemon.cli.tables import say_json
from airpost.model import MessageClass, OnUncertain

LOOK_S = 1.0
GOOD = frozenset({"sent", "delivered"})


@click.command()
@click.argument("to")
@click.argument("text")
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
@click.option("--flash", is_flag=True, help="Show it at once, do not keep it.")
@click.option("--ref", "sender_ref", help="Your own reference.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@languages_option
@click.option("--idempotency-key", help="The same key sends once, however often it is tried.")
@click.option("--wait", is_flag=True, help="Wait until its fate is known; exit 1 if it is bad.")
@as_json_option
@talks
def send(
    client: Client,
    to: str,
    text: str,
    *,
    class_: str | None,
    idempotency_key: str | None,
    wait: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Send TEXT to the number TO; TEXT "-" is read from standard input."""
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    given = {
        "class": class_,
        **fields,
        "tags": list(fields["tags"]) or None,
        "languages": list(fields["languages"]) or None,
    }
    given["flash"] = given["flash"] or None
    body = {"to": to, "text": text, **{k: v for k, v in given.items() if v is not None}}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    message = client.post("/v1/messages", body, headers)
    if wait:
        message = _settled(client, message)
    if as_json:
        say_json(message)
    else:
        click.echo(f"{message['id']} {_words(message)}")
    if wait and message["state"] not in GOOD:
        raise SystemExit(1)


def _settled(client: Client, message: Json) -> Json:
    """The message once nothing more will be done about it."""
    while not message["final"]:
        pause(LOOK_S)
        message = client.get(f"/v1/messages/{segment(message['id'])}")
    return message


def _words(message: Json) -> str:
    parts = len(message["parts"])
    words = f"{message['state']}, {parts} part{'s' if parts > 1 else ''}, {message['encoding']}"
    return f"{words}: {message['reason']}" if message["reason"] else words
