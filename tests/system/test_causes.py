"""Twelve causes put into a running daemon: how soon `modems`, the log and the doctor name each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client
from airpost.daemon.doctor.examination import Given, examine
from airpost.daemon.doctor.finding import Severity
from airpost.daemon.doctor.roots import Roots
from airpost.modem.profiles import load_profiles
from airpost.tasks import spawn, stop
from hwsim.modem import SimModem
from tests.faults.rigging import nothing_forbidden
from tests.system.house import House, opened
from tests.system.test_doctor import held
from tests.virtual import VirtualLoop, run_virtual

WITHIN_S, ENOUGH = 60.0, 11
ASKED_S = 48.0  # when the doctor is asked
AWAY_S = 1.0  # unplugged, where a cause comes with a plug
bars = logging.getLogger("bars")
Strike = Callable[[SimModem, ExitStack], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What happens to a modem, and the words that name it: in `modems` and the log, by the doctor.

    `sends`: only messages can show it.
    """

    strike: Strike
    said: str
    check: str
    found: str
    sends: bool = False


def fault(name: str, **params: str | float) -> Strike:
    return lambda modem, _stack: modem.faults.set(name, **params)


def full(modem: SimModem, _stack: ExitStack) -> None:
    """Its memory is full, and stays so."""
    modem.faults.set("delete_ignored")
    modem.faults.set("store_full", real=True)


def wrong_port(modem: SimModem, _stack: ExitStack) -> None:
    """After a plug another port of it has the name."""
    modem.unplug()
    modem.faults.set("wrong_port")
    modem.network.later(AWAY_S, modem.plug)


def taken(modem: SimModem, stack: ExitStack) -> None:
    """After a plug another program is faster."""
    modem.unplug()

    def back() -> None:
        modem.plug()
        stack.enter_context(held(modem.port))

    modem.network.later(AWAY_S, back)


def other_sim(modem: SimModem, _stack: ExitStack) -> None:
    """Another SIM, whose service centre was erased."""
    modem.unplug()
    modem.card.iccid, modem.card.smsc = "8949999999999999990", ""
    modem.network.later(AWAY_S, modem.plug)


CAUSES = {
    "no SIM": Cause(strike=fault("sim_removed"), said="there is no SIM",
                    check="sim", found="no SIM"),
    "PIN": Cause(strike=fault("wrong_pin"), said="the SIM wants a PIN",
                 check="sim", found="wants its PIN"),
    "PUK": Cause(strike=fault("puk"), said="wants its PUK", check="sim", found="PUK"),
    "not registered": Cause(strike=fault("not_registered", stat=2), said="searching for a network",
                            check="network", found="searching for a network"),
    "denied": Cause(strike=fault("denied"), said="denied by the network",
                    check="network", found="denied"),
    "no credit": Cause(strike=fault("no_credit"), said="it has no credit", sends=True,
                       check="credit", found="no credit"),
    "SMSC erased": Cause(strike=other_sim, said="no service centre", sends=True,
                         check="smsc", found="no service centre"),
    "store full": Cause(strike=full, said="memory for messages is full",
                        check="store", found="nothing more comes in"),
    "wrong port": Cause(strike=wrong_port, said="not the AT port",
                        check="modem", found="not the AT port"),
    "port held": Cause(strike=taken, said="held by another program",
                       check="holder", found="held by another program"),
    "under-voltage": Cause(strike=fault("under_voltage", when="loop"), said="UNDER-VOLTAGE",
                           check="power", found="voltage is too low"),
    "SMS dead": Cause(strike=fault("sms_dead"), said="no message gets an answer", sends=True,
                      check="sending", found="message service is dead"),
}  # fmt: skip
GATES = {name: f"gate-{at}" for at, name in enumerate(CAUSES, 1)}


class Watch(logging.Handler):
    """When `modems` and the log first say what is wrong, in seconds since it is."""

    def __init__(self, house: House) -> None:
        super().__init__(logging.INFO)
        self.said: dict[str, float] = {}
        self.logged: dict[str, float] = {}
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._loop.time()

    @property
    def passed_s(self) -> float:
        return self._loop.time() - self._begun_s

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        for name, cause in CAUSES.items():
            if cause.said in words and f"modem={GATES[name]} " in words:
                self.logged.setdefault(name, self.passed_s)

    async def run(self) -> None:
        while True:
            modems = (await self._house.get("/v1/modems"))["items"]
            words = {each["name"]: f"{each['detail']} {each['last_error']}" for each in modems}
            for name, cause in CAUSES.items():
                if cause.said in words[GATES[name]]:
                    self.said.setdefault(name, self.passed_s)
            await asyncio.sleep(0.2)


async def diagnosed(folder: Path) -> set[str]:
    """The causes that the doctor names."""
    client = Client(f"unix:{folder / 'http.sock'}")
    given = Given(roots=Roots(), settings=None)
    report = await examine(given, client, load_profiles(), SystemClock())
    errors = [each for each in report.findings if each.severity is Severity.ERROR]
    return {
        name
        for name, cause in CAUSES.items()
        if any(
            each.subject.split(" ")[0] == GATES[name]
            and each.check == cause.check
            and cause.found in each.what
            for each in errors
        )
    }


@pytest.mark.slow
def test_twelve_causes_are_named_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, len(CAUSES), air_s=2.0) as house:
            await asyncio.sleep(20.0)
            watch = Watch(house)
            caplog.set_level(logging.INFO, "airpost")
            logging.getLogger("airpost").addHandler(watch)
            with ExitStack() as stack:
                stack.callback(logging.getLogger("airpost").removeHandler, watch)
                for cause, modem in zip(CAUSES.values(), house.sim.modems, strict=True):
                    cause.strike(modem, stack)
                watching = spawn(watch.run(), name="watching")
                for name in (name for name, cause in CAUSES.items() if cause.sends):
                    for at in range(3):
                        await house.post(f"+49170123456{at}", modem=GATES[name],
                                         on_uncertain="hold", **{"class": "otp"})  # fmt: skip
                await asyncio.sleep(ASKED_S - watch.passed_s)
                loop.outside = True
                doctor = dict.fromkeys(await diagnosed(tmp_path), watch.passed_s)
                loop.outside = False
                await asyncio.sleep(WITHIN_S)
                await stop(watching)
            bars.info("seconds until a cause is named\n%s", table(watch, doctor))
            for named in (watch.said, watch.logged, doctor):
                assert sum(at_s <= WITHIN_S for at_s in named.values()) >= ENOUGH
            nothing_forbidden(house.sim.modems)

    run_virtual(main)


def table(watch: Watch, doctor: dict[str, float]) -> str:
    """Seconds until each cause is named, in the order of where."""
    lines = ["cause           modems      log   doctor"]
    for name in CAUSES:
        shown = [named.get(name) for named in (watch.said, watch.logged, doctor)]
        cells = ("-" if each is None else f"{each:.1f}" for each in shown)
        lines.append(f"{name:14}" + "".join(f"{each:>9}" for each in cells))
    return "\n".join(lines)
