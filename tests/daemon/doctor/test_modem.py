"""What a modem is asked, over real pseudo-terminals."""

from __future__ import annotations

import pytest

from airpost.at.replies import SimStatus
from airpost.daemon.doctor.line import opened
from airpost.daemon.doctor.modem import PARROT, ModemFacts, modem_facts
from airpost.errors import CommandFailed, CommandTimeout
from airpost.modem.port import PortSettings
from airpost.modem.profiles import load_profiles
from hwsim.modem import SimModem
from tests.daemon.doctor.conftest import Sims

PROFILES = load_profiles()
KNOWN = ModemFacts(name="gate-1", port="/dev/x")


async def facts_of(sim: SimModem) -> ModemFacts:
    async with opened(str(sim.port), PortSettings()) as line:
        return await modem_facts(KNOWN, line, PROFILES)


async def test_a_modem_that_is_well(sims: Sims) -> None:
    async with sims("quectel-ec25-like") as pool:
        facts = await facts_of(pool.modems[0])
    assert facts.unasked is None
    assert facts.imei == pool.modems[0].imei
    assert (facts.manufacturer, facts.model) == ("Quectel", "EC25")
    assert facts.profile is not None
    assert facts.profile.name == "quectel"
    assert facts.sim is SimStatus.READY
    assert facts.pin_tries == 3
    assert facts.smsc == pool.modems[0].card.smsc
    assert [fill.name for fill in facts.fills] == ["ME", "ME", "ME"]
    assert facts.circuit is not None
    assert facts.circuit.registered
    assert not facts.parrot


@pytest.mark.parametrize(
    "personality", ["generic", "huawei-e3372-like", "simcom-sim800-like", "zte-mf626-like"]
)
async def test_nothing_is_changed_by_being_asked(sims: Sims, personality: str) -> None:
    async with sims(personality) as pool:
        sim = pool.modems[0]
        before = (sim.settings.cnmi, sim.settings.mems, sim.settings.cmgf, sim.settings.cmee,
                  sim.settings.csms, sim.settings.echo)  # fmt: skip
        await facts_of(sim)
        after = (sim.settings.cnmi, sim.settings.mems, sim.settings.cmgf, sim.settings.cmee,
                 sim.settings.csms, sim.settings.echo)  # fmt: skip
    assert after == before


async def test_a_sim_that_wants_its_pin(sims: Sims) -> None:
    async with sims("generic") as pool:
        pool.modems[0].card.lock("4711")
        pool.modems[0].card.enter_pin("0000")
        facts = await facts_of(pool.modems[0])
        assert pool.modems[0].card.pin_tries == 2, "asking costs no try"
    assert (facts.sim, facts.pin_tries) == (SimStatus.SIM_PIN, 2)


async def test_no_sim(sims: Sims) -> None:
    async with sims("generic") as pool:
        pool.modems[0].faults.set("sim_removed")
        facts = await facts_of(pool.modems[0])
    assert facts.sim is SimStatus.NOT_INSERTED


async def test_no_service_centre(sims: Sims) -> None:
    async with sims("generic") as pool:
        pool.modems[0].faults.set("smsc_lost")
        facts = await facts_of(pool.modems[0])
    assert facts.smsc_known is False


class Parrot:
    """Says OK to everything."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, text: str) -> tuple[str, ...]:
        self.asked.append(text)
        return ()


async def test_a_port_that_says_ok_to_everything() -> None:
    port = Parrot()
    facts = await modem_facts(KNOWN, port, PROFILES)
    assert facts.parrot
    assert PARROT in port.asked


class Mute:
    """Answers so many questions, then none."""

    def __init__(self, answers: int) -> None:
        self.left = answers
        self.asked = 0

    async def ask(self, text: str) -> tuple[str, ...]:
        self.asked += 1
        self.left -= 1
        if self.left < 0:
            raise CommandTimeout(f"{text} was not answered")
        if text == "AT+CGSN":
            return ("490154203237518",)
        raise CommandFailed("ERROR", None, "ERROR")


async def test_a_silent_modem_is_asked_once_more_and_never_again() -> None:
    mute = Mute(0)
    facts = await modem_facts(KNOWN, mute, PROFILES)
    assert (mute.asked, facts.unasked) == (1, "AT+CGSN was not answered")
    mute = Mute(4)
    facts = await modem_facts(KNOWN, mute, PROFILES)
    assert (mute.asked, facts.unasked) == (5, None)
    assert facts.fell_silent is not None
    assert facts.imei == "490154203237518"
