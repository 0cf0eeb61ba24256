"""Text mode (AT+CMGF=1): messages as words, and words as a SUBMIT (TS 27.005 3.4).

May import airpost.codec. The character sets GSM and IRA are one here: characters are Latin-1 on the
line, "?" where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airpost.codec.address import Address
from airpost.codec.dcs import Alphabet
from airpost.codec.pdu import parse_pdu
from airpost.codec.split import split
from airpost.codec.times import TimeStamp, ValidityFormat, ValidityPeriod
from airpost.codec.tpdu import Deliver, Direction, StatusReport, Submit, parse_tpdu
from airpost.errors import CodecError
from hwsim.card import Slot, SlotState
from hwsim.grammar import Refused

if TYPE_CHECKING:
    from hwsim.modem import SimModem

STATE_WORDS = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
REPORT_WANTED, VALIDITY, RELATIVE = 0x20, 0x18, 0x10  # bits of <fo>


def _stamp(stamp: TimeStamp) -> str:
    moment = stamp.moment
    if moment is None:
        return ""
    return f"{moment:%y/%m/%d,%H:%M:%S}{stamp.offset_quarters:+03d}"


def _data(modem: SimModem, message: Deliver | Submit) -> str:
    """`<data>`: text by +CSCS, hexadecimal where it is not plain GSM 7-bit."""
    plain = message.coding.alphabet is Alphabet.GSM7 and not message.udh
    text = message.text if plain else None
    return (message.udh + message.ud).hex().upper() if text is None else modem.quoted(text)


def _more(modem: SimModem, message: Deliver | Submit, number: str, octets: bytes) -> str:
    """The fields that AT+CSDH=1 adds."""
    if not modem.settings.csdh:
        return ""
    smsc = modem.card.smsc
    validity = "," if isinstance(message, Submit) else ""
    return (
        f",{modem.type_of(number)},{octets[0]},{message.pid},{message.dcs}{validity},"
        f'"{modem.quoted(smsc)}",{modem.type_of(smsc)},{message.udl}'
    )


def _words(modem: SimModem, tpdu: bytes, direction: Direction) -> tuple[str, ...]:
    """The header's fields, and the text where the message has one."""
    message = parse_tpdu(tpdu, direction)
    if isinstance(message, StatusReport):
        whom = f'"{modem.quoted(message.ra.number)}",{modem.type_of(message.ra.number)}'
        times = f'"{_stamp(message.scts)}","{_stamp(message.dt)}"'
        return (f"{tpdu[0]},{message.mr},{whom},{times},{message.status}",)
    if isinstance(message, Submit):
        number = message.da.number
        header = f'"{modem.quoted(number)}",{_more(modem, message, number, tpdu)}'
        return header, _data(modem, message)
    assert isinstance(message, Deliver)
    number = message.oa.number
    header = f'"{modem.quoted(number)}",,"{_stamp(message.scts)}"'
    return header + _more(modem, message, number, tpdu), _data(modem, message)


def stored(modem: SimModem, slot: Slot, state: str) -> tuple[str, ...]:
    """The lines of a stored message behind the command's prefix; `state` as it is shown."""
    outgoing = slot.state in (SlotState.UNSENT, SlotState.SENT)
    direction = Direction.MO if outgoing else Direction.MT
    header, *text = _words(modem, parse_pdu(slot.pdu, direction).tpdu_octets, direction)
    return (f"{state},{header}", *text)


def arrived(modem: SimModem, tpdu: bytes) -> tuple[str, ...]:
    """What stands behind +CMT: or +CDS:, and the line with the text."""
    return _words(modem, tpdu, Direction.MT)


def _validity(octet: int) -> ValidityPeriod:
    return ValidityPeriod(format=ValidityFormat.RELATIVE, octets=bytes((octet & 0xFF,)))


def submit(modem: SimModem, number: str, text: str) -> Submit:
    """One SUBMIT of what was typed, by AT+CSMP; Refused 305 when it cannot be."""
    fields = [int(each) if each.isdigit() else 0 for each in modem.settings.csmp.split(",")]
    fo, vp, pid = [*fields, 0, 0, 0][:3]
    try:
        parts = split(modem.unquoted(text)).parts
        made = Submit(
            da=Address.from_number(number), dcs=parts[0].dcs, ud=parts[0].ud, udl=parts[0].udl,
            pid=pid, srr=bool(fo & REPORT_WANTED),
            vp=_validity(vp) if fo & VALIDITY == RELATIVE else None,
        )  # fmt: skip
        made.build()
    except CodecError:
        raise Refused("CMS", 305) from None
    if len(parts) > 1 or not number:
        raise Refused("CMS", 305)
    return made
