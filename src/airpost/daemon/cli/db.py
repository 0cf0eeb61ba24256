"""`airpost db check | prune | backup | restore | forget`: the store as a thing to look after."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import click

from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client, Json, as_json_option, talks
from airpost.daemon.cli.offline import (
    at_rest,
    clock_is_sure,
    config_option,
    either,
    elsewhere,
    here,
    noting,
    store_path_in,
)
from airpost.daemon.cli.tables import say_fields, say_json
from airpost.errors import AirpostError, Unreachable
from airpost.model import masked
from airpost.store.api import Store

LONG_S = 3600.0  # a large store takes its time
ACTOR = "airpost db"
HELD = (
    "They may have gone out since the copy was made. Once the service runs, "
    "`airpost messages --uncertain` lists them and `airpost queue release --restored` lets them go."
)
NOT_DUE = (
    "{count} of them cannot have gone out: the copy shows no attempt, and they are to be sent only "
    "later than now. Released, they wait for their time and do not count as sent twice."
)


@click.group()
def db() -> None:
    """Check, prune, copy and put back the store; erase a number."""


def _say(found: Json, *, as_json: bool) -> None:
    if as_json:
        say_json(found)
    else:
        say_fields(_told(name, value) for name, value in found.items())


def _told(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_s"):
        return name.removesuffix("_s").replace("_", " "), f"{value:.2f} s"
    return name.replace("_", " "), value


@db.command()
@config_option
@as_json_option
@talks
def check(client: Client, *, config_path: Path, as_json: bool) -> None:
    """Look through all of the store; 1 where something is wrong."""
    try:
        found = client.post("/v1/db/check", {}, wait_s=LONG_S)
    except Unreachable:
        if elsewhere() or not config_path.exists():
            raise
        found = _checked(config_path)
    if as_json:
        say_json(found)
    for fault in () if as_json else found["faults"]:
        click.echo(fault)
    if found["faults"]:
        raise click.ClickException("the store is not sound; `airpost db restore` puts a copy back")
    if not as_json:
        click.echo(f"all is well: {found['messages']} messages, {found['octets']} octets")


def _checked(config_path: Path) -> Json:
    """As it lies there: a damaged store cannot be opened as one."""
    from airpost.store.examine import check_file

    with at_rest(config_path) as path:
        return asdict(check_file(path))


@db.command()
@config_option
@as_json_option
@talks
def prune(client: Client, *, config_path: Path, as_json: bool) -> None:
    """Remove what is past its time now."""

    async def offline(store: Store) -> Json:
        from airpost.daemon.config.load import load_config

        retention = load_config(config_path).http.retention
        async with noting(store, "db.prune", ahead=True) as also:
            gone = asdict(await store.keeping.prune(retention, SystemClock().now()))
            also(**gone)
        return gone

    online = lambda: client.post("/v1/db/prune", {}, wait_s=LONG_S)  # noqa: E731
    _say(either(online, offline, config_path), as_json=as_json)


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@as_json_option
@talks
def backup(client: Client, file: Path, *, config_path: Path, as_json: bool) -> None:
    """Make FILE a copy of the store as it is now, while the service works."""
    file = file.absolute()

    async def offline(store: Store) -> Json:
        async with noting(store, "db.backup", str(file), ahead=True) as also:
            made = await store.keeping.backup(file)
            also(octets=made.octets)
        return {"path": str(made.path), "octets": made.octets, "took_s": made.took_s}

    online = lambda: client.post("/v1/db/backup", {"path": str(file)}, wait_s=LONG_S)  # noqa: E731
    _say(either(online, offline, config_path), as_json=as_json)


@db.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@as_json_option
def restore(file: Path, *, config_path: Path, as_json: bool) -> None:
    """Put the store back to what FILE holds. The service must not be running.

    What was waiting in FILE may have gone out since: it is held until `airpost queue release`.
    The store that was there is kept beside it.
    """
    from airpost.store.backup import restore as put_back

    try:
        path = store_path_in(config_path)
        frozen, old = put_back(
            file, path, SystemClock().now(), Random(), here(), sure=clock_is_sure()
        )
    except AirpostError as error:
        raise click.ClickException(str(error)) from error
    found: Json = {
        "path": str(path),
        **frozen._asdict(),
        "before": None if old is None else str(old),
    }
    _say(found, as_json=as_json)
    if frozen.held and not as_json:
        click.echo(HELD)
    if frozen.not_due and not as_json:
        click.echo(NOT_DUE.format(count=frozen.not_due))


@db.command()
@click.argument("number")
@config_option
@as_json_option
@talks
def forget(client: Client, number: str, *, config_path: Path, as_json: bool) -> None:
    """Erase NUMBER and everything said to and by it; counts stay.

    1 while messages to it are under way: they stay until it is known what became of them.
    """
    from airpost.daemon.config.load import load_config
    from airpost.numbering import Numbering
    from airpost.services.http.keeping import erase

    async def offline(store: Store) -> Json:
        numbering = Numbering(load_config(config_path).sms.home_region)
        async with noting(store, "db.forget", masked(number), ahead=True) as also:
            gone = asdict(await erase(store.keeping, numbering, number, ACTOR))
            also(**gone)
        return gone

    online = lambda: client.post("/v1/db/forget", {"number": number}, wait_s=LONG_S)  # noqa: E731
    found = either(online, offline, config_path)
    _say(found, as_json=as_json)
    if found["under_way"]:
        raise click.ClickException("messages to it are under way; forget it again when they ended")
