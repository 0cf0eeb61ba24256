"""`airpost modems`: which there are and how they are, which are supported; pausing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from airpost.clock import SECOND_US, Instant, SystemClock, parse_rfc3339
from airpost.daemon.cli.client import Client, Json, as_json_option, say_blocked, segment, talks
from airpost.daemon.cli.completion import modem_names
from airpost.daemon.cli.groups import DefaultGroup
from airpost.daemon.cli.tables import printable, say_fields, say_json, say_table
from airpost.daemon.cli.watching import watched
from airpost.modem.profiles import load_profiles
from airpost.modem.supported import Supported, markdown, supported

USSD_WAIT_S = 90.0  # a network has a minute
COLUMNS = (
    "name", "state", "operator", "signal", "proof", "credit", "limits", "number", "port", "detail",
)  # fmt: skip


@click.group(cls=DefaultGroup, default="list")
def modems() -> None:
    """List the modems; pause, drain or resume one.

    `airpost modems` is `airpost modems list`.
    """


@modems.command("list")
@click.option("--supported", "known", is_flag=True, help="The families of modems airpost knows.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --supported: the whole page.")
@click.option("--profiles", "folder", type=click.Path(path_type=Path),
              help="With --supported: a folder of your own profiles, checked too.")  # fmt: skip
@as_json_option
@talks
@watched
def listing(
    client: Client, *, known: bool, as_markdown: bool, folder: Path | None, as_json: bool
) -> None:
    """List the modems; with --supported, what is known of their families (no service needed)."""
    if known:
        _say_supported(folder, as_markdown=as_markdown, as_json=as_json)
        return
    if as_markdown or folder is not None:
        raise click.UsageError("--markdown and --profiles go with --supported")
    _say_present(client, as_json=as_json)
    say_blocked(client)


@modems.command()
@click.argument("name", shell_complete=modem_names)
@as_json_option
@talks
def pause(client: Client, name: str, *, as_json: bool) -> None:
    """Give the modem NAME nothing more to send; what it has not begun goes to others."""
    _say_turned(client.post(f"/v1/modems/{segment(name)}/pause", {}), as_json=as_json)


@modems.command()
@click.argument("name", shell_complete=modem_names)
@as_json_option
@talks
def drain(client: Client, name: str, *, as_json: bool) -> None:
    """Let the modem NAME send what is bound to it, then pause it."""
    _say_turned(client.post(f"/v1/modems/{segment(name)}/drain", {}), as_json=as_json)


@modems.command()
@click.argument("name", shell_complete=modem_names)
@as_json_option
@talks
def resume(client: Client, name: str, *, as_json: bool) -> None:
    """Give the modem NAME messages again; doubt of its SIM is over."""
    _say_turned(client.post(f"/v1/modems/{segment(name)}/resume", {}), as_json=as_json)


@modems.command()
@click.argument("name")
@click.argument("code")
@as_json_option
@talks
def ussd(client: Client, name: str, code: str, *, as_json: bool) -> None:
    """Run the USSD code CODE, such as *100#, on the modem NAME, and tell what the network says."""
    path = f"/v1/modems/{segment(name)}/ussd"
    told = client.post(path, {"code": code}, wait_s=USSD_WAIT_S)
    if as_json:
        say_json(told)
    else:
        click.echo("\n".join(map(printable, told["text"].splitlines())))


def _say_turned(modem: Json, *, as_json: bool) -> None:
    if as_json:
        say_json(modem)
    else:
        click.echo(f"{modem['name']}: {modem['paused'] or 'takes messages'}")


