"""`airpost keys create | list | revoke`: through the service, or at its store when it is down."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.offline import config_option, either
from airpost.daemon.cli.tables import say_fields, say_json, say_table, short_time
from airpost.model import ApiKey
from airpost.regions import place_fault
from airpost.services.http.credentials import (
    ID_OCTETS,
    SECRET_OCTETS,
    Scope,
    make_token,
    token_hash,
)
from airpost.services.http.render import key_json
from airpost.store.api import Store


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--owner", help="Whose messages it sends and sees; NAME where not given.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=["send", "read"],
    show_default=True,
    type=click.Choice([each.value for each in Scope]),
    help="What it may do; may be repeated.",
)
@click.option("--country", "countries", multiple=True,
              help="Where it may send to, such as DE, +49 or *; may be repeated. "
                   "What holds for all where not given.")  # fmt: skip
@config_option
@as_json_option
@talks
def create(
    client: Client,
    name: str,
    *,
    owner: str | None,
    scopes: tuple[str, ...],
    countries: tuple[str, ...],
    config_path: Path,
    as_json: bool,
) -> None:
    """Make a key called NAME. Its token is shown this once."""
    owner = owner or name
    body: Json = {"name": name, "owner": owner, "scopes": list(scopes)}
    for place in countries:
        if (fault := place_fault(place)) is not None:
            raise click.BadParameter(f"{place!r} {fault}", param_hint="--country")
    if countries:
        body["countries"] = list(countries)

    async def offline(store: Store) -> Json:
        key = ApiKey(
            id=secrets.token_hex(ID_OCTETS),
            name=name,
            owner=owner,
            scopes=frozenset(scopes),
            created_at=SystemClock().now(),
            revoked_at=None,
            countries=countries or None,
        )
        token = make_token(key.id, secrets.token_urlsafe(SECRET_OCTETS))
        await store.add_key(key, token_hash(token))
        return {**key_json(key), "token": token}

    made = either(lambda: client.post("/v1/keys", body), offline, config_path)
    if as_json:
        say_json(made)
    else:
        say_fields([("id", made["id"]), ("owner", owner), ("token", made["token"])])


@keys.command(name="list")
@config_option
@as_json_option
@talks
def list_(client: Client, *, config_path: Path, as_json: bool) -> None:
    """List all keys, revoked ones too."""

    async def offline(store: Store) -> list[Json]:
        return [key_json(key) for key in await store.keys()]

    found = either(lambda: client.get("/v1/keys")["items"], offline, config_path)
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        ("id", "name", "owner", "scopes", "created", "revoked"),
        ((k["id"], k["name"], k["owner"], " ".join(k["scopes"]), short_time(k["created_at"]),
          short_time(k["revoked_at"])) for k in found),
    )  # fmt: skip


@keys.command()
@click.argument("key_id", metavar="ID")
@config_option
@talks
def revoke(client: Client, key_id: str, *, config_path: Path) -> None:
    """Revoke the key ID; it counts no longer from now on."""

    async def offline(store: Store) -> bool:
        return await store.revoke_key(key_id, SystemClock().now())

    def online() -> bool:
        client.delete(f"/v1/keys/{segment(key_id)}")
        return True

    if not either(online, offline, config_path):
        raise click.ClickException("there is no such key, or it was revoked before")
    click.echo(f"{key_id} revoked")
