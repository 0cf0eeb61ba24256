"""The whole examination in order: gather the facts, through the service where it runs, then judge.

May import everything. It looks and asks; nothing is changed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from airpost.clock import SECOND_US, Clock
from airpost.daemon.cli.client import Client, Json
from airpost.daemon.config.settings import DEFAULT_BAUD, STATE_FOLDER, Settings
from airpost.daemon.doctor.finding import Finding, error, in_order
from airpost.daemon.doctor.holders import Held, holders
from airpost.daemon.doctor.host import (
    HostFacts,
    check_clock,
    check_disk,
    check_rule,
    check_voltage,
    host_facts,
)
from airpost.daemon.doctor.line import ServiceLine, opened
from airpost.daemon.doctor.modem import ModemFacts, modem_facts
from airpost.daemon.doctor.ports import (
    PortFacts,
    check_access,
    check_greedy,
    check_holders,
    check_port,
    port_facts,
)
from airpost.daemon.doctor.roots import Roots
from airpost.daemon.doctor.service import (
    ASKED_STATES,
    OPEN_STATES,
    ServiceFacts,
    check_service,
    service_facts,
)
from airpost.daemon.doctor.signs import CHECKS
from airpost.daemon.doctor.usb import (
    UsbDevice,
    check_autosuspend,
    check_modes,
    check_power,
    usb_devices,
)
from airpost.errors import AtError, ModemError, PortBusy, PortError
from airpost.modem.port import PortSettings
from airpost.modem.profile import DeviceMode
from airpost.modem.profiles import Profiles

THREADS = 16  # modems of the service asked at the same time
DEFAULT_STORE = STATE_FOLDER / "airpost.db"


@dataclass(frozen=True, slots=True)
class Target:
    """A modem that can be asked by its port."""

    name: str
    port: str
    baud: int = DEFAULT_BAUD


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is examined. `settings` None: `absent` or `mistake` say why there are none."""

    roots: Roots
    settings: Settings | None
    mistake: str | None = None
    absent: str | None = None

    @property
    def hubs(self) -> frozenset[str]:
        """Those that can switch the power of their ports."""
        return frozenset() if self.settings is None else self.settings.hubs

    @property
    def store(self) -> Path:
        """Where the store is, or would be."""
        return DEFAULT_STORE if self.settings is None else self.settings.store.path

    @property
    def targets(self) -> tuple[Target, ...]:
        """The modems whose port the configuration names."""
        modems = () if self.settings is None else self.settings.modems
        named = ((str(each.name), each.port, each.baud) for each in modems)
        return tuple(Target(name, port, baud) for name, port, baud in named if port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found, and the facts behind it for the support archive."""

    findings: tuple[Finding, ...]
    service: ServiceFacts
    modems: tuple[ModemFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    host: HostFacts
    devices: tuple[UsbDevice, ...]
    held: Held
    ports: tuple[PortFacts, ...]
    targets: tuple[Target, ...]


async def examine(given: Given, client: Client, profiles: Profiles, clock: Clock) -> Report:
    """Look at the machine, ask the service or else the modems, and judge."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="airpost-doctor") as threads:
        loop = asyncio.get_running_loop()
        service = await loop.run_in_executor(threads, service_facts, client)
        machine = await loop.run_in_executor(threads, _machine, given, service, profiles, clock)
        if service.running:
            modems = await _through_service(service, client, profiles, clock, threads)
        else:
            modems = await _by_their_ports(given, machine, profiles)
    findings = in_order(_judge(given, service, machine, modems, profiles))
    return Report(findings=findings, service=service, modems=modems)


def _machine(given: Given, service: ServiceFacts, profiles: Profiles, clock: Clock) -> _Machine:
    roots = given.roots
    usb = usb_devices(roots, profiles)
    known = {roots.device_of(each.port) for each in given.targets}
    targets = (*given.targets, *_found(roots, usb, known))
    opened_ = {each["port"] for each in service.modems if each["state"] in OPEN_STATES}
    named = {each.port: each.name for each in (given.targets if service.running else targets)}
    named |= {each["port"]: each["name"] for each in service.modems}
    held = holders(roots, [roots.device_of(port) for port in named])
    return _Machine(
        host=host_facts(roots, given.store, clock.now()),
        devices=usb,
        held=held,
        ports=tuple(
            port_facts(roots, held, port, lane, open_by_service=port in opened_)
            for port, lane in named.items()
        ),
        targets=targets,
    )


def _found(roots: Roots, devices: tuple[UsbDevice, ...], known: set[str]) -> Iterator[Target]:
    """Modems that nobody has named, by their USB path and their likeliest port."""
    for each in devices:
        for modem in each.modems:
            if modem.at_ports and known.isdisjoint(each.ports) and modem.mode is DeviceMode.MODEM:
                yield Target(modem.usb_path, roots.named(Path(modem.at_ports[0].path)))


# -- modems --------------------------------------------------------------------------------------
async def _through_service(
    service: ServiceFacts,
    client: Client,
    profiles: Profiles,
    clock: Clock,
    threads: ThreadPoolExecutor,
) -> tuple[ModemFacts, ...]:
    async def one(view: Json) -> ModemFacts:
        known = ModemFacts(
            name=view["name"],
            port=view["port"],
            state=view["state"],
            since_s=(clock.now() - service.since(view)) / SECOND_US,
            detail=view["detail"],
            last_error=view["last_error"],
            stalled=view["stalled"],
            wire=service.wire(view["name"]),
        )
        if view["state"] not in ASKED_STATES:
            return replace(known, unasked=view["detail"])
        return await modem_facts(known, ServiceLine(client, view["name"], threads), profiles)

    return tuple(await asyncio.gather(*(one(view) for view in service.modems)))


async def _by_their_ports(
    given: Given, machine: _Machine, profiles: Profiles
) -> tuple[ModemFacts, ...]:
    facts = {each.port: each for each in machine.ports}
    asked = (_by_port(given, each, facts[each.port], profiles) for each in machine.targets)
    return tuple(await asyncio.gather(*asked))


async def _by_port(given: Given, modem: Target, port: PortFacts, profiles: Profiles) -> ModemFacts:
    known = ModemFacts(name=modem.name, port=modem.port)
    if port.mode is None:
        return replace(known, unasked="there is no such port")
    if port.holders:  # it would be read by two
        return replace(known, unasked=f"the port is held by {port.holders[0].shown}")
    path = str(given.roots.at(modem.port))
    try:
        async with opened(path, PortSettings(baud=modem.baud)) as line:
            return await modem_facts(known, line, profiles)
    except PortBusy as problem:
        return replace(known, unasked=problem.reason, busy=True)
    except PortError as problem:
        return replace(known, unasked=problem.reason)
    except (ModemError, AtError) as problem:
        return replace(known, unasked=str(problem))


# -- judgement -----------------------------------------------------------------------------------
def _judge(
    given: Given,
    service: ServiceFacts,
    machine: _Machine,
    modems: tuple[ModemFacts, ...],
    profiles: Profiles,
) -> Iterator[Finding]:
    host, devices, held = machine.host, machine.devices, machine.held
    if given.mistake is not None:
        yield error("config", "airpost.toml", given.mistake)
    elif given.absent is not None and not service.running:
        yield error("config", "airpost.toml", given.absent)
    yield from check_service(service)
    yield from check_clock(host)
    yield from check_disk(host)
    yield from check_rule(host, given.roots)
    yield from check_voltage(host)
    yield from check_modes(devices)
    yield from check_autosuspend(devices, given.roots)
    yield from check_power(devices, uhubctl=host.uhubctl, switched=given.hubs)
    yield from check_greedy(held, ruled=host.rule is not None)
    busy = {each.port for each in modems if each.busy}
    configured = {each.port for each in given.targets}
    for port in machine.ports:
        yield from check_port(port, named=port.port in configured)
        yield from check_holders(port, blind=held.blind, busy=port.port in busy)
        yield from check_access(port, host.user, host.groups, given.roots)
    for refused in profiles.refused:
        yield error("profile", refused.path, refused.message)
    for modem in modems:
        for check in CHECKS:
            yield from check(modem)
