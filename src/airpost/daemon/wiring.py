"""The object graph: the only place that knows concrete classes. Reads as the architecture diagram.

May import everything.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from airpost.clock import Clock
from airpost.daemon.config.places import check_routes
from airpost.daemon.config.retention import check_retention
from airpost.daemon.config.settings import ModemSettings, Settings
from airpost.errors import ConfigError
from airpost.modem.binding import Bindings, Selector
from airpost.modem.discover import Discovery
from airpost.modem.healing import NOWHERE, Place, RungBook
from airpost.modem.identity import ModemIdentity
from airpost.modem.lanebook import LaneBook
from airpost.modem.port import PortSettings
from airpost.modem.profile import Profile
from airpost.modem.profiles import Profiles, load_profiles
from airpost.modem.proof import PortQuestions
from airpost.modem.reception import Reception
from airpost.modem.unit import Unit
from airpost.modem.unitsettings import UnitSettings
from airpost.modem.usbpower import UsbPower
from airpost.numbering import Numbering
from airpost.policy import Policies
from airpost.pool.bookkeeper import Bookkeeper
from airpost.pool.intake import StoreIntake
from airpost.pool.limiter import Limits
from airpost.pool.pool import ModemPool
from airpost.pool.upkeep import UpkeepSettings
from airpost.services.anchors import Anchors
from airpost.services.auditor import Auditor
from airpost.services.eventlog import EventLog
from airpost.services.hooks_in import Hook
from airpost.services.http.admission import Admission
from airpost.services.http.app import HttpDeps, build_app
from airpost.services.http.scheduler import Scheduler
from airpost.services.http.server import HttpServer, passed_listen
from airpost.services.http.settings import AuthMode, Listen, TcpListen, UnixListen
from airpost.services.http.tls import Tls
from airpost.services.webhooks.service import Webhooks
from airpost.store.sqlite import SqliteStore

log = logging.getLogger("airpost.wiring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the daemon is made of, nothing of it started."""

    store: SqliteStore
    pool: ModemPool
    units: tuple[Unit, ...]
    http: HttpServer
    scheduler: Scheduler
    auditor: Auditor
    anchors: Anchors
    tls: Tls | None  # None where TCP is plain
    events: EventLog
    webhooks: Webhooks
    bookkeeper: Bookkeeper
    reception: Reception
    discovery: Discovery | None  # None where every modem is named by its port


def build(
    settings: Settings,
    clock: Clock,
    rng: Random,
    stopping: Callable[[], bool],
    *,
    root: Path = Path("/"),
    passed: Sequence[socket.socket] = (),
) -> Parts:
    """Everything `settings` ask for; `stopping()` is true once nothing new may be taken.

    `passed` are listening sockets that were opened before. ConfigError where they, or a
    certificate, cannot be used.

    `root` is where /sys, /dev and /run are, for modems that are found by themselves.
    """
    store = SqliteStore(settings.store.path, clock, Random(rng.getrandbits(64)), settings.queue)
    pool = _pool(settings, clock, rng, store)
    intake = StoreIntake(store, clock, pool.upkeep.selftests.recognises, pool.reported)
    profiles = load_profiles(settings.profiles)
    _warn(settings, profiles)
    book = RungBook(store)
    reception, units = _modems(settings, clock, store, pool, intake, profiles, book, root)
    _check_passed(settings, passed)
    tls = None if settings.http.tls is None else Tls(settings.http.tls)
    anchors = Anchors(clock, settings.syslog)
    auditor = Auditor(store.audit, clock, anchors.changed)
    events = EventLog(store.outbox, store.subscribe, clock)
    webhooks = Webhooks(store, settings.events, events, clock, Random(rng.getrandbits(64)))
    deps = HttpDeps(
        store=store,
        pool=pool,
        clock=clock,
        rng=Random(rng.getrandbits(64)),
        settings=replace(settings.http, listen=_listen(settings), classes=settings.queue.classes),
        stopping=stopping,
        recovery=book.in_words,
        schedules=store.schedules,
        audit=auditor,
        webhooks=webhooks,
        events=events,
        hooks={each.name: Hook(each) for each in settings.hooks},
        rescheduled=lambda: scheduler.wake(),
        admission=admission_of(settings),
        connections=lambda: server.connections,
    )
    scheduler = Scheduler(deps, lambda: store.clock_trusted)
    server = _server(deps, tls, passed)
    return Parts(
        store=store,
        pool=pool,
        units=tuple(units),
        http=server,
        tls=tls,
        scheduler=scheduler,
        auditor=auditor,
        anchors=anchors,
        events=events,
        webhooks=webhooks,
        bookkeeper=_bookkeeper(settings, clock, store),
        reception=reception,
        discovery=_discovery(settings, clock, reception, profiles, root),
    )


def _pool(settings: Settings, clock: Clock, rng: Random, store: SqliteStore) -> ModemPool:
    credit = {each.name: each.credit for each in settings.modems if each.credit is not None}
    upkeep = UpkeepSettings(selftest=settings.selftest, credit=credit)
    limits = Limits(settings.limits, store.holds)
    return ModemPool(store, clock, Random(rng.getrandbits(64)), upkeep, limits,
                     settings.queue, settings.routes)  # fmt: skip


