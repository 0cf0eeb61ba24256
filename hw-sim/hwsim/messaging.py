"""Commands about short messages (TS 27.005).

May import airpost.codec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airpost.codec.address import Address
from airpost.codec.pdu import parse_pdu
from airpost.codec.tpdu import Direction, Submit
from airpost.errors import CodecError
from hwsim import textmode
from hwsim.card import Slot, SlotState
from hwsim.general import nothing, number_setting
from hwsim.grammar import Answer, Command, Op, Refused, said
from hwsim.personality import read_ranges
from hwsim.subscriber import Delivery
from hwsim.textmode import STATE_WORDS

if TYPE_CHECKING:
    from hwsim.modem import SimModem

ALL = 4
# What AT+CMGD's <delflag> deletes, TS 27.005 3.5.4.
DELETES = {
    1: {SlotState.READ},
    2: {SlotState.READ, SlotState.SENT},
    3: {SlotState.READ, SlotState.SENT, SlotState.UNSENT},
    4: set(SlotState),
}


# Settings


def _new_message_indication(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said(f"+CNMI: {modem.personality.cnmi}")
    if command.op is Op.READ:
        return said("+CNMI: " + ",".join(str(each) for each in modem.settings.cnmi))
    values = list(modem.settings.cnmi)
    offer = modem.personality.cnmi_offer
    if command.op is Op.EXEC:
        values = list(modem.personality.cnmi_default)
    for at, text in enumerate(command.args):
        if text == "":
            continue
        if at >= len(offer) or not text.isdigit() or int(text) not in offer[at]:
            raise Refused.parse(modem.personality.cnmi_refused)
        values[at] = int(text)
    modem.settings.cnmi = values
    return Answer(then=modem.radio.mode_changed)


def _usage(modem: SimModem) -> list[tuple[str, int, int]]:
    mems = modem.settings.mems[: len(modem.personality.stores)]
    stores = [modem.store(name) for name in mems]
    full = modem.faults.get("store_full") is not None
    lag = modem.faults.take("counter_lag")
    late = 0 if lag is None else modem.radio.arrived_within(lag.number("lag_s"))
    return [
        (each.name, each.size if full else max(0, each.used - late), each.size) for each in stores
    ]


def _preferred_storage(modem: SimModem, command: Command) -> Answer:
    offers = modem.personality.stores
    if command.op is Op.TEST:
        if modem.personality.stores_shown:
            return said(f"+CPMS: {modem.personality.stores_shown}")
        groups = ("(" + ",".join(f'"{name}"' for name in group) + ")" for group in offers)
        return said("+CPMS: " + ",".join(groups))
    modem.check_card("CMS")
    if command.op is Op.READ:
        shown = (f'"{name}",{used},{size}' for name, used, size in _usage(modem))
        return said("+CPMS: " + ",".join(shown))
    mems = list(modem.settings.mems)
    for at, name in enumerate(command.args):
        if not name:
            continue
        if at >= len(offers) or name.upper() not in offers[at]:
            raise Refused.parse(modem.personality.stores_refused)
        mems[at] = name.upper()
    modem.settings.mems = mems
    return said("+CPMS: " + ",".join(f"{used},{size}" for _, used, size in _usage(modem)))


def _service(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said(f"+CSMS: {modem.personality.csms}")
    if command.op is Op.READ:
        return said(f"+CSMS: {modem.settings.csms},1,1,1")
    value = command.number(0, 0)
    if value not in read_ranges(modem.personality.csms)[0]:
        raise Refused("CMS", 303)
    modem.settings.csms = value
    return said("+CSMS: 1,1,1")


def _acknowledge(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said("+CNMA: (0-2)")
    if not modem.settings.phase2plus:
        raise Refused("CMS", 340)
    if len(command.args) > 1:  # with an acknowledgement PDU: hardly any modem takes it
        raise Refused("CMS", 303)
    if modem.radio.unacknowledged is None:
        raise Refused("CMS", 340)
    how = Delivery.REFUSED if command.number(0, 0) == 2 else Delivery.TAKEN
    if modem.faults.take("ack_lost"):
        return said()
    # After OK, or the next message would stand in the answer.
    return Answer(then=lambda: modem.radio.acknowledge(how))


def _is_address(number: str) -> bool:
    """What came garbled is no address of a service centre."""
    try:
        Address.from_number(number).build_smsc()
    except CodecError:
        return False
    return True


def _centre(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    modem.check_card("CMS")
    if command.op is Op.READ:
        smsc = modem.radio.smsc
        if modem.faults.take("smsc_hex"):
            return said(f"+CSCA: {smsc.encode('utf-16-be').hex().upper()},{modem.type_of(smsc)}")
        if not smsc and not modem.personality.smsc_shown:
            return said()
        return said(f'+CSCA: "{modem.quoted(smsc)}",{modem.type_of(smsc)}')
    number = modem.unquoted(command.word(0))
    if number and command.number(1, 0) == 145 and not number.startswith("+"):
        number = f"+{number}"
    if number and not _is_address(number):
        raise Refused("CMS", 304)
    modem.card.smsc = number
    modem.faults.clear("smsc_lost")
    return said()


def _text_parameters(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    if command.op is Op.READ:
        return said(f"+CSMP: {modem.settings.csmp}")
    modem.settings.csmp = ",".join(command.args)
    if modem.personality.csmp_erases_smsc:
        modem.card.smsc = ""
    return said()


# Sending


def _send(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    if modem.settings.cmgf:
        number = modem.unquoted(command.word(0))
        modem.radio.check_sendable()
        return Answer(prompt=lambda text: _send_text(modem, number, text))
    length = command.number(0)
    modem.radio.check_sendable()
    return Answer(prompt=lambda text: _send_pdu(modem, length, text))


def _read_submit(text: str, length: int) -> tuple[Submit, bool]:
    """The SUBMIT, and whether the PDU names its SMSC; Refused 304."""
    try:
        pdu = parse_pdu("".join(text.split()), Direction.MO)
    except CodecError:
        raise Refused("CMS", 304) from None
    if not isinstance(pdu.tpdu, Submit) or len(pdu.tpdu_octets) != length:
        raise Refused("CMS", 304)
    return pdu.tpdu, pdu.smsc is not None


def _on_air(modem: SimModem, submit: Submit, *, own_smsc: bool) -> None:
    if not own_smsc and not modem.radio.smsc:
        raise Refused("CMS", 330)
    modem.records.to(submit.da.number)
    modem.radio.send(submit, modem.sender.sent)


def _send_pdu(modem: SimModem, length: int, text: str) -> None:
    try:
        submit, own_smsc = _read_submit(text, length)
        _on_air(modem, submit, own_smsc=own_smsc)
    except Refused as refused:
        modem.sender.sent(refused)


def _send_text(modem: SimModem, number: str, text: str) -> None:
    try:
        _on_air(modem, textmode.submit(modem, number, text), own_smsc=False)
    except Refused as refused:
        modem.sender.sent(refused)


def _write(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    modem.check_card("CMS")
    if modem.settings.cmgf:
        raise Refused("CMS", 303)
    length = command.number(0)

    def typed(text: str) -> None:
        plain = "".join(text.split()).upper()
        try:
            _read_submit(plain, length)
        except Refused as refused:
            modem.sender.sent(refused)
            return
        full = modem.faults.get("store_full") is not None
        slot = Slot(pdu=plain, length=length, state=SlotState.UNSENT)
        index = None if full else modem.store(modem.settings.mems[1]).add(slot)
        modem.sender.sent(Refused("CMS", 322) if index is None else index)

    return Answer(prompt=typed)


# Reading


def _shown(modem: SimModem, lead: str, slot: Slot) -> list[str]:
    """The lines of one message behind `lead`."""
    pdu, length = slot.pdu, slot.length
    words = modem.settings.cmgf == 1 or modem.faults.take("text_answers") is not None
    state = f'"{STATE_WORDS[slot.state]}"' if words else str(int(slot.state))
    if slot.report and not modem.personality.report_state:
        state = ""
    if words:
        header, *text = textmode.stored(modem, slot, state)
        return [lead + header, *text]
    if modem.faults.take("corrupt_read"):
        pdu = pdu[: len(pdu) // 2] + "=" + pdu[len(pdu) // 2 + 2 :]
    wrong = modem.faults.take("length_mismatch")
    if wrong is not None:
        length += int(wrong.number("by"))
    header = f"{state},,{length}"
    fewer = modem.faults.take("empty_fields")
    if fewer is not None:
        forms = {"no_state": f",,{length}", "no_name": f"{state},{length}"}
        header = forms.get(fewer.words("form"), str(length))
    return [lead + header, pdu]


def _read(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        return said()
    modem.check_card("CMS")
    store, index = modem.store(modem.settings.mems[0]), command.number(0)
    if not store.valid(index):
        raise Refused("CMS", 321)
    slot = store.get(index)
    if slot is None or modem.faults.take("empty_read"):
        if modem.personality.empty_slot == "OK" or modem.faults.get("announced_elsewhere"):
            return said()
        raise Refused.parse(modem.personality.empty_slot)
    lines = _shown(modem, "+CMGR: ", slot)
    if slot.state is SlotState.UNREAD:
        slot.state = SlotState.READ
    return said(*lines)


def _wanted_state(modem: SimModem, command: Command) -> int:
    if not modem.settings.cmgf:
        wanted = command.number(0, 0)
        if wanted > ALL:
            raise Refused("CMS", 302)
        return wanted
    word = command.word(0, "REC UNREAD").upper()
    if word not in STATE_WORDS:
        raise Refused("CMS", 305)
    return STATE_WORDS.index(word)


def _list(modem: SimModem, command: Command) -> Answer:
    if command.op is Op.TEST:
        words = ",".join(f'"{each}"' for each in STATE_WORDS)
        return said(f"+CMGL: ({words})" if modem.settings.cmgf else "+CMGL: (0-4)")
    modem.check_card("CMS")
    wanted = _wanted_state(modem, command)
    lines: list[str] = []
    for index, slot in modem.store(modem.settings.mems[0]).items():
        if wanted in (ALL, slot.state):
            lines += _shown(modem, f"+CMGL: {index},", slot)
            if slot.state is SlotState.UNREAD:
                slot.state = SlotState.READ
    return said(*lines)


def _delete(modem: SimModem, command: Command) -> Answer:
    store = modem.store(modem.settings.mems[0])
    flags = modem.personality.delete_flags
    if command.op is Op.TEST:
        used = ",".join(str(index) for index, _ in store.items())
        return said(f"+CMGD: ({used})" + (",(0-4)" if flags else ""))
    modem.check_card("CMS")
    index, flag = command.number(0), command.number(1, 0)
    if flag > 4 or (len(command.args) > 1 and not flags):
        raise Refused("CMS", 302)
    if flag == 0 and not store.valid(index):
        raise Refused("CMS", 321)
    if modem.faults.take("delete_ignored"):
        return said()
    if flag == 0:
        store.remove(index)
    for each, slot in list(store.items()):
        if slot.state in DELETES.get(flag, ()):
            store.remove(each)
    # There may be room now for what the network holds back.
    return Answer(then=lambda: modem.network.available(modem.card.number))


def _format(modem: SimModem, command: Command) -> Answer:
    answer = _MODE(modem, command)
    if command.op is Op.SET:
        modem.faults.clear("text_answers")
    return answer


_MODE = number_setting("cmgf", (0, 1))
HANDLERS: dict[str, Callable[[SimModem, Command], Answer]] = {
    "+CMGF": _format,
    "+CMMS": number_setting("cmms", (0, 1, 2)),
    "+CNMI": _new_message_indication,
    "+CPMS": _preferred_storage,
    "+CSMS": _service,
    "+CNMA": _acknowledge,
    "+CSCA": _centre,
    "+CSMP": _text_parameters,
    "+CSDH": number_setting("csdh", (0, 1)),
    "+CSCB": nothing,
    "+CGSMS": nothing,
    "+CMGS": _send,
    "+CMGW": _write,
    "+CMGR": _read,
    "+CMGL": _list,
    "+CMGD": _delete,
}
