"""`airpost schedules list | create | delete`: messages that are sent again and again."""

from __future__ import annotations

import sys

import click

from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.tables import say_json, say_table, short_time
from airpost.model import MessageClass

COLUMNS = ("id", "cron", "zone", "to", "next", "last", "fired", "skipped", "problem")


@click.group()
def schedules() -> None:
    """Send messages again and again, by a cron expression in a time zone."""


@schedules.command(name="list")
@as_json_option
@talks
def list_(client: Client, *, as_json: bool) -> None:
    """List the schedules; times are UTC."""
    found = list(client.items(dict, "/v1/schedules", {}))
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        COLUMNS,
        ((each["id"], each["cron"], each["zone"], each["message"]["to"],
          short_time(each["next_at"]), short_time(each["last_at"]), each["fired"],
          each["skipped"], each["problem"]) for each in found),
    )  # fmt: skip


@schedules.command()
@click.argument("cron")
@click.argument("to")
@click.argument("text")
@click.option("--zone", required=True, help="Whose wall CRON is read from, such as Europe/Berlin.")
@click.option("--class", "class_", type=click.Choice([each.value for each in MessageClass]),
              help="How urgent; normal where not given.")  # fmt: skip
@click.option("--modem", help="This modem and no other.")
@click.option("--route", help="A modem that serves this route.")
@click.option("--ttl", "ttl_s", type=int, help="Seconds after which one is not worth sending.")
@click.option("--late", "late_s", type=int,
              help="Seconds within which a missed one is made up for, else 3600.")  # fmt: skip
@as_json_option
@talks
def create(
    client: Client,
    cron: str,
    to: str,
    text: str,
    *,
    zone: str,
    late_s: int | None,
    class_: str | None,
    as_json: bool,
    **fields: str | int | None,
) -> None:
    """Send TEXT to the number TO whenever CRON says, such as "0 8 * * mon-fri"."""
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    given = {"to": to, "text": text, "class": class_, **fields}
    message = {name: value for name, value in given.items() if value is not None}
    body: Json = {"cron": cron, "zone": zone, "message": message}
    if late_s is not None:
        body["late_s"] = late_s
    made = client.post("/v1/schedules", body)
    if as_json:
        say_json(made)
    else:
        click.echo(f"{made['id']} next at {short_time(made['next_at'])} UTC")


@schedules.command()
@click.argument("schedule_id", metavar="ID")
@talks
def delete(client: Client, schedule_id: str) -> None:
    """Delete the schedule ID; messages it has made stay."""
    client.delete(f"/v1/schedules/{segment(schedule_id)}")
    click.echo(f"{schedule_id} deleted")
