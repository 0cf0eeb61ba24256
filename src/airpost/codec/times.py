"""Time stamps and validity periods, TS 23.040 9.2.3.11 and 9.2.3.12.

Pure: no clock. The octets are always kept; what they mean is worked out on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from airpost.codec.semioctets import decimal
from airpost.errors import CodecError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STAMP_OCTETS = 7


def _bcd(value: int) -> int:
    return value % 10 << 4 | value // 10


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """Seven octets: year, month, day, hour, minute, second, zone in quarter hours with a sign bit.

    The two-digit year is always 20yy: there were no modems of ours in the century before.
    """

    octets: bytes

    @classmethod
    def from_instant(cls, instant_us: int, offset_quarters: int = 0) -> TimeStamp:
        """The stamp of UTC microseconds in a zone of quarter hours, -79 to 79."""
        if not -79 <= offset_quarters <= 79:
            raise CodecError("TP-SCTS", 6, f"a zone of {offset_quarters} quarter hours")
        local = _EPOCH + timedelta(microseconds=instant_us, minutes=15 * offset_quarters)
        if not 2000 <= local.year <= 2099:
            raise CodecError("TP-SCTS", 0, f"the year {local.year} has no two digits")
        fields = (local.year % 100, local.month, local.day, local.hour, local.minute, local.second)
        zone = _bcd(abs(offset_quarters)) | (0x08 if offset_quarters < 0 else 0)
        return cls(bytes([*map(_bcd, fields), zone]))

    @property
    def bad_digit(self) -> bool:
        """True when a semi-octet above 9 was taken as 0."""
        zone = self.octets[6] & 0xF7
        return any(decimal(each)[1] for each in (*self.octets[:6], zone))

    @property
    def offset_quarters(self) -> int:
        """The zone in quarter hours; the sign is bit 3 of the octet as sent."""
        quarters, _ = decimal(self.octets[6] & 0xF7)
        return -quarters if self.octets[6] & 0x08 else quarters

    @property
    def moment(self) -> datetime | None:
        """The time with its zone; None when the octets are no date, such as all zero."""
        year, month, day, hour, minute, second = (decimal(each)[0] for each in self.octets[:6])
        zone = timezone(timedelta(minutes=15 * self.offset_quarters))
        try:
            return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
        except ValueError:
            return None

    @property
    def iso(self) -> str | None:
        """ISO 8601 with the offset."""
        moment = self.moment
        return None if moment is None else moment.isoformat()

    @property
    def instant_us(self) -> int | None:
        """UTC microseconds since 1970."""
        moment = self.moment
        if moment is None:
            return None
        delta = moment - _EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000


def parse_stamp(octets: bytes, at: int, field: str) -> tuple[TimeStamp, int]:
    """The time stamp at `at`, and the offset behind it."""
    end = at + STAMP_OCTETS
    if end > len(octets):
        raise CodecError(field, len(octets), "a time stamp has seven octets")
    return TimeStamp(octets[at:end]), end


class ValidityFormat(IntEnum):
    """TP-VPF, 9.2.3.3."""

    NONE = 0
    ENHANCED = 1
    RELATIVE = 2
    ABSOLUTE = 3


_LENGTHS = {ValidityFormat.ENHANCED: 7, ValidityFormat.RELATIVE: 1, ValidityFormat.ABSOLUTE: 7}
_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86_400, 604_800


def relative_seconds(octet: int) -> int:
    """Seconds of a relative validity octet (9.2.3.12.1)."""
    if octet <= 143:
        return (octet + 1) * 5 * _MINUTE
    if octet <= 167:
        return 12 * _HOUR + (octet - 143) * 30 * _MINUTE
    if octet <= 196:
        return (octet - 166) * _DAY
    return (octet - 192) * _WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityPeriod:
    """TP-VP with its format."""

    format: ValidityFormat
    octets: bytes

    @classmethod
    def relative(cls, seconds: float) -> ValidityPeriod:
        """The longest relative period that is not longer than asked; 5 minutes at the least."""
        if seconds >= 5 * _WEEK:
            octet = min(int(seconds // _WEEK), 63) + 192
        elif seconds >= 2 * _DAY:
            octet = min(int(seconds // _DAY), 30) + 166
        elif seconds > 12 * _HOUR:
            octet = min(int((seconds - 12 * _HOUR) // (30 * _MINUTE)), 24) + 143
        else:
            octet = max(int(seconds // (5 * _MINUTE)), 1) - 1
        return _RELATIVE[octet]

    @classmethod
    def absolute(cls, stamp: TimeStamp) -> ValidityPeriod:
        """Until a moment (9.2.3.12.2)."""
        return cls(format=ValidityFormat.ABSOLUTE, octets=stamp.octets)

    @classmethod
    def enhanced(cls, seconds: int, *, single_shot: bool = False) -> ValidityPeriod:
        """1 to 255 s in kind 2; up to 99:59:59 in kind 3 (9.2.3.12.3)."""
        shot = 0x40 if single_shot else 0
        if 0 < seconds <= 255:
            value = bytes((shot | 2, seconds))
        elif 0 < seconds < 100 * _HOUR:
            hours, rest = divmod(seconds, _HOUR)
            value = bytes((shot | 3, _bcd(hours), _bcd(rest // 60), _bcd(rest % 60)))
        else:
            raise CodecError("TP-VP", 0, f"{seconds} s do not fit an enhanced validity period")
        return cls(format=ValidityFormat.ENHANCED, octets=value.ljust(7, b"\0"))

    @property
    def kind(self) -> int:
        """Bits 2 to 0 of the functionality indicator; 0 where the format is not enhanced."""
        return self.octets[0] & 7 if self.format is ValidityFormat.ENHANCED else 0

    @property
    def single_shot(self) -> bool:
        """The SMSC tries once only."""
        return self.format is ValidityFormat.ENHANCED and bool(self.octets[0] & 0x40)

    @property
    def extension(self) -> bool:
        """Further functionality octets follow the first."""
        return self.format is ValidityFormat.ENHANCED and bool(self.octets[0] & 0x80)

    @property
    def stamp(self) -> TimeStamp | None:
        """The moment of an absolute period."""
        return TimeStamp(self.octets) if self.format is ValidityFormat.ABSOLUTE else None

    @property
    def seconds(self) -> int | None:
        """The length of a relative or enhanced period; None where none is stated."""
        if self.format is ValidityFormat.RELATIVE:
            return relative_seconds(self.octets[0])
        if self.format is not ValidityFormat.ENHANCED:
            return None
        at = 1
        while at < 7 and self.octets[at - 1] & 0x80:
            at += 1
        value = self.octets[at:]
        if self.kind == 1 and value:
            return relative_seconds(value[0])
        if self.kind == 2 and value:
            return value[0]
        if self.kind == 3 and len(value) >= 3:
            hours, minutes, seconds = (decimal(each)[0] for each in value[:3])
            return hours * _HOUR + minutes * _MINUTE + seconds
        return None


_RELATIVE = tuple(
    ValidityPeriod(format=ValidityFormat.RELATIVE, octets=bytes((octet,))) for octet in range(256)
)


def parse_validity(octets: bytes, at: int, format_: int) -> tuple[ValidityPeriod | None, int]:
    """TP-VP of TP-VPF `format_` at `at`, and the offset behind it; None for format 0."""
    kind = ValidityFormat(format_)
    if kind is ValidityFormat.NONE:
        return None, at
    end = at + _LENGTHS[kind]
    if end > len(octets):
        raise CodecError("TP-VP", len(octets), f"{_LENGTHS[kind]} octets needed")
    return ValidityPeriod(format=kind, octets=octets[at:end]), end
