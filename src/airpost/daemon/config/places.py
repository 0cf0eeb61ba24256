"""Whether the places that the settings name can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator

from airpost.daemon.config.settings import STATE_FOLDER, Settings
from airpost.errors import ConfigError
from airpost.modem.profiles import load_profiles
from airpost.services.http.tls import Tls


def check_places(settings: Settings) -> tuple[str, ...]:
    """What to know of the places the settings name; ConfigError where it could not start."""
    path = settings.store.path
    folder = path.parent
    if path.is_dir():
        raise ConfigError("store.url", f"{path} is a folder, not a file")
    if folder.is_dir():
        if os.access(folder, os.W_OK | os.X_OK):
            return ()
        return (f"this user cannot write in {folder}; the one airpost runs as must",)
    if folder.exists():
        raise ConfigError("store.url", f"{folder} is no folder")
    if folder == STATE_FOLDER:
        return (f"the folder {folder} is not there; systemd makes it when airpost.service starts",)
    raise ConfigError("store.url", f"the folder {folder} is not there; make it, for airpost's user")


def check_certificate(settings: Settings) -> None:
    """ConfigError where the certificate of `[tls]` cannot be used."""
    if settings.http.tls is not None:
        Tls(settings.http.tls)


def check_profiles(settings: Settings) -> Iterator[str]:
    """The modem profiles that the service would start without."""
    for fault in load_profiles(settings.profiles).refused:
        yield f"the profile {fault}; it is left out"
