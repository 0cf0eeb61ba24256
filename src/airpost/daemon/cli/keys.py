"""`airpost keys …`: through the service, or at its store when it is down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from airpost.clock import SECOND_US, Instant, SystemClock, rfc3339
from airpost.daemon.cli.client import Client, Json, as_json_option, segment, talks
from airpost.daemon.cli.offline import config_option, either, noting, routes_in
from airpost.daemon.cli.spans import Span
from airpost.daemon.cli.tables import say_fields, say_json, say_table, short_time
from airpost.model import MessageClass
from airpost.regions import place_fault
from airpost.services.http.credentials import Scope, token_hash
from airpost.services.http.key_schemas import MAX_OVERLAP_S, KeyIn
from airpost.services.http.keyrules import read_expiry, read_network, read_rate
from airpost.services.http.keys import new_key, new_token, told_of
from airpost.services.http.render import key_json
from airpost.services.http.schemas import read_body
from airpost.store.api import Store

RESTRICTIONS = ("countries", "classes", "routes", "networks", "rate")


class Several(click.ParamType[Any]):
    """One value, or several with commas between them, each checked by `check`."""

    name = "text"

    def __init__(self, *known: str, check: Any = None) -> None:
        self._known = known
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The values, as a tuple."""
        if isinstance(value, tuple):
            return value
        found = tuple(each.strip() for each in value.split(","))
        for each in found:
            if self._known and each not in self._known:
                self.fail(f"{each!r} is not one of {', '.join(self._known)}", param, ctx)
            if self._check is not None:
                _valid(self, self._check, each, param, ctx)
        return found


