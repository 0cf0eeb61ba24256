"""The six TPDUs of TS 23.040 9.2.2: parse and build.

Pure. Every malformed TPDU raises CodecError(field, offset) and nothing else. User data is kept as
octets; text is worked out on demand. Octets after the end are ignored (9.2.3.27).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airpost.codec import ucs2
from airpost.codec.address import Address, parse_address
from airpost.codec.alphabets import gsm7
from airpost.codec.dcs import ALL as DCS
from airpost.codec.dcs import Alphabet, Dcs
from airpost.codec.septets import unpack
from airpost.codec.times import TimeStamp, ValidityPeriod, parse_stamp, parse_validity
from airpost.codec.udh import Concat, Ports, Udh, parse_udh
from airpost.errors import CodecError

_PI_PID, _PI_DCS, _PI_UDL, _PI_RESERVED, _PI_MORE = 0x01, 0x02, 0x04, 0x78, 0x80
_SIM_PADDING = 0xFF  # a report read from a SIM record is filled up with it


class Direction(Enum):
    """To or from the mobile; TP-MTI means something else in each."""

    MT = "mt"
    MO = "mo"


def fill_bits(header_octets: int) -> int:
    """Bits between a header and the septet boundary after it (9.2.3.24)."""
    return -8 * header_octets % 7


def octets_needed(dcs: Dcs, udl: int) -> int:
    """Octets of TP-UD for a TP-UDL: septets in GSM 7-bit, else octets (9.2.3.16)."""
    if dcs.alphabet is Alphabet.GSM7 and not dcs.compressed:
        return (7 * udl + 7) // 8
    return udl


def decode_user_data(dcs: Dcs, udh: bytes, ud: bytes, udl: int) -> str | None:
    """The text behind the header, or None where the octets are data or compressed."""
    if not dcs.text:
        return None
    if dcs.alphabet is Alphabet.UCS2:
        return ucs2.decode(ud)
    header_septets = (8 * len(udh) + 6) // 7
    count = max(0, udl - header_septets)
    if not udh:
        return gsm7().decode(unpack(ud, count))
    header = parse_udh(udh)
    septets = unpack(ud, count, fill_bits(len(udh)))
    return gsm7(header.locking_shift, header.single_shift).decode(septets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _UserData:
    """TP-DCS, TP-UDL and TP-UD; `udh` holds the header with its length octet, `ud` what follows."""

    dcs: int = 0
    udh: bytes = b""
    ud: bytes = b""
    udl: int = 0

    @property
    def coding(self) -> Dcs:
        """TP-DCS as a value."""
        return DCS[self.dcs]

    @property
    def header(self) -> Udh:
        """The user data header; empty when there is none."""
        return parse_udh(self.udh)

    @property
    def text(self) -> str | None:
        """The text, or None where the user data is data."""
        return decode_user_data(DCS[self.dcs], self.udh, self.ud, self.udl)

    @property
    def concat(self) -> Concat | None:
        """The concatenation of the header."""
        return self.header.concat

    @property
    def ports(self) -> Ports | None:
        """The ports of the header."""
        return self.header.ports

    def _user_data(self) -> bytes:
        return bytes((self.udl,)) + self.udh + self.ud


def _octet(octets: bytes, at: int, field: str) -> int:
    if at >= len(octets):
        raise CodecError(field, at, "is missing")
    return octets[at]


def _read_user_data(octets: bytes, at: int, dcs: int, udhi: int) -> tuple[bytes, bytes, int, int]:
    """(udh, ud, udl, offset behind) of the TP-UDL at `at`."""
    if at >= len(octets):
        raise CodecError("TP-UDL", at, "is missing")
    udl = octets[at]
    begin = at + 1
    end = begin + octets_needed(DCS[dcs], udl)
    if end > len(octets):
        need, have = end - begin, len(octets) - begin
        raise CodecError("TP-UD", len(octets), f"{need} octets needed, {have} present")
    if not udhi or udl == 0:
        return b"", octets[begin:end], udl, end
    header_end = begin + 1 + octets[begin]
    if header_end > end:
        raise CodecError("TP-UD.udh", begin, f"{octets[begin]} octets run past the user data")
    return octets[begin:header_end], octets[header_end:end], udl, end


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver(_UserData):
    """SMS-DELIVER, 9.2.2.1. `reserved_mti` when it came as type 3, which reads as this one."""

    oa: Address
    pid: int = 0
    scts: TimeStamp
    more_messages: bool = False
    lp: bool = False
    sri: bool = False
    rp: bool = False
    reserved_mti: bool = False

    def build(self) -> bytes:
        """The octets; TP-MMS is 0 when there are more messages (9.2.3.2)."""
        first = (0 if self.more_messages else 0x04) | (0x08 if self.lp else 0)
        first |= (0x20 if self.sri else 0) | (0x80 if self.rp else 0)
        first |= (0x40 if self.udh else 0) | (0x03 if self.reserved_mti else 0)
        head = bytes((first,)) + self.oa.build() + bytes((self.pid, self.dcs))
        return head + self.scts.octets + self._user_data()


def _deliver(octets: bytes) -> Deliver:
    first = octets[0]
    oa, at = parse_address(octets, 1, "TP-OA")
    pid = _octet(octets, at, "TP-PID")
    dcs = _octet(octets, at + 1, "TP-DCS")
    scts, at = parse_stamp(octets, at + 2, "TP-SCTS")
    udh, ud, udl, _ = _read_user_data(octets, at, dcs, first & 0x40)
    return Deliver(
        oa=oa,
        pid=pid,
        dcs=dcs,
        scts=scts,
        udh=udh,
        ud=ud,
        udl=udl,
        more_messages=not first & 0x04,
        lp=bool(first & 0x08),
        sri=bool(first & 0x20),
        rp=bool(first & 0x80),
        reserved_mti=first & 3 == 3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(_UserData):
    """SMS-SUBMIT, 9.2.2.2."""

    da: Address
    pid: int = 0
    vp: ValidityPeriod | None = None
    mr: int = 0
    rd: bool = False
    srr: bool = False
    rp: bool = False

    def build(self) -> bytes:
        """The octets."""
        first = 0x01 | (0x04 if self.rd else 0) | (0x20 if self.srr else 0)
        first |= (0x40 if self.udh else 0) | (0x80 if self.rp else 0)
        period = b""
        if self.vp is not None:
            first |= self.vp.format << 3
            period = self.vp.octets
        head = bytes((first, self.mr)) + self.da.build() + bytes((self.pid, self.dcs))
        return head + period + self._user_data()


def _submit(octets: bytes) -> Submit:
    first = octets[0]
    mr = _octet(octets, 1, "TP-MR")
    da, at = parse_address(octets, 2, "TP-DA")
    pid = _octet(octets, at, "TP-PID")
    dcs = _octet(octets, at + 1, "TP-DCS")
    vp, at = parse_validity(octets, at + 2, first >> 3 & 3)
    udh, ud, udl, _ = _read_user_data(octets, at, dcs, first & 0x40)
    return Submit(
        da=da,
        pid=pid,
        dcs=dcs,
        vp=vp,
        mr=mr,
        udh=udh,
        ud=ud,
        udl=udl,
        rd=bool(first & 0x04),
        srr=bool(first & 0x20),
        rp=bool(first & 0x80),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Optional(_UserData):
    """What TP-PI says is there (9.2.3.27): PID, DCS and user data; None of `pi` means no TP-PI."""

    pi: int | None = None
    pi_ext: bytes = b""
    pid: int | None = None

    @property
    def has_dcs(self) -> bool:
        """TP-DCS is present."""
        return bool((self.pi or 0) & _PI_DCS)

    @property
    def has_user_data(self) -> bool:
        """TP-UDL is present."""
        return bool((self.pi or 0) & _PI_UDL)

    def _indicator(self) -> bytes:
        return b"" if self.pi is None else bytes((self.pi,)) + self.pi_ext

    def _optional(self) -> bytes:
        pi = self.pi or 0
        out = bytes((self.pid or 0,)) if pi & _PI_PID else b""
        out += bytes((self.dcs,)) if pi & _PI_DCS else b""
        return out + (self._user_data() if pi & _PI_UDL else b"")


def _read_indicator(octets: bytes, at: int) -> tuple[int, bytes, int]:
    """(TP-PI, its extension octets, offset behind); bit 7 means that another octet follows."""
    pi = _octet(octets, at, "TP-PI")
    at += 1
    begin, more = at, pi
    while more & _PI_MORE:
        more = _octet(octets, at, "TP-PI")
        at += 1
    return pi, octets[begin:at], at


def _read_optional(
    octets: bytes, at: int, pi: int, udhi: int
) -> tuple[int | None, int, bytes, bytes, int]:
    """(pid, dcs, udh, ud, udl) as TP-PI says; UDL without DCS means DCS 0."""
    pid, dcs, udh, ud, udl = None, 0, b"", b"", 0
    if pi & _PI_PID:
        pid = _octet(octets, at, "TP-PID")
        at += 1
    if pi & _PI_DCS:
        dcs = _octet(octets, at, "TP-DCS")
        at += 1
    if pi & _PI_UDL:
        udh, ud, udl, at = _read_user_data(octets, at, dcs, udhi)
    return pid, dcs, udh, ud, udl


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport(_Optional):
    """SMS-STATUS-REPORT, 9.2.2.3. `udhi` stands alone: it may be set without user data."""

    mr: int
    ra: Address
    scts: TimeStamp
    dt: TimeStamp
    status: int
    more_messages: bool = False
    lp: bool = False
    srq: bool = False
    udhi: bool = False

    def build(self) -> bytes:
        """The octets."""
        first = 0x02 | (0 if self.more_messages else 0x04) | (0x08 if self.lp else 0)
        first |= (0x20 if self.srq else 0) | (0x40 if self.udhi or self.udh else 0)
        head = bytes((first, self.mr)) + self.ra.build() + self.scts.octets + self.dt.octets
        return head + bytes((self.status,)) + self._indicator() + self._optional()


def _status_report(octets: bytes) -> StatusReport:
    first = octets[0]
    mr = _octet(octets, 1, "TP-MR")
    ra, at = parse_address(octets, 2, "TP-RA")
    scts, at = parse_stamp(octets, at, "TP-SCTS")
    dt, at = parse_stamp(octets, at, "TP-DT")
    status = _octet(octets, at, "TP-ST")
    at += 1
    pi: int | None = None
    ext, pid, dcs, udh, ud, udl = b"", None, 0, b"", b"", 0
    if at < len(octets) and octets[at] != _SIM_PADDING:
        pi, ext, at = _read_indicator(octets, at)
        pid, dcs, udh, ud, udl = _read_optional(octets, at, pi, first & 0x40)
    return StatusReport(
        mr=mr,
        ra=ra,
        scts=scts,
        dt=dt,
        status=status,
        pi=pi,
        pi_ext=ext,
        pid=pid,
        dcs=dcs,
        udh=udh,
        ud=ud,
        udl=udl,
        more_messages=not first & 0x04,
        lp=bool(first & 0x08),
        srq=bool(first & 0x20),
        udhi=bool(first & 0x40),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport(_Optional):
    """SMS-SUBMIT-REPORT, 9.2.2.2a; `fcs` is present in an RP-ERROR only."""

    fcs: int | None = None
    scts: TimeStamp
    udhi: bool = False

    def build(self) -> bytes:
        """The octets."""
        first = 0x01 | (0x40 if self.udhi or self.udh else 0)
        head = bytes((first,)) + (b"" if self.fcs is None else bytes((self.fcs,)))
        return head + self._indicator() + self.scts.octets + self._optional()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport(_Optional):
    """SMS-DELIVER-REPORT, 9.2.2.1a; `fcs` is present in an RP-ERROR only."""

    fcs: int | None = None
    udhi: bool = False

    def build(self) -> bytes:
        """The octets."""
        first = 0x40 if self.udhi or self.udh else 0
        head = bytes((first,)) + (b"" if self.fcs is None else bytes((self.fcs,)))
        return head + self._indicator() + self._optional()


def _submit_report(octets: bytes, *, rp_error: bool) -> SubmitReport:
    fcs, at = (_octet(octets, 1, "TP-FCS"), 2) if rp_error else (None, 1)
    pi, ext, at = _read_indicator(octets, at)
    scts, at = parse_stamp(octets, at, "TP-SCTS")
    pid, dcs, udh, ud, udl = _read_optional(octets, at, pi, octets[0] & 0x40)
    return SubmitReport(
        fcs=fcs, pi=pi, pi_ext=ext, scts=scts, pid=pid, dcs=dcs, udh=udh, ud=ud, udl=udl,
        udhi=bool(octets[0] & 0x40),
    )  # fmt: skip


def _deliver_report(octets: bytes, *, rp_error: bool) -> DeliverReport:
    fcs, at = (_octet(octets, 1, "TP-FCS"), 2) if rp_error else (None, 1)
    pi, ext, at = _read_indicator(octets, at)
    pid, dcs, udh, ud, udl = _read_optional(octets, at, pi, octets[0] & 0x40)
    return DeliverReport(
        fcs=fcs, pi=pi, pi_ext=ext, pid=pid, dcs=dcs, udh=udh, ud=ud, udl=udl,
        udhi=bool(octets[0] & 0x40),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """SMS-COMMAND, 9.2.2.4: TP-CT, TP-MN and TP-CD; a header stands in TP-CD where `udhi`."""

    mr: int
    pid: int = 0
    ct: int
    mn: int
    da: Address
    data: bytes = b""
    srr: bool = False
    udhi: bool = False

    @property
    def _header_end(self) -> int:
        return 1 + self.data[0] if self.udhi and self.data else 0

    @property
    def header(self) -> Udh:
        """The user data header of TP-CD."""
        return parse_udh(self.data[: self._header_end])

    @property
    def payload(self) -> bytes:
        """TP-CD behind the header."""
        return self.data[self._header_end :]

    def build(self) -> bytes:
        """The octets."""
        first = 0x02 | (0x20 if self.srr else 0) | (0x40 if self.udhi else 0)
        head = bytes((first, self.mr, self.pid, self.ct, self.mn)) + self.da.build()
        return head + bytes((len(self.data),)) + self.data


def _command(octets: bytes) -> Command:
    mr, pid, ct, mn = (
        _octet(octets, at, field)
        for at, field in enumerate(("TP-MR", "TP-PID", "TP-CT", "TP-MN"), start=1)
    )
    da, at = parse_address(octets, 5, "TP-DA")
    length = _octet(octets, at, "TP-CDL")
    data = octets[at + 1 : at + 1 + length]
    if len(data) < length:
        raise CodecError("TP-CD", len(octets), f"{length} octets needed, {len(data)} present")
    first = octets[0]
    if first & 0x40 and data and data[0] >= length:
        raise CodecError("TP-CD.udh", at + 1, f"{data[0]} octets run past the command data")
    return Command(mr=mr, pid=pid, ct=ct, mn=mn, da=da, data=data,
                   srr=bool(first & 0x20), udhi=bool(first & 0x40))  # fmt: skip


Tpdu = Deliver | Submit | StatusReport | SubmitReport | DeliverReport | Command


def parse_tpdu(octets: bytes, direction: Direction, *, rp_error: bool = False) -> Tpdu:
    """The TPDU of `octets`; CodecError(field, offset) when it cannot be read.

    `rp_error` says that a report stood in an RP-ERROR: the octets alone do not tell. Type 3 towards
    the mobile is read as SMS-DELIVER (9.2.3.1).
    """
    if not octets:
        raise CodecError("TP-MTI", 0, "is missing")
    mti = octets[0] & 3
    if direction is Direction.MT:
        if mti == 1:
            return _submit_report(octets, rp_error=rp_error)
        return _status_report(octets) if mti == 2 else _deliver(octets)
    if mti == 0:
        return _deliver_report(octets, rp_error=rp_error)
    if mti == 1:
        return _submit(octets)
    if mti == 2:
        return _command(octets)
    raise CodecError("TP-MTI", 0, "type 3 from the mobile is reserved")
