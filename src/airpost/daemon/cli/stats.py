"""`airpost stats funnel`: what became of everything that was asked for."""

from __future__ import annotations

import click

from airpost.daemon.cli.client import Client, Json, as_json_option, talks
from airpost.daemon.cli.tables import say_fields, say_json, say_table
from airpost.store.keeping import By

COLUMNS = ("stage", "count", "% of previous", "% of requested", "p50", "p95", "p98.7", "p99", "why")
_TIMES = ("p50_ms", "p95_ms", "p98_7_ms", "p99_ms")


@click.group()
def stats() -> None:
    """Count what was sent and what became of it."""


@stats.command()
@click.option("--by", type=click.Choice([each.value for each in By]), help="A table for each.")
@click.option("--since", help="Asked for at or after, such as 2026-01-02T03:00:00Z; by hours.")
@click.option("--until", help="Asked for before this time.  [default: now]")
@as_json_option
@talks
def funnel(
    client: Client, *, by: str | None, since: str | None, until: str | None, as_json: bool
) -> None:
    """Show the delivery funnel, of the last 24 hours unless told otherwise."""
    asked = {"by": by, "since": _time(since), "until": _time(until)}
    found = client.get("/v1/stats/funnel", asked, wait_s=60)
    if as_json:
        say_json(found)
        return
    click.echo(f"asked for from {found['since']} to {found['until']}")
    for group in found["groups"]:
        if by is not None:
            click.echo(f"\n{by} {group['group'] or '(none)'}")
        say_table(COLUMNS, [_row(name, stage) for name, stage in group.items() if _is_stage(stage)])
        coverage = group["dlr_coverage"]
        told = "-" if coverage is None else f"{coverage} %"
        click.echo(f"delivery reports came for {told} of what was taken with one asked for")
    if found["words"]:
        click.echo()
        say_fields(found["words"].items())


def _time(given: str | None) -> str | None:
    """A date alone is its first moment in UTC."""
    return f"{given}T00:00:00Z" if given is not None and len(given) == len("2026-01-02") else given


def _is_stage(value: object) -> bool:
    return isinstance(value, dict)


def _row(name: str, stage: Json) -> tuple[object, ...]:
    reasons = ", ".join(f"{why} {count}" for why, count in stage.get("reasons", {}).items())
    shares = (stage["of_previous_pct"], stage["of_requested_pct"])
    return (name, stage["count"], *shares, *(_short(stage.get(each)) for each in _TIMES), reasons)


def _short(ms: int | None) -> str:
    """Milliseconds as people read them."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
