"""`airpost doctor`: what is wrong with this machine and its modems, and the line that mends it.

May import the doctor. It looks and asks; only `--fix` changes anything.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airpost.daemon.cli.client import Client, as_json_option, talks
from airpost.daemon.cli.tables import printable, say_json

if TYPE_CHECKING:
    from airpost.daemon.doctor.examination import Given, Report
    from airpost.daemon.doctor.finding import Finding

LOG_S = 10.0  # journalctl may have to read a slow card
MARKS = {"error": ("ERROR  ", "red"), "warning": ("warning", "yellow"), "note": ("note   ", None)}


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), envvar="AIRPOST_CONFIG",
              default="/etc/airpost/airpost.toml", show_default=True,
              help="Which modems and store are looked at.")  # fmt: skip
@click.option("--fix", is_flag=True, help="Make the changes that are safe; say which were made.")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="FILE.tar.gz",
              help="Write a support archive too: no texts, no numbers, no secrets.")  # fmt: skip
@click.option("--root", type=click.Path(path_type=Path, exists=True, file_okay=False),
              default=Path("/"), hidden=True)  # fmt: skip
@as_json_option
@talks
def doctor(
    client: Client, *, config_path: Path, fix: bool, bundle: Path | None, root: Path, as_json: bool
) -> None:
    """Find out what is wrong; exit 1 when something is that stops messages.

    With the service running its modems are asked through it, between messages; without it their
    ports are opened.
    """
    from airpost.clock import SystemClock
    from airpost.daemon.doctor.examination import examine
    from airpost.daemon.doctor.finding import Severity, finding_json
    from airpost.daemon.doctor.mending import mended
    from airpost.modem.profiles import load_profiles

    if bundle is not None and bundle.exists():
        raise click.UsageError(f"{bundle} is there already; name a new file")
    given = _given(root, config_path)
    profiles = load_profiles(None if given.settings is None else given.settings.profiles)
    report = asyncio.run(examine(given, client, profiles, SystemClock()))
    findings = mended(report.findings) if fix else report.findings
    if bundle is not None:
        _write_bundle(bundle, config_path, report, findings)
    if as_json:
        for each in findings:
            say_json(finding_json(each))
    else:
        _show(findings)
        if bundle is not None:
            click.echo(f"\n{bundle} may be sent to whoever helps you; look into it first")
    open_ = [each for each in findings if not (each.mended or "").startswith("done")]
    raise SystemExit(any(each.severity is Severity.ERROR for each in open_))


def _given(root: Path, config_path: Path) -> Given:
    from airpost.daemon.config.load import load_config
    from airpost.daemon.doctor.examination import Given
    from airpost.daemon.doctor.roots import Roots
    from airpost.errors import ConfigError

    roots = Roots(root)
    if not config_path.exists():
        return Given(roots=roots, settings=None, absent=f"there is no {config_path}")
    try:
        return Given(roots=roots, settings=load_config(config_path))
    except ConfigError as problem:
        return Given(roots=roots, settings=None, mistake=f"{config_path}: {problem}")


def _show(findings: tuple[Finding, ...]) -> None:
    for each in findings:
        word, colour = MARKS[each.severity.value]
        mark = click.style(word, fg=colour, bold=colour is not None)
        click.echo(f"{mark} {printable(each.subject)}: {printable(each.what)}")
        if each.mended is not None:
            click.echo(f"        --fix {printable(each.mended)}")
        elif each.fix is not None:
            click.echo(f"        {printable(each.fix)}")
    errors = sum(each.severity.value == "error" for each in findings)
    warnings = sum(each.severity.value == "warning" for each in findings)
    click.echo(f"\n{errors} errors, {warnings} warnings")


# -- the support archive -------------------------------------------------------------------------
def _write_bundle(
    path: Path, config_path: Path, report: Report, findings: tuple[Finding, ...]
) -> None:
    from airpost.clock import SystemClock, rfc3339
    from airpost.daemon.doctor.archive import Archive, harmless_config, harmless_log
    from airpost.errors import ConfigError

    now = SystemClock().now()
    archive = Archive(now)
    archive.add_json("about.json", {"made_at": rfc3339(now), **_versions()})
    archive.add_findings(findings)
    archive.add_json("service.json", report.service.about or {"absent": report.service.absent})
    archive.add_json("modems.json", report.service.modems)
    for lane, lines in report.service.traces.items():
        archive.add_trace(lane, lines)
    try:
        archive.add_json("config.json", harmless_config(config_path.read_text("utf-8")))
    except ConfigError as problem:
        archive.add_json("config.json", {"mistake": problem.message})
    except (OSError, UnicodeDecodeError):
        archive.add_json("config.json", {"mistake": "it cannot be read"})
    archive.add_text("log.txt", harmless_log(_journal()))
    try:
        archive.write(path)
    except OSError as problem:
        raise click.ClickException(f"{path}: {problem.strerror}") from problem


def _versions() -> dict[str, Any]:
    names = ("airpost", "aiohttp", "pydantic", "pyserial", "pyserial-asyncio", "sqlite-utils")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in names},
        "executable": sys.executable,
    }


def _journal() -> list[str]:
    """What the service logged last, where systemd keeps it."""
    program = shutil.which("journalctl")
    if program is None:
        return []
    command = [program, "-u", "airpost", "-n", "2000", "-o", "short-iso", "--no-pager", "-q"]
    try:
        done = subprocess.run(  # noqa: S603 - words of ours
            command, capture_output=True, text=True, timeout=LOG_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()
