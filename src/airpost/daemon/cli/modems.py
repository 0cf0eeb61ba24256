"""`airpost modems`: which modems there are and how they are."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, as_json_option, talks
from airpost.daemon.cli.tables import say_json, say_table

COLUMNS = ("name", "state", "operator", "signal", "number", "port", "detail")


@click.command()
@as_json_option
@talks
def modems(client: Client, *, as_json: bool) -> None:
    """List the modems."""
    found = client.get("/v1/modems")["items"]
    if as_json:
        for each in found:
            say_json(each)
        return
    rows = []
    for each in found:
        signal = None if each["signal_dbm"] is None else f"{each['signal_dbm']} dBm"
        state = f"{each['state']} (stalled)" if each["stalled"] else each["state"]
        rows.append(
            (each["name"], state, each["operator"], signal, each["number"], each["port"],
             each["detail"])
        )  # fmt: skip
    say_table(COLUMNS, rows)
