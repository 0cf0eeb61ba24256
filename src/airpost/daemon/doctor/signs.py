"""What the facts of one modem mean: small pure functions, each from `ModemFacts` to findings.

May import at and the doctor's facts. The words say what is the case, then what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airpost.at.network import Registration, RegistrationState
from airpost.at.replies import SimStatus
from airpost.daemon.doctor.finding import Finding, error, note, warning
from airpost.daemon.doctor.modem import ModemFacts
from airpost.daemon.doctor.service import ASKED_STATES
from airpost.daemon.doctor.wire import check_sending, check_supply
from airpost.model import UnitState, masked
from airpost.modem.driver import indication_choices

STARTING_S = 60.0  # a modem that has just been plugged in is on its way
WEAK_DBM = -103  # 5 of 31 (`interfaces.md` D.5: below 20 %)
NO_RADIO = (0, 4)
_DOWN = {UnitState.ABSENT.value, UnitState.COOLDOWN.value, UnitState.QUARANTINED.value}
_ON_ITS_WAY = {UnitState.OPENING.value, UnitState.PROBING.value, UnitState.SIM.value,
               UnitState.REGISTERING.value}  # fmt: skip


def check_state(modem: ModemFacts) -> Iterator[Finding]:
    """What the running service says of it, and whether it can be asked at all."""
    if modem.state in _DOWN:
        also = f" ({modem.last_error})" if _adds(modem) else ""
        yield error("modem", modem.subject, f"{modem.state}: {modem.detail}{also}")
    elif modem.state == UnitState.DEGRADED.value:
        yield warning("modem", modem.subject, f"degraded: {modem.detail}")
    elif modem.state in _ON_ITS_WAY:
        # One that can be asked tells better below what it waits for.
        grave = error if modem.since_s > STARTING_S and modem.unasked is not None else warning
        yield grave("modem", modem.subject, f"{modem.state}: {modem.detail}")
    elif modem.stalled:
        yield warning("modem", modem.subject, "a message has been on the air for unusually long")
    asked = modem.state is None or modem.state in ASKED_STATES
    if modem.unasked is not None and asked:
        yield error("modem", modem.subject, f"cannot be asked: {modem.unasked}")
    elif modem.fell_silent is not None:
        yield error("modem", modem.subject, f"stopped answering: {modem.fell_silent}")


def _adds(modem: ModemFacts) -> bool:
    return modem.last_error is not None and modem.last_error not in modem.detail


def check_identity(modem: ModemFacts) -> Iterator[Finding]:
    """Is it the AT port of a modem?"""
    if modem.unasked is not None:
        return
    if modem.parrot:
        yield error(
            "parrot",
            modem.subject,
            f"{modem.port} says OK to everything, even to a command that does not exist: it is not "
            "the port for AT commands; name another one of the same stick",
            "ls -l /dev/serial/by-path/",
        )
    elif modem.imei is None:
        yield error("modem", modem.subject, f"{modem.port} tells no IMEI: is it the right port?",
                    "ls -l /dev/serial/by-path/")  # fmt: skip
    else:
        what = " ".join(each for each in (modem.manufacturer, modem.model) if each)
        what = f"{what or 'a modem'}, IMEI {masked(modem.imei)}"
        profile = f", profile {modem.profile.name}" if modem.profile else ""
        yield note("modem", modem.subject, what + profile)
    if modem.functionality in NO_RADIO:
        yield error(
            "modem",
            modem.subject,
            f"its radio is off (AT+CFUN? says {modem.functionality})",
            f"printf 'AT+CFUN=1\\n' | airpost at console {modem.subject} --force",
        )


def check_sim(modem: ModemFacts) -> Iterator[Finding]:
    """The SIM, its PIN and the tries left."""
    left = "" if modem.pin_tries is None else f"; {modem.pin_tries} tries are left"
    match modem.sim:
        case None:
            return
        case SimStatus.SIM_PIN:
            last = "; it is the last one: unlock it in a phone" if modem.pin_tries == 1 else ""
            yield error(
                "sim",
                modem.subject,
                f"the SIM wants its PIN{left}{last}",
                f'pin_file = "{modem.subject}.pin"  # below [[modem]] in airpost.toml; the file '
                "holds the PIN alone",
            )
        case SimStatus.SIM_PUK:
            yield error("sim", modem.subject, "the SIM is locked and wants its PUK: unlock it in a "
                        "phone; ten wrong ones destroy it")  # fmt: skip
        case SimStatus.NOT_INSERTED:
            yield error("sim", modem.subject, "there is no SIM: put one in, or clean its contacts")
        case SimStatus.NOT_READY:
            yield warning("sim", modem.subject, "the SIM is not ready")
        case status if status.usable:
            yield note("sim", modem.subject, f"the SIM is open{left}")
        case status:
            yield error("sim", modem.subject, f"locked ({status.value}): the modem takes SIMs of "
                        "one operator only, or was locked by its owner")  # fmt: skip


def check_smsc(modem: ModemFacts) -> Iterator[Finding]:
    """The service centre, without which nothing goes out."""
    if modem.smsc_known is False:
        yield error(
            "smsc",
            modem.subject,
            "no service centre is set (AT+CSCA): every message fails with CMS 330; the operator "
            "tells its number",
            'smsc = "+…"  # below [[modem]] in airpost.toml',
        )
    elif modem.smsc:
        yield note("smsc", modem.subject, f"the service centre is {masked(modem.smsc)}")


def check_stores(modem: ModemFacts) -> Iterator[Finding]:
    """The memories: a full one silences a modem."""
    seen: set[str | None] = set()
    for fill in modem.fills:
        if fill.name in seen:
            continue
        seen.add(fill.name)
        what = f"{fill.name or 'its memory'}: {fill.used} of {fill.total} places are used"
        if fill.total and fill.used >= fill.total:
            yield error(
                "store",
                modem.subject,
                f"{what}; nothing more comes in. The service reads and empties it while it runs; "
                "where it does not, empty it",
                f"printf 'AT+CMGD=1,3\\n' | airpost at console {modem.subject} --force",
            )
        else:
            yield note("store", modem.subject, what)


def check_indications(modem: ModemFacts) -> Iterator[Finding]:
    """Which AT+CNMI is set, and which would be tried."""
    if not modem.offered and not modem.indications:
        if modem.imei is not None and modem.fell_silent is None:
            yield warning("indications", modem.subject, "does not say how it announces messages "
                          "(AT+CNMI): they are looked for twice a minute instead")  # fmt: skip
        return
    shown = ",".join(map(str, modem.indications))
    if modem.state is not None and modem.indications[1:2] not in ((), (0,)):
        reports = "" if modem.indications[3:4] not in ((), (0,)) else "; no delivery reports"
        yield note("indications", modem.subject, f"AT+CNMI={shown} works{reports}")
        return
    if modem.state is not None and shown:
        yield warning("indications", modem.subject, f"announces nothing (AT+CNMI={shown}): "
                      "messages are looked for instead")  # fmt: skip
        return
    habits = modem.profile.sms if modem.profile else None
    choices = [] if habits is None else list(indication_choices(habits, modem.offered))
    tried = ", then ".join(",".join(map(str, each)) for each in choices[:3])
    yield note("indications", modem.subject, f"AT+CNMI={shown or 'not told'} now; the service "
               f"would try {tried or 'nothing'}")  # fmt: skip


def check_network(modem: ModemFacts) -> Iterator[Finding]:
    """Registration and signal."""
    found = modem.circuit if modem.circuit is not None else modem.packet
    registered = any(each.registered for each in (modem.circuit, modem.packet) if each)
    if found is None or modem.sim is None or not modem.sim.usable:
        return
    signal = "unknown" if modem.signal_dbm is None else f"{modem.signal_dbm} dBm"
    if registered:
        weak = modem.signal_dbm is not None and modem.signal_dbm < WEAK_DBM
        by = f" by {modem.operator}" if modem.operator else ""
        say = warning if weak else note
        advice = ": weak; move the antenna" if weak else ""
        here = modem.circuit if modem.circuit and modem.circuit.registered else modem.packet
        words = here.sentence if here else ""
        yield say("network", modem.subject, f"{words}{by}, signal {signal}{advice}")
    else:
        yield error("network", modem.subject, f"{_plight(found)}; signal {signal}")


def _plight(found: Registration) -> str:
    match found.state:
        case RegistrationState.DENIED:
            return ("denied by the network: the SIM is not active, its contract is over, or it may "
                    "not roam here")  # fmt: skip
        case RegistrationState.SEARCHING | RegistrationState.IDLE:
            return f"{found.sentence}: look at the antenna, and whether the operator is heard here"
        case _:
            return found.sentence


def check_lte(modem: ModemFacts) -> Iterator[Finding]:
    """Registered on LTE alone: messages go out only where the operator carries them there."""
    circuit, packet = modem.circuit, modem.packet
    if packet is None or not packet.registered or circuit is None or circuit.registered:
        return
    yield warning(
        "lte",
        modem.subject,
        "registered on LTE only (AT+CEREG, not AT+CREG): messages need SMS over IMS or SGs there, "
        "which many SIMs do not have. If they fail, let it prefer the older networks",
        f"printf 'AT+CGSMS=3\\n' | airpost at console {modem.subject} --force",
    )


def check_messages(modem: ModemFacts) -> Iterator[Finding]:
    """What the wire tells of messages."""
    yield from check_sending(modem.subject, modem.wire)


def check_restarts(modem: ModemFacts) -> Iterator[Finding]:
    """What the wire tells of the supply."""
    yield from check_supply(modem.subject, modem.wire)


CHECKS: tuple[Callable[[ModemFacts], Iterator[Finding]], ...] = (
    check_state,
    check_identity,
    check_sim,
    check_smsc,
    check_stores,
    check_indications,
    check_network,
    check_lte,
    check_messages,
    check_restarts,
)