def _warn(settings: Settings, profiles: Profiles) -> None:
    """Say what is not as it was meant, and no reason not to start."""
    for fault in profiles.refused:
        log.error("wiring.profile_refused %s", fault)
    for note in check_routes(settings):
        log.warning("wiring.no_modem %s", note)
    for note in check_retention(settings):
        log.warning("wiring.retention %s", note)


def _server(deps: HttpDeps, tls: Tls | None, passed: Sequence[socket.socket]) -> HttpServer:
    http = deps.settings
    return HttpServer(
        build_app(deps),
        http.listen,
        idle_s=http.idle_s,
        max_connections=http.max_connections,
        room_s=http.room_s,
        tls=tls,
        passed=passed,
    )


def _bookkeeper(settings: Settings, clock: Clock, store: SqliteStore) -> Bookkeeper:
    return Bookkeeper(
        store,
        clock,
        settings.http.retention,
        trusted=lambda: store.clock_trusted,
        silent_filter=settings.silent_filter,
    )


def _modems(
    settings: Settings, clock: Clock, store: SqliteStore, pool: ModemPool, intake: StoreIntake,
    profiles: Profiles, book: RungBook, root: Path,
) -> tuple[Reception, list[Unit]]:  # fmt: skip
    """Those that have a section, in the pool; and who takes in what is plugged in."""
    power = UsbPower(clock, hubs=settings.hubs, sysfs=root / "sys")

    def profile_of(place: Place, modem: ModemIdentity | None) -> Profile:
        told = (None, None) if modem is None else (modem.manufacturer, modem.model)
        return profiles.for_modem(place.vid, place.pid, *told)

    def unit_of(modem: ModemSettings) -> Unit:
        return Unit(
            _unit_settings(modem, settings.queue.classes), profile_of, intake, store, pool, clock,
            place=Place(port=modem.port) if modem.port is not None else NOWHERE,
            power=power, book=book, strayed=lambda lane: reception.strayed(lane),
            belongs=lambda lane, sim_id: reception.belongs(lane, sim_id),
        )  # fmt: skip

    bindings = Bindings([_selector(modem) for modem in settings.modems], discover=settings.discover)
    reception = Reception(
        bindings,
        LaneBook(store, bindings.lanes),
        pool,
        PortQuestions(PortSettings()),
        clock,
        make=lambda lane: unit_of(ModemSettings(name=lane)),
    )
    units = [unit_of(modem) for modem in settings.modems]
    for unit in units:
        pool.add(unit)
        reception.add(unit)
    return reception, units


def _listen(settings: Settings) -> tuple[Listen, ...]:
    """A socket whose folder cannot be made (a demo, a test) lies beside the store."""
    return tuple(
        each.or_beside(settings.store.path.parent) if isinstance(each, UnixListen) else each
        for each in settings.http.listen
    )


def _discovery(
    settings: Settings, clock: Clock, reception: Reception, profiles: Profiles, root: Path
) -> Discovery | None:
    if not settings.discover and all(modem.port is not None for modem in settings.modems):
        return None
    ports = [modem.port for modem in settings.modems if modem.port is not None]
    # Which devices are used the reception decides: a selector may name any of them.
    return Discovery(reception, profiles, clock, ports=ports, root=root)


def admission_of(settings: Settings) -> Admission:
    """Routes and guards; of numbers only what one of these asks for: carriers take memory."""
    routes = settings.routes.routes
    carriers = any(each.carriers or each.same_carrier for each in routes)
    known = bool(routes or settings.guards.allowed)
    numbering = Numbering(settings.sms.home_region, known=known, carriers=carriers)
    return Admission(
        numbering=numbering, table=settings.routes, guards=settings.guards, labels=settings.labels
    )


def _check_passed(settings: Settings, passed: Sequence[socket.socket]) -> None:
    """What holds for listeners of the file holds for those of a socket unit."""
    for each in passed_listen(passed):
        open_to_all = isinstance(each, TcpListen) and not each.loopback
        if open_to_all and settings.http.auth is AuthMode.NONE:
            words = f'"none" is for loopback listeners only, and the passed {each} is none'
            raise ConfigError("http.auth", words)


def _selector(modem: ModemSettings) -> Selector:
    return Selector(
        lane=modem.name,
        port=modem.port,
        usb_path=modem.usb_path,
        imei=modem.imei,
        iccid=modem.iccid,
    )


def _unit_settings(modem: ModemSettings, classes: Policies) -> UnitSettings:
    return UnitSettings(
        lane=modem.name,
        port=modem.port or "",
        line=PortSettings(baud=modem.baud),
        pin=modem.pin,
        pin_mark=modem.pin_mark,
        smsc=modem.smsc,
        number=modem.number,
        hang_up=modem.hang_up,
        routes=modem.routes,
        classes=classes,
    )
