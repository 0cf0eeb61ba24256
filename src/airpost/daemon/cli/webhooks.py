"""`airpost webhooks …`: who is told of events, and how that goes."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.spans import Span
from airpost.daemon.cli.tables import say_fields, say_json, say_table, short_time
from airpost.daemon.cli.watching import watched

COLUMNS = ("id", "state", "delivered", "waiting", "missed", "types", "target", "last")
DELIVERIES = ("event", "state", "tries", "first", "last", "next", "status", "error")


@click.group()
def webhooks() -> None:
    """Have events sent to programs; docs/EVENTS.md tells what there is."""


@webhooks.command(name="list")
@as_json_option
@talks
@watched
def list_(client: Client, *, as_json: bool) -> None:
    """List the webhooks and how they are doing."""
    found = client.get("/v1/webhooks")["items"]
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        COLUMNS,
        ((each["id"], _state(each), each["delivered"], each["waiting"], each["missed"],
          " ".join(each["types"]), each["url"] or each["command"], _last(each))
         for each in found),
    )  # fmt: skip


def _state(each: Json) -> str:
    return "down" if each["down"] else str(each["state"])


def _last(each: Json) -> str:
    return str(each["reason"] or each["last_error"] or each["last_status"] or "")


@webhooks.command()
@click.argument("target", metavar="URL")
@click.option(
    "--type",
    "types",
    multiple=True,
    help="A type or pattern, such as message.delivered or 'inbound.*'; may be repeated.",
)
@click.option("--description", help="What it is for.")
@as_json_option
@talks
def create(
    client: Client, target: str, *, types: tuple[str, ...], description: str | None, as_json: bool
) -> None:
    """Have events sent to URL. The secret is shown this once."""
    body: Json = {"url": target}
    if types:
        body["types"] = list(types)
    if description is not None:
        body["description"] = description
    _say_secret(client.post("/v1/webhooks", body), as_json=as_json)


def _say_secret(made: Json, *, as_json: bool) -> None:
    if as_json:
        say_json(made)
    else:
        say_fields([("id", made["id"]), ("secret", made["secret"])])


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@click.option(
    "--overlap",
    "overlap_s",
    type=Span(),
    help="How long requests are signed by both secrets; a day where not given.",
)
@as_json_option
@talks
def rotate(client: Client, webhook_id: str, *, overlap_s: int | None, as_json: bool) -> None:
    """Give the webhook ID another secret, shown this once."""
    body: Json = {} if overlap_s is None else {"overlap_s": overlap_s}
    _say_secret(client.post(_path(webhook_id, "rotate"), body), as_json=as_json)


def _say_turned(webhook: Json, words: str, *, as_json: bool) -> None:
    if as_json:
        say_json(webhook)
    else:
        click.echo(f"{webhook['id']} {words}")


def _path(webhook_id: str, call: str) -> str:
    return f"/v1/webhooks/{segment(webhook_id)}/{call}"


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@as_json_option
@talks
def pause(client: Client, webhook_id: str, *, as_json: bool) -> None:
    """Send nothing more to the webhook ID; what happens is kept for it."""
    _say_turned(client.post(_path(webhook_id, "pause"), {}), "paused", as_json=as_json)


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@as_json_option
@talks
def resume(client: Client, webhook_id: str, *, as_json: bool) -> None:
    """Send to the webhook ID again, and at once."""
    _say_turned(client.post(_path(webhook_id, "resume"), {}), "resumed", as_json=as_json)


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@as_json_option
@talks
def test(client: Client, webhook_id: str, *, as_json: bool) -> None:
    """Send one event to the webhook ID and tell what came of it."""
    came = client.post(_path(webhook_id, "test"), {}, wait_s=60)
    if as_json:
        say_json(came)
    elif came["ok"]:
        click.echo(f"taken in {came['took_ms']} ms, with status {came['status']}")
    if not came["ok"]:
        raise click.ClickException(f"not taken: {came['error']}")


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@click.option(
    "--event", "events", type=int, multiple=True, help="The number of an event; may be repeated."
)
@click.option("--since", metavar="TIME", help="Everything from then on, such as 2026-01-02T03:04Z.")
@talks
def replay(client: Client, webhook_id: str, *, events: tuple[int, ...], since: str | None) -> None:
    """Send events to the webhook ID again: without an option what was given up."""
    if events and since is not None:
        raise click.UsageError("--event and --since do not go together")
    body: Json = {"dead": True}
    if events:
        body = {"events": list(events)}
    elif since is not None:
        body = {"since": since}
    client.post(_path(webhook_id, "replay"), body)
    click.echo(f"{webhook_id}: they are on their way")


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@click.option("--dead", is_flag=True, help="Only what was given up.")
@as_json_option
@talks
def deliveries(client: Client, webhook_id: str, *, dead: bool, as_json: bool) -> None:
    """List what the webhook ID did not take."""
    query = {"dead": "true"} if dead else {}
    found = list(client.items(dict, _path(webhook_id, "deliveries"), query))
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        DELIVERIES,
        ((each["event"], each["state"], each["tries"], short_time(each["first_at"]),
          short_time(each["last_at"]), short_time(each["next_at"]), each["status"],
          each["error"]) for each in found),
    )  # fmt: skip


@webhooks.command()
@click.argument("webhook_id", metavar="ID")
@talks
def delete(client: Client, webhook_id: str) -> None:
    """Delete the webhook ID and what waits for it."""
    client.delete(f"/v1/webhooks/{segment(webhook_id)}")
    click.echo(f"{webhook_id} deleted")