class Checked(click.ParamType[str]):
    """A text that `check` takes."""

    name = "text"

    def __init__(self, check: Any) -> None:
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text."""
        _valid(self, self._check, value, param, ctx)
        return value


def _valid(kind: click.ParamType[Any], check: Any, text: str, param: Any, ctx: Any) -> None:
    try:
        fault = check(text)
    except ValueError as error:
        fault = str(error)
    if isinstance(fault, str):
        kind.fail(f"{text!r} {fault}", param, ctx)


def _expiry(text: str) -> Instant:
    return read_expiry(text, SystemClock().now())


def _flat(given: tuple[tuple[str, ...], ...]) -> list[str]:
    return [each for some in given for each in some]


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--owner", help="Whose messages it sends and sees; NAME where not given.")
@click.option("--scope", "scopes", multiple=True, default=["send,read"], show_default=True,
              type=Several(*(each.value for each in Scope)),
              help=f"What it may do: {', '.join(each.value for each in Scope)}.")  # fmt: skip
@click.option("--class", "classes", multiple=True,
              type=Several(*(each.value for each in MessageClass)),
              help="Which classes it may send.")  # fmt: skip
@click.option("--route", "routes", multiple=True, type=Several(),
              help="By which routes it may send.")  # fmt: skip
@click.option("--country", "countries", multiple=True, type=Several(check=place_fault),
              help="Where it may send to, such as DE, +49 or *.")  # fmt: skip
@click.option("--rate", type=Checked(read_rate),
              help='How many messages and requests: 60/min, "10/s, burst 50".')  # fmt: skip
@click.option("--from-net", "networks", multiple=True, type=Several(check=read_network),
              help='From where it counts: networks, addresses, or "unix".')  # fmt: skip
@click.option("--expires", type=Checked(_expiry),
              help="When it ends: a span such as 90d, or a time.")  # fmt: skip
@config_option
@as_json_option
@talks
def create(
    client: Client,
    name: str,
    *,
    owner: str | None,
    scopes: tuple[tuple[str, ...], ...],
    rate: str | None,
    expires: str | None,
    config_path: Path,
    as_json: bool,
    **several: tuple[tuple[str, ...], ...],
) -> None:
    """Make a key called NAME. Its token is shown this once.

    Options that take several values may be repeated, or have commas between them; what is not
    given is no restriction.
    """
    body: Json = {"name": name, "scopes": _flat(scopes)}
    if owner is not None:
        body["owner"] = owner
    body |= {field: _flat(given) for field, given in several.items() if given}
    if rate is not None:
        body["rate"] = rate
    if expires is not None:
        body["expires_at"] = rfc3339(_expiry(expires))

    async def offline(store: Store) -> Json:
        given = read_body(KeyIn, json.dumps(body).encode())
        key = new_key(given, SystemClock().now(), routes_in(config_path))
        token = new_token(key.id)
        async with noting(store, "key.create", f"key {key.id}", told_of(key)):
            await store.add_key(key, token_hash(token))
        return {**key_json(key), "token": token}

    _say_made(either(lambda: client.post("/v1/keys", body), offline, config_path), as_json=as_json)


def _say_made(made: Json, *, as_json: bool) -> None:
    if as_json:
        say_json(made)
    else:
        until = made["old_until"]
        say_fields([
            ("id", made["id"]), ("owner", made["owner"]), *_restrictions(made),
            ("expires", made["expires_at"]), ("token", made["token"]),
            ("the secret before counts until", until),
        ])  # fmt: skip


def _restrictions(key: Json) -> list[tuple[str, str]]:
    found = [(name, key[name]) for name in RESTRICTIONS if key[name] is not None]
    return [(name, value if isinstance(value, str) else ",".join(value)) for name, value in found]


@keys.command(name="list")
@config_option
@as_json_option
@talks
def list_(client: Client, *, config_path: Path, as_json: bool) -> None:
    """List all keys, those that count no longer too."""

    async def offline(store: Store) -> list[Json]:
        return [key_json(key) for key in await store.keys()]

    found = either(lambda: client.get("/v1/keys")["items"], offline, config_path)
    if as_json:
        for each in found:
            say_json(each)
        return
    say_table(
        ("id", "name", "owner", "scopes", "created", "expires", "revoked", "only"),
        ((k["id"], k["name"], k["owner"], " ".join(k["scopes"]), short_time(k["created_at"]),
          short_time(k["expires_at"]), short_time(k["revoked_at"]),
          "; ".join(f"{name} {value}" for name, value in _restrictions(k))) for k in found),
    )  # fmt: skip


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option("--overlap", "overlap_s", default="24h", show_default=True, type=Span(MAX_OVERLAP_S),
              help="How long the secret before counts, too.")  # fmt: skip
@config_option
@as_json_option
@talks
def rotate(
    client: Client, key_id: str, *, overlap_s: int, config_path: Path, as_json: bool
) -> None:
    """Give the key ID another secret. The token is shown this once."""

    async def offline(store: Store) -> Json:
        token = new_token(key_id)
        until = Instant(SystemClock().now() + overlap_s * SECOND_US)
        async with noting(store, "key.rotate", f"key {key_id}", {"overlap_s": overlap_s}):
            key = await store.rotate_key(key_id, token_hash(token), until)
            if key is None:
                raise click.ClickException("there is no such key, or it was revoked")
        return {**key_json(key), "token": token}

    path = f"/v1/keys/{segment(key_id)}/rotate"
    made = either(lambda: client.post(path, {"overlap_s": overlap_s}), offline, config_path)
    _say_made(made, as_json=as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@config_option
@talks
def revoke(client: Client, key_id: str, *, config_path: Path) -> None:
    """Revoke the key ID; it counts no longer from now on."""

    async def offline(store: Store) -> bool:
        async with noting(store, "key.revoke", f"key {key_id}"):
            if not await store.revoke_key(key_id, SystemClock().now()):
                raise click.ClickException("there is no such key, or it was revoked before")
        return True

    def online() -> bool:
        client.delete(f"/v1/keys/{segment(key_id)}")
        return True

    either(online, offline, config_path)
    click.echo(f"{key_id} revoked")
