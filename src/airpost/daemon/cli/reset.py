"""`airpost reset`: bring a modem back by a person's word."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, as_json_option, talks
from airpost.daemon.cli.completion import modem_names
from airpost.daemon.cli.tables import say_json
from airpost.modem.api import RESETS

WAIT_S = 240.0  # for what is on the air, and for a stick that becomes a CD-ROM first


@click.command()
@click.argument("name", shell_complete=modem_names)
@click.option("--how", type=click.Choice(RESETS), default="reset", show_default=True,
              help="From the gentlest to the harshest.")  # fmt: skip
@as_json_option
@talks
def reset(client: Client, *, name: str, how: str, as_json: bool) -> None:
    """Reset the modem NAME and wait until it is back on its port.

    A message on the air is waited for; after a minute it is uncertain.
    """
    done = client.post(f"/v1/modems/{name}/reset", {"how": how}, wait_s=WAIT_S)
    if as_json:
        say_json(done)
    else:
        click.echo(f"{done['modem']}: {done['state']}, {done['detail']}")
