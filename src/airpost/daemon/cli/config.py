"""`airpost config check FILE`: is this configuration one the service would start with?"""

from __future__ import annotations

from pathlib import Path

import click

from airpost.daemon.cli.client import as_json_option
from airpost.daemon.cli.tables import say_fields, say_json
from airpost.errors import ConfigError


@click.group()
def config() -> None:
    """Check a configuration file."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json_option
def check(file: Path, *, as_json: bool) -> None:
    """Read FILE and say what the service would do with it; exit 1 when it would not start."""
    from airpost.daemon.config.load import load_config
    from airpost.daemon.config.places import (
        check_carriers,
        check_certificate,
        check_places,
        check_profiles,
        check_routes,
    )
    from airpost.daemon.config.retention import check_retention

    try:
        settings = load_config(file)
        check_certificate(settings)
        checks = (check_places, check_profiles, check_routes, check_carriers, check_retention)
        notes = [note for check in checks for note in check(settings)]
    except ConfigError as error:
        if as_json:
            say_json({"ok": False, "path": error.path, "message": error.message})
            raise SystemExit(1) from error
        raise click.ClickException(f"{file}: {error}") from error
    shown = {
        "store": str(settings.store.path),
        "listen": [str(each) for each in settings.http.listen],
        "auth": settings.http.auth.value,
        "modems": [modem.name for modem in settings.modems],
    }
    if as_json:
        say_json({"ok": True, **shown, "notes": notes})
        return
    say_fields((name, " ".join(v) if isinstance(v, list) else v) for name, v in shown.items())
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo("ok")
