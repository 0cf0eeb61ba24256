"""Commands that are not about messages: identity, card, network, clock, USSD, settings (TS 27.007).

Stdlib only, plus the codec's packing for USSD.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airpost.codec.alphabets import gsm7
from airpost.codec.septets import pack_ussd, unpack_ussd
from hwsim.grammar import Answer, Command, Op, Refused, said

if TYPE_CHECKING:
    from hwsim.modem import SimModem

Handler = Callable[["SimModem", Command], Answer]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHARACTER_SETS = ("GSM", "IRA", "UCS2")
NETWORK_ACT = 7  # E-UTRAN


def nothing(_modem: SimModem, _command: Command) -> Answer:
    """Taken and of no effect here."""
    return said()


def number_setting(name: str, values: Sequence[int]) -> Handler:
    """The handler of a setting that is one number out of `values`; `name` is its field."""

    def handler(modem: SimModem, command: Command) -> Answer:
        if command.op is Op.TEST:
            shown = ",".join(str(each) for each in values)
            return said(f"{command.name}: ({shown})")
        if command.op is Op.READ:
            return said(f"{command.name}: {getattr(modem.settings, name)}")
        value = command.number(0, 0)
        if value not in values:
            raise Refused("CME", 50)
        setattr(modem.settings, name, value)
        return said()

    return handler


def fixed(pick: Callable[[SimModem], Sequence[str]], *, card: bool = False) -> Handler:
    """The handler of a command that shows lines, with the card where `card`."""

    def handler(modem: SimModem, command: Command) -> Answer:
        if command.op is Op.TEST:
            return said()
        if card:
            modem.check_card("CME")
        return said(*pick(modem))

    return handler


def _echo(modem: SimModem, command: Command) -> Answer:
    modem.settings.echo = command.number(0, 0) != 0
    return said()


def _verbose(modem: SimModem, command: Command) -> Answer:
    modem.settings.verbose = command.number(0, 0) != 0
    return said()


def _quiet(modem: SimModem, command: Command) -> Answer:
    modem.settings.quiet = command.number(0, 0) != 0
    return said()


def _defaults(modem: SimModem, _command: Command) -> Answer:
    cfun = modem.settings.cfun
    modem.settings = modem.personality.defaults()
    modem.settings.cfun = cfun
    return said()


def _register(modem: SimModem, command: Command) -> Answer:
    key = f"S{command.word(0, '0')}"
    if command.op is Op.READ:
        return said(modem.settings.s.get(key, "0").zfill(3))
    if command.op is Op.SET:
        modem.settings.s[key] = command.word(1, "0")
    return said()


def _pin(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    status = modem.sim_status()
    if status in ("ABSENT", "BLOCKED"):
        raise Refused("CME", 10 if status == "ABSENT" else 13)
    if command.op is Op.READ:
        return said(f"+CPIN: {status}")
    if status == "READY":
        raise Refused("CME", 3)
    if status == "SIM PUK":
        if not command.word(1):
            raise Refused("CME", 12)
        right = modem.card.enter_puk(command.word(0), command.word(1))
    else:
        right = modem.card.enter_pin(command.word(0))
    modem.records.pin(command.word(0), right=right)
    if not right:
        # The third wrong PIN is told as the PUK that is wanted from now on.
        puk_now = status == "SIM PIN" and modem.card.status == "SIM PUK"
        raise Refused("CME", 12 if puk_now else 16)
    return Answer(then=modem.power.settle)


def _tries(modem: SimModem, _command: Command) -> Answer:
    card = modem.card
    return said(f"+CPINR: SIM PIN,{card.pin_tries},3", f"+CPINR: SIM PUK,{card.puk_tries},10")


def _functionality(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said("+CFUN: (0,1,4),(0,1)")
    if command.op is Op.READ:
        return said(f"+CFUN: {modem.settings.cfun}")
    level, reset = command.number(0, 1), command.number(1, 0)
    if level not in (0, 1, 4):
        raise Refused("CME", 50)
    if reset:
        return Answer(then=lambda: modem.reset(f"AT+CFUN={level},{reset}"))
    on_again = level == 1 and modem.settings.cfun != 1
    modem.settings.cfun = level
    return Answer(then=modem.power.settle if on_again else modem.registration_changed)


def _registration(modem: SimModem, command: Command) -> Answer:
    name = command.name
    if command.op is Op.TEST:
        return said(f"{name}: (0-2)")
    if command.op is Op.READ:
        if modem.faults.take("broken_creg", name):
            return said(f'{name}: 2,{modem.radio.stat},"0B,"0100701",7')
        return said(f"{name}: {modem.settings.creg[name]},{modem.registration(name)}")
    value = command.number(0, 0)
    if value not in (0, 1, 2):
        raise Refused("CME", 50)
    modem.settings.creg[name] = value

    def told() -> None:
        if value and modem.personality.creg_told:
            modem.urc(f"{name}: {modem.registration(name)}")

    return Answer(then=told)


def _operator(modem: SimModem, command: Command) -> Answer:
    network = modem.network
    if command.op is Op.TEST:
        return said(
            f'+COPS: (2,"{network.operator}","Airpost","{network.plmn}",{NETWORK_ACT}),,'
            "(0,1,2,3,4),(0,1,2)"
        )
    if command.op is Op.SET:
        if command.number(0, 0) == 3:
            modem.settings.s["COPS"] = str(command.number(1, 0))
        return said()
    if not modem.radio.reachable:
        return said("+COPS: 0")
    form = modem.settings.s.get("COPS", "0")
    name = network.plmn if form == "2" else modem.quoted(network.operator)
    return said(f'+COPS: 0,{form},"{name}",{NETWORK_ACT}')


def _signal(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said("+CSQ: (0-31,99),(0-7,99)")
    none = modem.faults.take("no_signal")
    if none is not None:
        return said(f"+CSQ: {int(none.number('value'))},99")
    return said(f"+CSQ: {modem.signal if modem.radio.reachable else 99},99")


def _character_set(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        shown = ",".join(f'"{each}"' for each in CHARACTER_SETS)
        return said(f"+CSCS: ({shown})")
    if command.op is Op.READ:
        return said(f'+CSCS: "{modem.settings.cscs}"')
    wanted = command.word(0, "GSM").upper()
    if wanted not in CHARACTER_SETS:
        raise Refused("CME", 50)
    modem.settings.cscs = wanted
    return said()


def _clock(modem: SimModem, command: Command) -> Answer:
    if command.op is not Op.READ:
        return said()
    nonsense = modem.faults.take("clock_nonsense")
    if nonsense is not None:
        return said(f'+CCLK: "{nonsense.words("time")}"')
    quarters = modem.network.zone_quarters
    local = _EPOCH + timedelta(microseconds=modem.network.now_us(), minutes=15 * quarters)
    return said(f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"')


def _ussd(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said("+CUSD: (0-2)")
    if command.op is Op.READ:
        return said("+CUSD: 0")
    asked = command.word(1)
    if not asked:
        return said()
    modem.check_card("CME")
    packed = modem.personality.ussd == "packed" and modem.settings.s.get("^USSDMODE") != "0"
    if packed:
        try:
            code = gsm7().decode(unpack_ussd(bytes.fromhex(asked)))
        except ValueError:
            raise Refused("") from None
    else:
        code = modem.unquoted(asked)

    noise = modem.faults.take("ussd_noise")

    def answer() -> None:
        text = _balance(modem, code)
        if text is None:
            modem.urc("+CUSD: 4")
            return
        if noise is not None:
            text = f"{text}\r\nValid until 2027-01-01\r\n"
        if packed:
            modem.urc(f'+CUSD: 0,"{pack_ussd(gsm7().encode(text)).hex().upper()}",15')
        else:
            dcs = 72 if modem.settings.cscs == "UCS2" else 15
            modem.urc(f'+CUSD: 0,"{modem.quoted(text)}",{dcs}')

    lines = () if noise is None else (noise.words("line"),)
    return Answer(lines=lines, then=lambda: modem.later(modem.network.latency_s, answer))


def _balance(modem: SimModem, code: str) -> str | None:
    """What a code is answered; None for one that nobody knows."""
    text = modem.ussd.get(code, modem.network.ussd.get(code))
    low = modem.faults.take("low_credit") if text is not None else None
    return text if low is None else low.words("says")


def _hang_up(modem: SimModem, _command: Command) -> Answer:
    modem.world.hang_up()
    return said()


def _rate(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.SET:
        modem.faults.clear("autobaud")
    return said()


def _numbers(modem: SimModem) -> list[str]:
    return [f'+CNUM: ,"{modem.quoted(modem.card.number)}",{modem.type_of(modem.card.number)}']


def _commands(modem: SimModem) -> list[str]:
    # Resolved when asked: the whole table is put together there.
    from hwsim.dispatch import HANDLERS

    own = {name.rstrip("?") for name in modem.personality.commands}
    return sorted(own | {name for name in HANDLERS if name.startswith("+")})


HANDLERS: dict[str, Handler] = {
    "E": _echo,
    "V": _verbose,
    "Q": _quiet,
    "Z": _defaults,
    "&F": _defaults,
    "S": _register,
    "I": fixed(lambda modem: modem.filled(modem.personality.info)),
    "X": nothing,
    "H": _hang_up,
    "&C": nothing,
    "&D": nothing,
    "&W": nothing,
    "+CHUP": _hang_up,
    "+CLIP": number_setting("clip", (0, 1)),
    "+CRC": nothing,
    "+CTZU": nothing,
    "+CTZR": nothing,
    "+IPR": _rate,
    "+IFC": nothing,
    "+CGMI": fixed(lambda modem: [modem.personality.manufacturer]),
    "+CGMM": fixed(lambda modem: [modem.personality.model]),
    "+CGMR": fixed(lambda modem: [modem.personality.revision]),
    "+GMI": fixed(lambda modem: [modem.personality.manufacturer]),
    "+GMM": fixed(lambda modem: [modem.personality.model]),
    "+GMR": fixed(lambda modem: [modem.personality.revision]),
    "+GSN": fixed(lambda modem: [modem.imei]),
    "+CGSN": fixed(lambda modem: [modem.imei]),
    "+GCAP": fixed(lambda _modem: ["+GCAP: +CGSM,+DS"]),
    "+CIMI": fixed(lambda modem: [modem.card.imsi], card=True),
    "+CNUM": fixed(_numbers, card=True),
    "+CPAS": fixed(lambda _modem: ["+CPAS: 0"]),
    "+CLAC": fixed(_commands),
    "+CMEE": number_setting("cmee", (0, 1, 2)),
    "+CPIN": _pin,
    "+CPINR": _tries,
    "+CFUN": _functionality,
    "+CREG": _registration,
    "+CGREG": _registration,
    "+CEREG": _registration,
    "+COPS": _operator,
    "+CSQ": _signal,
    "+CSCS": _character_set,
    "+CCLK": _clock,
    "+CUSD": _ussd,
}