def _say_present(client: Client, *, as_json: bool) -> None:
    answer = client.get("/v1/modems")
    found = answer["items"]
    if as_json:
        for each in found:
            say_json(each)
        return
    rows = []
    now = SystemClock().now()
    for each in found:
        signal = None if each["signal_dbm"] is None else f"{each['signal_dbm']} dBm"
        marks = [word for word, holds in (("stalled", each["stalled"]), ("paused", each["paused"]))
                 if holds]  # fmt: skip
        state = f"{each['state']} ({', '.join(marks)})" if marks else each["state"]
        rows.append(
            (each["name"], state, each["operator"], signal, _proof(each, now), _credit(each),
             limits_words(each), each["number"], each["port"], each["paused"] or each["detail"])
        )  # fmt: skip
    say_table(COLUMNS, rows)
    for promise in answer["urgent"]:
        click.echo(_promise(promise))


def _promise(told: Json) -> str:
    """What a route can take, in words."""
    words = "1 modem" if told["modems"] == 1 else f"{told['modems']} modems"
    if not told["modems"]:
        return (
            f"route {told['route']}: nothing goes now, not even otp and alarm: no modem takes any"
        )
    if told["urgent_per_minute"] is None:
        known = "what it can promise otp and alarm is not known yet"
        return f"route {told['route']}: {known} ({words})"
    return (
        f"route {told['route']}: {told['share']:.1%} of otp and alarm begin within "
        f"{told['wait_s']:g} s up to {told['urgent_per_minute']:.1f} parts a minute, "
        f"{told['under_bulk_per_minute']:.1f} beside bulk ({words}, "
        f"{told['reserved']} of them without bulk, {told['service_s']:.1f} s a part)"
    )


def limits_words(modem: Json) -> str:
    """What is left of the SIM's budget, `day 80/200`, and `none` where nothing limits it."""
    limits = modem["limits"]
    if limits is None:
        return "none"
    told = ", ".join(f"{use['limit']} {use['used']}/{use['of']}" for use in limits["uses"])
    if limits["blocked"] is not None:
        told += f" (closed: {limits['blocked']['for']})"
    return told or limits["profile"]


def _proof(modem: Json, now: Instant) -> str:
    """How long ago a message went out or came in, and a self-test that brought nothing."""
    at = modem["last_proof_at"]
    age = "never" if at is None else f"{age_words(now - parse_rfc3339(at))} ago"
    test = modem["selftest"]
    bad = test is not None and test["over"] and test["state"] not in ("delivered", "cancelled")
    return f"{age}, self-test {test['state']}" if bad else age


def age_words(age_us: int) -> str:
    """Of the largest unit that fits, two at least: `90 s`, `3 min`, `47 h`, `12 d`."""
    left = max(0, age_us // SECOND_US)
    for unit, size in (("s", 60), ("min", 60), ("h", 24)):
        if left < 2 * size:
            return f"{left} {unit}"
        left //= size
    return f"{left} d"


def _credit(modem: Json) -> str | None:
    credit = modem["credit"]
    if credit is None:
        return None
    value = "" if credit["value"] is None else f"{credit['value']:g}"
    marks = [word for word, holds in (("low", credit["low"]), ("?", credit["problem"])) if holds]
    return " ".join((value, *marks)).strip()


def _say_supported(folder: Path | None, *, as_markdown: bool, as_json: bool) -> None:
    """Profiles with a mistake are named after the others, and the exit code is 1."""
    profiles = load_profiles(folder)
    rows = supported(profiles)
    if as_markdown:
        click.echo(markdown(profiles), nl=False)
    elif as_json:
        for row in rows:
            say_json({**asdict(row), "ports": [{"ids": a, "roles": b} for a, b in row.ports]})
    else:
        for row in rows:
            click.echo(f"{row.name}: {row.title} ({row.evidence})")
            say_fields((f"  {name}", told) for name, told in _told(row))
    for error in profiles.refused:
        click.echo(f"refused: {error}", err=True)
    if profiles.refused:
        raise click.exceptions.Exit(1)


def _told(row: Supported) -> Iterator[tuple[str, str]]:
    yield "models", ", ".join(row.models)
    yield "known by", ", ".join(row.ids)
    yield from ((f"ports of {ids}", roles) for ids, roles in row.ports)
    yield "never done", ", ".join(row.never)
    yield "not proven", "; ".join(row.not_proven)
