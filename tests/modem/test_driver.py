"""What a modem is asked and how it is set up, with all the ways it can refuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airpost.at import command as at
from airpost.at.replies import SimStatus
from airpost.clock import Instant, LoopClock
from airpost.errors import CommandFailed, RemoteProtocolError
from airpost.model import Lane
from airpost.modem.driver import Driver, indication_choices
from airpost.modem.port import PortSettings
from airpost.modem.profile import Profile, SmsHabits, load_profile
from airpost.modem.session import Session
from airpost.modem.trace import Trace
from hwsim.modem import SimModem
from hwsim.personality import Personality
from hwsim.pool import START_US, SimPool
from tests.modem.rig import busy_tasks, virtually
from tests.virtual import VirtualLoop
from tests.wires import watched

GENERIC = load_profile()


@asynccontextmanager
async def driven(
    loop: VirtualLoop,
    folder: Path,
    *,
    profile: Profile = GENERIC,
    before: Callable[[SimModem], None] = lambda _modem: None,
    **settings: Any,
) -> AsyncIterator[tuple[Driver, SimModem]]:
    """A driver on an open session that is awake."""
    pool = SimPool(folder, 1, **settings)
    await pool.start()
    modem = pool.modems[0]
    before(modem)
    clock = LoopClock(loop.time, Instant(START_US))
    session = Session(
        str(modem.port), Trace(Lane("gate-1"), clock), urc=lambda _urc: None,
        late=lambda _late: None,
    )  # fmt: skip
    with watched(loop, pool.modems):
        await session.open(PortSettings())
        try:
            await session.wake()
            yield Driver(session, clock, profile), modem
        finally:
            await session.close()
            await pool.stop()
    assert busy_tasks() == []


def changed(modem: SimModem, **changes: Any) -> None:
    """Another personality, freshly powered."""
    modem.personality = replace(modem.personality, **changes)
    modem.settings = modem.personality.defaults()


def knowing(personality: Personality, **commands: tuple[str, ...]) -> dict[str, Any]:
    return {"commands": {**personality.commands, **commands}}


# -- who it is ---------------------------------------------------------------------------------


@virtually
async def test_who_it_is(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path, personalities=("quectel-ec25-like",)) as (driver, modem):
        found = await driver.identify()
        assert found.imei == modem.imei
        assert (found.manufacturer, found.model) == ("Quectel", "EC25")
        assert found.revision == "EC25EFAR06A06M4G"
        assert modem.settings.echo is False
        assert modem.settings.cmee == 1


@virtually
async def test_only_the_imei_is_needed(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        for verb in ("+CGMI", "+CGMM", "+CGMR"):
            changed(modem, **knowing(modem.personality, **{verb: ()}))
        modem.faults.set("no_final", verb="+CGMM", whole=True, count=1)
        found = await driver.identify()
        assert (found.imei, found.manufacturer, found.model) == (modem.imei, None, None)


@pytest.mark.parametrize("lines", [(), ("OK",), ("+CGSN: 12",), ("no digits",)])
@virtually
async def test_a_port_without_an_imei_is_none_of_ours(
    loop: VirtualLoop, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, **knowing(modem.personality, **{"+CGSN": lines}))
        with pytest.raises(RemoteProtocolError, match="not the AT port"):
            await driver.identify()


@virtually
async def test_what_the_profile_wants_first_may_be_refused(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    profile = replace(GENERIC, init=("AT^CURC=0", "ATE0+CPMS?", "AT#QSS=1"))

    def before(modem: SimModem) -> None:
        modem.faults.set("no_final", verb="#QSS", whole=True)

    async with driven(loop, tmp_path, profile=profile, before=before) as (driver, modem):
        since = len(modem.heard)
        assert (await driver.identify()).imei == modem.imei
        heard = [line for _, line in list(modem.heard)[since:]]
        assert heard[:5] == ["ATE0", "AT+CMEE=1", *profile.init]
        assert heard.count("AT#QSS=1") == 1


@pytest.mark.parametrize("told", ['+CGSN: "{imei}"', "{imei},DEADBEEF", '"{imei}"'])
@virtually
async def test_the_imei_in_any_dress(loop: VirtualLoop, tmp_path: Path, told: str) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, **knowing(modem.personality, **{"+CGSN": (told,)}))
        assert (await driver.identify()).imei == modem.imei


@virtually
async def test_errors_in_words_where_numbers_are_refused(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 27."""

    def before(modem: SimModem) -> None:
        modem.settings.cmee = 2
        modem.faults.set("cme_error", verb="+CMEE", code=4)
        modem.faults.set("sim_removed")

    async with driven(loop, tmp_path, before=before) as (driver, modem):
        modem.settings.cmee = 2
        await driver.identify()
        assert await driver.sim_status() is SimStatus.NOT_INSERTED


