"""Whether the places, modems and carriers that the settings name can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from airpost.daemon.config.settings import STATE_FOLDER, Settings
from airpost.errors import ConfigError
from airpost.modem.binding import FOUND
from airpost.modem.profiles import load_profiles
from airpost.numbering import carrier_names
from airpost.routes import folded
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


def check_routes(settings: Settings) -> Iterator[str]:
    """Routes over no modem, and names in their groups that no modem can have.

    The service runs all the same: what goes by other routes shall not wait for these.
    """
    named = {str(modem.name) for modem in settings.modems}
    for route in settings.routes.routes:
        if not route.groups and route.name not in settings.labels:
            yield (
                f"route {route.name}: no modem serves it, its messages wait for ever; give it "
                "groups, or name it in `route` of a [[modem]]"
            )
        for lane in dict.fromkeys(lane for group in route.groups for lane in group):
            if lane in named or lane.startswith(FOUND):
                continue
            near = get_close_matches(lane, named, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield (
                f"route {route.name}: no [[modem]] has the name {lane!r}, and that of one that is "
                f"found begins with {' or '.join(FOUND)}{hint}"
            )


def check_carriers(settings: Settings) -> Iterator[str]:
    """Carriers that routes name and no number tells: such a route would take nothing by them."""
    routes = [route for route in settings.routes.routes if route.carriers]
    known = {folded(name): name for name in carrier_names()} if routes else {}
    for route in routes:
        for name in sorted(route.carriers - known.keys()):
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {known[near[0]]!r}?" if near else ""
            yield f"route {route.name}: no number tells a carrier {name!r}{hint}"
