"""The SMS-SUBMIT of a segment, as it goes out at a moment.

May import codec and L0. Its validity and flags depend on that moment, so it is built then.
"""

from __future__ import annotations

from airpost.clock import SECOND_US
from airpost.codec.address import Address
from airpost.codec.times import TimeStamp, ValidityPeriod
from airpost.codec.tpdu import Submit
from airpost.codec.udh import stamp_reference
from airpost.model import Claimed

KEPT = 16  # of one modem: more are never prepared at a time
SHORTEST_RELATIVE_S = 300  # below, only an absolute TP-VP does not live longer than asked


class Composer:
    """Builds for one modem: each is built when it is prepared, and the same once it begins."""

    def __init__(self) -> None:
        self._built: dict[int, tuple[Claimed, bytes, bytes]] = {}  # by segment, with its TP-VP

    def build(self, segment: Claimed, now: int) -> bytes:
        """The TPDU of a segment at instant `now`; CodecError when it cannot be built.

        TP-VP is what is left until `expires_at`, rounded down; below five minutes it is absolute.
        TP-RD is set on a resend, so that the SMSC may reject what it has (TS 23.040 9.2.3.25).
        """
        period = _period(segment, now)
        before = self._built.get(segment.segment_id)
        if before is not None and before[0] is segment and before[1] == period.octets:
            return before[2]
        tpdu = Submit(
            da=Address.from_number(segment.to),
            pid=segment.body.pid,
            dcs=segment.body.dcs,
            vp=period,
            rd=segment.resends > 0,
            srr=segment.want_report,
            udh=stamp_reference(segment.body.udh, segment.concat_ref),
            ud=segment.body.ud,
            udl=segment.body.udl,
        ).build()
        self._built[segment.segment_id] = segment, period.octets, tpdu
        if len(self._built) > KEPT:
            del self._built[next(iter(self._built))]
        return tpdu


def _period(segment: Claimed, now: int) -> ValidityPeriod:
    left_s = (segment.expires_at - now) // SECOND_US
    if left_s >= SHORTEST_RELATIVE_S:
        return ValidityPeriod.relative(left_s)
    return ValidityPeriod.absolute(TimeStamp.from_instant(segment.expires_at))