@pytest.mark.parametrize(("level", "asked"), [(1, False), (4, True), (0, True)])
@virtually
async def test_power_where_it_is_off(
    loop: VirtualLoop, tmp_path: Path, level: int, asked: bool
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.settings.cfun = level
        await driver.power_on()
        assert ("AT+CFUN=1" in [line for _, line in modem.heard]) is asked
        assert modem.settings.cfun == 1


# -- busy --------------------------------------------------------------------------------------


@virtually
async def test_busy_is_asked_again_in_growing_steps(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` faults 17 to 19."""
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", verb="+CMGF", code=515, count=6)
        begun_s = loop.time()
        await driver.patient(at.PDU_MODE)
        tries = [at_s - begun_s for at_s, line in modem.heard if line == "AT+CMGF=0"]
        waits = [round(after - before, 1) for before, after in pairwise(tries)]
        assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


@virtually
async def test_busy_for_ever_is_an_error(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", verb="+CMGF", code=14)
        begun_s = loop.time()
        with pytest.raises(CommandFailed):
            await driver.patient(at.PDU_MODE)
        assert loop.time() - begun_s == pytest.approx(20.0, abs=2.0)


@virtually
async def test_a_refusal_is_not_asked_again(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        await driver.optional(at.VERBOSE_ERRORS)
        modem.faults.set("cme_error", verb="+CMGF", code=4)
        with pytest.raises(CommandFailed):
            await driver.patient(at.PDU_MODE)
        assert modem.counts["+CMGF"] == 1


# -- the SIM -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [(10, SimStatus.NOT_INSERTED), (11, SimStatus.SIM_PIN), (12, SimStatus.SIM_PUK),
     (13, SimStatus.NOT_INSERTED), (14, SimStatus.NOT_READY), (100, SimStatus.NOT_READY)],
)  # fmt: skip
@virtually
async def test_an_error_tells_of_the_sim_too(
    loop: VirtualLoop, tmp_path: Path, code: int, status: SimStatus
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        await driver.optional(at.VERBOSE_ERRORS)
        modem.faults.set("cme_error", verb="+CPIN", code=code)
        assert await driver.sim_status() is status


@pytest.mark.parametrize(
    ("told", "status"),
    [("+CPIN: READY", SimStatus.READY), ('+CPIN: "SIM PIN"', SimStatus.SIM_PIN),
     ("+CPIN:  SIM PUK", SimStatus.SIM_PUK), ("+CPIN: PH-NET PIN", SimStatus.PH_NET_PIN),
     ("+CPIN: NOT INSERTED", SimStatus.NOT_INSERTED), ("+CPIN: HELLO", SimStatus.NOT_READY)],
)  # fmt: skip
@virtually
async def test_what_the_sim_waits_for(
    loop: VirtualLoop, tmp_path: Path, told: str, status: SimStatus
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, **knowing(modem.personality, **{"+CPIN": (told,)}))
        assert await driver.sim_status() is status


@pytest.mark.parametrize(
    ("known", "name"),
    [(("+CCID",), "{iccid}"), (("+ICCID",), "{iccid}"), (("^ICCID?",), "{iccid}"),
     ((), "imsi:{imsi}")],
)  # fmt: skip
@virtually
async def test_the_best_name_the_sim_has(
    loop: VirtualLoop, tmp_path: Path, known: tuple[str, ...], name: str
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        commands = {verb: (f"{verb.strip('?')}: {{iccid}}",) for verb in known}
        changed(modem, commands={"+CGSN": ("{imei}",), **commands})
        found = await driver.sim_identity(modem.imei)
        assert found.id == name.format(iccid=modem.card.iccid, imsi=modem.card.imsi)
        assert found.imsi == modem.card.imsi


@virtually
async def test_a_sim_that_is_busy_is_not_taken_for_one_without_a_name(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", code=14)
        asyncio.get_running_loop().call_later(8.0, modem.faults.clear)
        assert (await driver.sim_identity(modem.imei)).id == modem.card.iccid


@virtually
async def test_a_sim_that_tells_nothing_is_named_by_its_modem(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, commands={"+CIMI": ()})
        assert (await driver.sim_identity("35123")).id == "imei:35123"


# -- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize(("stat", "registered"), [(2, False), (3, False), (11, False), (5, True)])
@virtually
async def test_registration(loop: VirtualLoop, tmp_path: Path, stat: int, registered: bool) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("not_registered", stat=stat)
        found = await driver.registration()
        assert found is not None
        assert found.registered is registered
        assert found.sentence


@virtually
async def test_registered_by_lte_alone(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, **knowing(modem.personality, **{"+CREG": ("+CREG: 0,3",)}))
        found = await driver.registration()
        assert found is not None
        assert (found.which, found.registered) == ("+CEREG", True)


@virtually
async def test_a_modem_that_does_not_say(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", code=100)
        assert await driver.registration() is None
        assert await driver.signal_dbm() is None
        assert await driver.operator() is None
        assert await driver.own_number() is None


@pytest.mark.parametrize(("rssi", "dbm"), [(20, -73), (0, -113), (31, -51), (99, None), (40, None)])
@virtually
async def test_signal_unknown_is_not_zero(
    loop: VirtualLoop, tmp_path: Path, rssi: int, dbm: int | None
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.signal = rssi
        assert await driver.signal_dbm() == dbm


# -- settings ----------------------------------------------------------------------------------


@virtually
async def test_prepared(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.settings.cmgf = 1
        done = await driver.prepare(None)
        assert (done.store, done.report_store) == ("SM", None)
        assert done.indications == (2, 1, 0, 1, 0)
        assert done.acknowledges is False
        assert done.smsc == modem.card.smsc
        assert done.complaints == ()
        assert modem.settings.cmgf == 0
        assert modem.settings.mems == ["SM", "SM", "SM"]
        assert modem.settings.cmms == 2
        assert modem.settings.creg["+CREG"] == 1


@virtually
async def test_without_pdu_mode_nothing_works(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        await driver.optional(at.VERBOSE_ERRORS)
        modem.faults.set("cme_error", verb="+CMGF", code=4)
        with pytest.raises(CommandFailed):
            await driver.prepare(None)


@pytest.mark.parametrize(
    ("offered", "taken", "chosen"),
    [
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", "", (2, 1, 0, 1, 0)),
        # Mode 2 is offered and refused (Qualcomm).
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", "(0-1),(0-3),(0,2),(0-2),(0,1)", (1, 1, 0, 1, 0)),
        # Reports as they come are offered and refused.
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", "(0-2),(0-3),(0,2),(0,2),(0,1)", (2, 1, 0, 2, 0)),
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", "(0-1),(0-3),(0,2),(0),(0,1)", (1, 1, 0, 0, 0)),
        ("(0,1,2,3),(0,1,2,3),(0,2),(0,1),(0,1)", "", (2, 1, 0, 1, 0)),
        ("(2),(0-3),(0,2,3),(0),(1)", "", (2, 1, 0, 0, 1)),
        ("(1),(0,1),(0),(1),(1)", "", (1, 1, 0, 1, 1)),
    ],
)
@virtually
async def test_indications_are_chosen_from_what_works(
    loop: VirtualLoop, tmp_path: Path, offered: str, taken: str, chosen: tuple[int, ...]
) -> None:
    def before(modem: SimModem) -> None:
        changed(modem, cnmi=offered, cnmi_taken=taken)

    async with driven(loop, tmp_path, before=before) as (driver, modem):
        done = await driver.prepare(None)
        assert done.indications == chosen
        assert tuple(modem.settings.cnmi) == chosen
        assert bool(done.complaints) is (chosen[3] == 0)
        assert done.report_store == ("SR" if chosen[3] == 2 else None)


@virtually
async def test_indications_that_are_not_kept_are_not_believed(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        changed(modem, **knowing(modem.personality, **{"+CNMI?": ("+CNMI: 0,0,0,0,0",)}))
        done = await driver.prepare(None)
        assert done.indications is None
        assert "announces no messages" in done.complaints[0]


@virtually
async def test_a_modem_without_indications_is_polled(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        await driver.optional(at.VERBOSE_ERRORS)
        modem.faults.set("cme_error", verb="+CNMI", code=4)
        done = await driver.prepare(None)
        assert done.indications is None
        assert "looked for instead" in done.complaints[0]


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")', '"SM","SM","SM"'),
        ('+CPMS: ("ME","MT"),("ME","MT"),("ME","MT")', '"ME","ME","ME"'),
        ('+CPMS: ("ME","SM"),("SM"),("ME")', '"SM"'),
        ('+CPMS: (("SM","BM","SR"),("SM"))', '"SM","SM"'),
        ('+CPMS: "SM","ME","MT"', '"SM"'),
        ("+CPMS: (),(),()", '"SM"'),
        ("+CPMS: ", '"SM"'),
    ],
)
@virtually
async def test_the_memory_out_of_whatever_is_offered(
    loop: VirtualLoop, tmp_path: Path, told: str, chosen: str
) -> None:
    def before(modem: SimModem) -> None:
        changed(modem, **knowing(modem.personality, **{"+CPMS=?": (told,)}))

    async with driven(loop, tmp_path, before=before) as (driver, modem):
        done = await driver.prepare(None)
        assert done.store == chosen.split('"')[1] == modem.settings.mems[0]
        tried = [line for _, line in modem.heard if line.startswith('AT+CPMS="')]
        assert tried == [f"AT+CPMS={chosen}"]


@virtually
async def test_a_memory_that_is_refused_for_all_uses_is_chosen_for_one(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    def before(modem: SimModem) -> None:
        told = '+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'
        changed(modem, stores=(("SM", "ME"), ("ME",), ("ME",)),
                **knowing(modem.personality, **{"+CPMS=?": (told,)}))  # fmt: skip

    async with driven(loop, tmp_path, before=before) as (driver, modem):
        assert (await driver.prepare(None)).store == "ME"
        assert modem.settings.mems == ["ME", "ME", "ME"]


@virtually
async def test_a_memory_that_is_busy_is_waited_for(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", verb="+CPMS", code=14)
        asyncio.get_running_loop().call_later(10.0, modem.faults.clear)
        assert (await driver.prepare(None)).complaints == ()


@virtually
async def test_no_memory_at_all_is_complained_about(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        await driver.optional(at.VERBOSE_ERRORS)
        modem.faults.set("cme_error", verb="+CPMS", code=4)
        done = await driver.prepare(None)
        assert done.store is None
        assert "AT+CPMS" in done.complaints[0]


@pytest.mark.parametrize("insists", [False, True])
@virtually
async def test_acknowledgements_only_where_the_modem_insists(
    loop: VirtualLoop, tmp_path: Path, insists: bool
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.settings.csms = 1
        if insists:
            modem.faults.set("cme_error", verb="+CSMS", code=4, count=1)
        assert (await driver.prepare(None)).acknowledges is insists


@pytest.mark.parametrize(
    ("held", "wanted", "after"),
    [("+491710760000", None, "+491710760000"), ("", "+491710760000", "+491710760000"),
     ("+4900", "+491710760000", "+491710760000")],
)  # fmt: skip
@virtually
async def test_the_service_centre(
    loop: VirtualLoop, tmp_path: Path, held: str, wanted: str | None, after: str
) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.card.smsc = held
        done = await driver.prepare(wanted)
        assert done.smsc == modem.card.smsc == after
        assert done.complaints == ()


@virtually
async def test_the_service_centre_in_ucs2(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 24."""
    async with driven(loop, tmp_path) as (driver, modem):
        modem.settings.cscs = "UCS2"
        assert (await driver.prepare(None)).smsc == modem.card.smsc


@virtually
async def test_no_service_centre_is_complained_about(loop: VirtualLoop, tmp_path: Path) -> None:
    async with driven(loop, tmp_path) as (driver, modem):
        modem.card.smsc = ""
        done = await driver.prepare(None)
        assert done.smsc is None
        assert "set `smsc`" in done.complaints[0]


@virtually
async def test_slow_to_start_it_is_prepared_all_the_same(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 18: everything is busy for some seconds."""
    async with driven(loop, tmp_path) as (driver, modem):
        modem.faults.set("cme_error", code=14)
        asyncio.get_running_loop().call_later(10.0, modem.faults.clear)
        done = await driver.prepare(None)
        assert done.store == "SM"
        assert modem.settings.cmgf == 0


# -- choices, without a modem ------------------------------------------------------------------

HABITS = GENERIC.sms


@pytest.mark.parametrize(
    ("habits", "offered", "choices"),
    [
        (HABITS, (), [(2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0),
                      (2, 1, 0, 0, 0), (1, 1, 0, 0, 0)]),
        (HABITS, ((0, 1), (0, 1), (0,), (0, 1), (0,)), [(1, 1, 0, 1, 0), (1, 1, 0, 0, 0)]),
        (HABITS, ((3,), (1,), (0,), (2,), (1,)), [(3, 1, 0, 2, 1)]),
        (HABITS, ((0, 1, 2), (0, 1)), [(2, 1)]),
    ],
)  # fmt: skip
def test_choices_of_indications(
    habits: SmsHabits, offered: tuple[tuple[int, ...], ...], choices: list[tuple[int, ...]]
) -> None:
    assert list(indication_choices(habits, offered)) == choices
