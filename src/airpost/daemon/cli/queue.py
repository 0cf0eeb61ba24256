"""`airpost queue`: what waits, for any modem or for one; moving it, and what is in doubt."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import (
    Client,
    Json,
    as_json_option,
    say_blocked,
    segment,
    talks,
)
from airpost.daemon.cli.completion import modem_names
from airpost.daemon.cli.groups import DefaultGroup
from airpost.daemon.cli.messages import COLUMNS, message_row
from airpost.daemon.cli.tables import say_json, say_table
from airpost.daemon.cli.watching import watched
from airpost.store.api import Verdict

VERDICTS = [each.value for each in Verdict]


@click.group(cls=DefaultGroup, default="show")
def queue() -> None:
    """Show what waits for any modem, or for the modem NAME; move or release it.

    `airpost queue` and `airpost queue NAME` are `airpost queue show [NAME]`.
    """


@queue.command()
@click.argument("name", required=False, shell_complete=modem_names)
@as_json_option
@talks
@watched
def show(client: Client, name: str | None, *, as_json: bool) -> None:
    """What is bound to the modem NAME and what could go there; without NAME, the shared backlog."""
    if name is None:
        found = client.get("/v1/queue")
        rows, hidden = [("backlog", each) for each in found["items"]], found["total"]
    else:
        found = client.get(f"/v1/modems/{segment(name)}/queue")
        rows = [("bound", each) for each in found["bound"]]
        rows += [("backlog", each) for each in found["backlog"]]
        hidden = found["backlog_total"]
    say_blocked(client)
    if as_json:
        say_json(found)
        return
    say_table(("where", *COLUMNS), [(where, *message_row(each)) for where, each in rows])
    hidden -= sum(where == "backlog" for where, _ in rows)
    if hidden > 0:
        click.echo(f"and {hidden} more in the backlog")


@queue.command()
@click.argument("name", shell_complete=modem_names)
@click.argument("to", required=False, shell_complete=modem_names)
@as_json_option
@talks
def move(client: Client, name: str, to: str | None, *, as_json: bool) -> None:
    """Move what waits for the modem NAME to the modem TO; without TO, to any.

    Messages of several parts that have begun stay: their parts belong together.
    """
    done = client.post("/v1/queue/move", {"from": name, "to": to})
    if as_json:
        say_json(done)
    else:
        click.echo(f"{done['moved']} messages moved from {name} to {to or 'any modem'}")


@queue.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--as", "verdict", type=click.Choice(VERDICTS), default=VERDICTS[0],
              show_default=True, help="What becomes of them.")  # fmt: skip
@click.option(
    "--restored",
    is_flag=True,
    help="What a restore of the store has frozen: all, or what of IDs is.",
)
@as_json_option
@talks
def release(
    client: Client, ids: tuple[str, ...], *, verdict: str, restored: bool, as_json: bool
) -> None:
    """Decide about messages whose fate is unknown: send once more, or say what became of them."""
    if not (ids or restored):
        raise click.UsageError("give IDs, or --restored")
    asked: Json = {"ids": ids, "restored": restored, "as": verdict}
    done = client.post("/v1/queue/release", asked)
    if as_json:
        say_json(done)
    else:
        click.echo(f"{done['released']} messages released")
    for each in done["refused"]:
        click.echo(f"{each['id']}: {each['problem']}", err=True)
    if done["refused"]:
        raise click.exceptions.Exit(1)
