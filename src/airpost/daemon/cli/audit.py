"""`airpost audit list | verify`: who did what, and whether the log of it is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click

from airpost.audit import Anchor, Row, Verified, anchors_in, row_json, row_of, verify
from airpost.clock import parse_rfc3339
from airpost.daemon.cli.client import Client, Json, as_json_option, talks
from airpost.daemon.cli.offline import at_rest, config_option, elsewhere
from airpost.daemon.cli.tables import say_fields, say_json, say_table, short_time
from airpost.errors import AirpostError, Unreachable

UNIT = "airpost.service"
JOURNAL_S = 300.0


@click.group()
def audit() -> None:
    """Show who did what, and verify that nothing of it was changed."""


@audit.command(name="list")
@click.option("--last", type=click.IntRange(min=1), help="Only so many, the newest.")
@config_option
@as_json_option
@talks
def list_(client: Client, *, last: int | None, config_path: Path, as_json: bool) -> None:
    """List all rows, oldest first; with --json what `verify --rows` takes."""
    found = _rows(client, config_path, last)
    if as_json:
        for row in found:
            say_json(row)
        return
    say_table(
        ("n", "at", "actor", "from", "action", "subject", "result", "count", "detail"),
        ((r["n"], short_time(r["at"]), r["actor"], r["origin"], r["action"], r["subject"],
          r["result"], r["count"], _brief(r["detail"])) for r in found),
    )  # fmt: skip


def _brief(detail: Json) -> str:
    return ", ".join(f"{name} {value}" for name, value in detail.items())


def _rows(client: Client, config_path: Path, last: int | None = None) -> Iterable[Json]:
    """The rows of the service, page by page, or of its store as it lies there."""
    found = client.items(dict, "/v1/audit", {"last": last})
    try:
        first = next(found, None)
    except Unreachable:
        if elsewhere() or not config_path.exists():
            raise
        return _at_rest(config_path, last)
    return () if first is None else chain([first], found)


def _at_rest(config_path: Path, last: int | None) -> Iterator[Json]:
    """Nothing is written: what is to be proved must not change by looking at it."""
    from airpost.store.audit import file_rows

    with at_rest(config_path) as path:
        try:
            yield from map(row_json, file_rows(path, last))
        except (AirpostError, ValueError) as error:
            raise click.ClickException(str(error)) from error


@audit.command(name="verify")
@click.option(
    "--rows",
    "rows_file",
    type=click.File("r", encoding="utf-8"),
    help="Rows as `airpost audit list --json` has printed them, not those of the service.",
)
@click.option(
    "--anchors",
    "files",
    multiple=True,
    type=click.File("r", errors="replace"),
    help="A log with anchors, such as that of a remote syslog; - is standard input.",
)
@click.option(
    "--journal/--no-journal",
    default=None,
    help="Take anchors from this machine's journal; done where there are no others.",
)
@click.option("--unit", default=UNIT, show_default=True, help="Whose journal.")
@config_option
@as_json_option
@talks
def verify_(
    client: Client,
    *,
    rows_file: TextIO | None,
    files: tuple[TextIO, ...],
    journal: bool | None,
    unit: str,
    config_path: Path,
    as_json: bool,
) -> None:
    """Look for rows that were changed, removed, put in another order or cut off.

    1 where something is found. Without anchors a log that was written anew as a whole from some row
    on cannot be told from a true one; docs/SECURITY.md says what they prove.
    """
    anchors = [anchor for file in files for anchor in anchors_in(file)]
    told = ""
    if journal or (journal is None and not files):
        found, told = _journal(unit)
        anchors += found
    shown = _rows(client, config_path) if rows_file is None else _read(rows_file)
    result = verify((_row(each) for each in shown), anchors)
    _say(result, told, as_json=as_json)
    if result.faults:
        raise click.ClickException("the audit log is not what airpost has written")


def _journal(unit: str) -> tuple[list[Anchor], str]:
    """The anchors in the journal, and why there may be none."""
    program = shutil.which("journalctl")
    if program is None:
        return [], "there is no journalctl here"
    asked = [program, "--unit", unit, "--output", "cat", "--no-pager", "--quiet"]
    try:
        done = subprocess.run(  # noqa: S603 a program of the system, by its full path
            asked, capture_output=True, text=True, errors="replace", timeout=JOURNAL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"the journal cannot be read: {error}"
    found = anchors_in(done.stdout.splitlines())
    if found:
        return found, ""
    words = done.stderr.strip() or f"no anchor of {unit} is in what this user may read of it"
    return [], f"the journal: {words}"


def _read(file: TextIO) -> Iterator[Json]:
    for at, line in enumerate(file, 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise click.ClickException(f"line {at} of {file.name} is no JSON") from None


def _row(shown: Any) -> Row:
    try:
        return row_of(shown, parse_rfc3339)
    except (ValueError, TypeError, AttributeError) as error:
        raise click.ClickException(f"what should be a row is none: {error}") from None


def _say(result: Verified, told: str, *, as_json: bool) -> None:
    if as_json:
        say_json({
            "rows": result.rows, "begins": result.begins, "head": result.head.n,
            "hash": result.head.hash.hex(), "anchors": result.anchors,
            "anchored": result.anchored, "faults": list(result.faults),
        })  # fmt: skip
        return
    for fault in result.faults:
        click.echo(fault)
    if result.begins > 1:
        click.echo(f"rows 1 to {result.begins - 1} went by retention, as the log itself tells")
    say_fields([
        ("rows", result.rows),
        ("newest", f"{result.head.n} {result.head.hash.hex()}"),
        ("anchors", f"{result.anchors}, the newest at row {result.anchored}"
         if result.anchors else "none"),
        ("not anchored", told),
    ])  # fmt: skip
    if not result.anchors:
        click.echo("without an anchor, a log written anew from some row on looks like a true one")
    if not result.faults:
        anew = f", and nothing up to row {result.anchored} was written anew"
        click.echo("nothing was changed or removed inside" + (anew if result.anchors else ""))
