"""A configuration in a few words."""

from __future__ import annotations

from pathlib import Path

from airpost.daemon.config.load import parse_config
from airpost.daemon.config.settings import Settings

FOLDER = Path("/etc/airpost")
MODEM = '[[modem]]\nname = "a"\nport = "/dev/a"\n'
NAMED = '[[modem]]\nname = "a"\n'


def read(text: str, folder: Path = FOLDER, **env: str) -> Settings:
    """The settings in `text`."""
    return parse_config(text, folder, env)
