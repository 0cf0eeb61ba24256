"""The object graph: the only place that knows concrete classes. Reads as the architecture diagram.

May import everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from airpost.clock import Clock
from airpost.daemon.config import ModemSettings, Settings
from airpost.modem.connection import UnitSettings
from airpost.modem.port import PortSettings
from airpost.modem.profile import load_profile
from airpost.modem.unit import Unit
from airpost.pool.intake import StoreIntake
from airpost.pool.pool import ModemPool
from airpost.services.http.app import HttpDeps, build_app
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import UnixListen
from airpost.store.sqlite import SqliteStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the daemon is made of, nothing of it started."""

    store: SqliteStore
    pool: ModemPool
    units: tuple[Unit, ...]
    http: HttpServer


def build(settings: Settings, clock: Clock, rng: Random, stopping: Callable[[], bool]) -> Parts:
    """Everything `settings` ask for; `stopping()` is true once nothing new may be taken."""
    store = SqliteStore(settings.store.path, clock, Random(rng.getrandbits(64)))
    pool = ModemPool(store, clock, Random(rng.getrandbits(64)))
    intake = StoreIntake(store, clock)
    profile = load_profile()
    units = []
    for modem in settings.modems:
        unit = Unit(_unit_settings(modem), profile, intake, store, pool, clock)
        pool.add(unit)
        units.append(unit)
    # A socket whose folder cannot be made (a demo, a test) lies beside the store.
    listen = tuple(
        each.or_beside(settings.store.path.parent) if isinstance(each, UnixListen) else each
        for each in settings.http.listen
    )
    http = replace(settings.http, listen=listen)
    app = build_app(
        HttpDeps(
            store=store,
            pool=pool,
            clock=clock,
            rng=Random(rng.getrandbits(64)),
            settings=http,
            stopping=stopping,
        )
    )
    return Parts(store=store, pool=pool, units=tuple(units), http=HttpServer(app, listen))


def _unit_settings(modem: ModemSettings) -> UnitSettings:
    return UnitSettings(
        lane=modem.name,
        port=modem.port,
        line=PortSettings(baud=modem.baud),
        pin=modem.pin,
        pin_mark=modem.pin_mark,
        smsc=modem.smsc,
        number=modem.number,
        routes=modem.routes,
    )
