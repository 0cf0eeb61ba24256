"""One segment: the AT+CMGS dialogue, and the Outcome it has. Exceptions become outcomes here only.

May import at, codec, L0 and session. The TPDU is built at this moment, because its validity and
flags depend on it. `AT+CMGS` goes out first, the intent is committed while the prompt is on its
way, and the PDU follows when both are there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from airpost.at.command import Priority, send_pdu
from airpost.at.events import Dropped, Final, Reply, Stuck, WriteNow
from airpost.at.messages import reference
from airpost.clock import SECOND_US, Clock
from airpost.codec.address import Address
from airpost.codec.causes import Phase, classify
from airpost.codec.pdu import build_pdu
from airpost.codec.times import TimeStamp, ValidityPeriod
from airpost.codec.tpdu import Submit
from airpost.codec.udh import stamp_reference
from airpost.errors import CodecError, Desynced, PortError, StoreUnavailable
from airpost.model import Claimed
from airpost.modem.api import CommitIntent, SendResult
from airpost.modem.profile import Timing
from airpost.modem.session import Session, failed
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.tasks import spawn

log = logging.getLogger("airpost.sender")

CTRL_Z = b"\x1a"
PROMPT_S = 10.0  # from AT+CMGS to the prompt; 8 s are on record
PROBE_EVERY_S = 5.0
SHORTEST_RELATIVE_S = 300  # below, only an absolute TP-VP does not live longer than asked
STILL_SENDING = Outcome(
    cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code="patience",
    text="no answer yet; the modem is still sending",
)  # fmt: skip
WITHDRAWN = Outcome(
    cls=OutcomeClass.TRANSIENT, scope=Scope.MESSAGE, code="withdrawn",
    text="cancelled or expired before it went out",
)  # fmt: skip


def _modem(cls: OutcomeClass, code: str, text: str) -> Outcome:
    return Outcome(cls=cls, scope=Scope.MODEM, code=code, text=text)


def build_tpdu(segment: Claimed, now: int) -> bytes:
    """The SMS-SUBMIT of a segment at instant `now`; CodecError when it cannot be built.

    TP-VP is what is left until `expires_at`, rounded down; below five minutes it is absolute.
    TP-RD is set on a resend, so that the SMSC may reject what it has already (TS 23.040 9.2.3.25).
    """
    left_s = (segment.expires_at - now) // SECOND_US
    if left_s >= SHORTEST_RELATIVE_S:
        period = ValidityPeriod.relative(left_s)
    else:
        period = ValidityPeriod.absolute(TimeStamp.from_instant(segment.expires_at))
    body = segment.body
    return Submit(
        da=Address.from_number(segment.to),
        pid=body.pid,
        dcs=body.dcs,
        vp=period,
        rd=segment.resends > 0,
        srr=segment.want_report,
        udh=stamp_reference(body.udh, segment.concat_ref),
        ud=body.ud,
        udl=body.udl,
    ).build()


@dataclass(slots=True, kw_only=True)
class _Air:
    """When the PDU was handed over, in seconds of the clock's `mono()`."""

    begun_s: float | None = None


class Sender:
    """Sends over one session. One segment at a time."""

    def __init__(self, session: Session, clock: Clock, timing: Timing) -> None:
        self._session = session
        self._clock = clock
        self._timing = timing

    async def send(
        self,
        segment: Claimed,
        commit: CommitIntent,
        patience_s: float,
        impatient: Callable[[SendResult], None],
    ) -> SendResult:
        """The whole dialogue, to its very end.

        `impatient` is called once, `patience_s` after the PDU, when there is no answer by then; the
        dialogue goes on. Raises StoreUnavailable of `commit` and nothing else.
        """
        air = _Air()
        try:
            tpdu = build_tpdu(segment, self._clock.now())
        except CodecError as error:
            return self._result(
                air,
                Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="codec",
                        text=f"cannot be built: {error}"),
            )  # fmt: skip
        try:
            async with self._session.turn(Priority.SEND):
                return await self._dialogue(air, tpdu, commit, patience_s, impatient)
        except Desynced as error:
            return self._result(air, self._lost(air, "desync", str(error)))
        except PortError as error:
            return self._result(air, self._lost(air, "port lost", error.reason))

    def _lost(self, air: _Air, code: str, reason: str) -> Outcome:
        unknown = air.begun_s is not None
        cls = OutcomeClass.UNKNOWN if unknown else OutcomeClass.TRANSIENT
        return _modem(cls, code, reason)

    def _result(self, air: _Air, outcome: Outcome, mr: int | None = None) -> SendResult:
        begun_s = air.begun_s
        return SendResult(
            begun=begun_s is not None,
            outcome=outcome,
            mr=mr,
            air_s=0.0 if begun_s is None else self._clock.mono() - begun_s,
        )

    async def _dialogue(
        self,
        air: _Air,
        tpdu: bytes,
        commit: CommitIntent,
        patience_s: float,
        impatient: Callable[[SendResult], None],
    ) -> SendResult:
        session = self._session
        pdu, length = build_pdu(tpdu)
        command = send_pdu(length, self._timing.cmgs_s, PROMPT_S)
        session.begin(command)
        intent = spawn(_intended(commit, tpdu), name="intent")
        try:
            refused = await self._prompt()
        finally:
            if not intent.done():  # whatever the modem does, a commit is never cut
                await asyncio.wait([intent])
        allowed = intent.result()
        if refused is not None:
            return self._result(air, refused)
        if allowed is not True:
            session.give_up()
            await session.resync()
            if isinstance(allowed, StoreUnavailable):
                raise allowed
            return self._result(air, WITHDRAWN)
        session.payload(pdu.encode("ascii") + CTRL_Z)
        air.begun_s = self._clock.mono()
        return await self._wait(air, air.begun_s, patience_s, impatient)

    async def _prompt(self) -> Outcome | None:
        """Wait for the prompt; why the modem did not give one, or None when it did."""
        event = await self._session.event(PROMPT_S)
        if isinstance(event, WriteNow):
            return None
        if isinstance(event, Reply):
            if event.final.ok:
                self._session.doubt()  # the prompt may still come, and swallow what is written
                return _modem(OutcomeClass.TRANSIENT, "no prompt", "said OK instead of asking")
            return _judged(event.final, Phase.BEFORE_PDU)
        self._session.give_up()
        await self._session.resync()
        return _modem(OutcomeClass.TRANSIENT, "no prompt", f"no prompt within {PROMPT_S:g} s")

    async def _wait(
        self,
        air: _Air,
        begun_s: float,
        patience_s: float,
        impatient: Callable[[SendResult], None],
    ) -> SendResult:
        """Three clocks after Ctrl-Z: patience of the message, probes of the line, the limit."""
        session, timing, mono = self._session, self._timing, self._clock.mono
        patient_until: float | None = begun_s + patience_s
        probe_at = begun_s + timing.probe_s if timing.probe_s else None
        limit = begun_s + timing.cmgs_s
        while True:
            due = min(at for at in (patient_until, probe_at, limit) if at is not None)
            event = await session.event(max(0.0, due - mono()))
            match event:
                case Reply():
                    return self._answered(air, event)
                case Dropped():
                    words = "the modem has forgotten the message; it may have gone out"
                    return self._result(air, _modem(OutcomeClass.UNKNOWN, "dropped", words))
                case Stuck():
                    session.give_up()
                    await session.resync()
                    words = "the modem still asked for the text: it has not taken it"
                    return self._result(air, _modem(OutcomeClass.TRANSIENT, "stuck", words))
            now = mono()
            if now >= limit:
                break
            if patient_until is not None and now >= patient_until:
                patient_until = None
                impatient(self._result(air, STILL_SENDING))
            if probe_at is not None and now >= probe_at:
                probe_at += PROBE_EVERY_S
                session.probe()
        session.give_up()
        outcome = _modem(OutcomeClass.UNKNOWN, "timeout", f"no answer within {timing.cmgs_s:g} s")
        result = self._result(air, outcome)
        try:
            await session.resync()
        except (Desynced, PortError) as error:
            log.info("sender.lost_after_timeout %s", error)
        return result

    def _answered(self, air: _Air, reply: Reply) -> SendResult:
        if not reply.final.ok:
            return self._result(air, _judged(reply.final, Phase.AFTER_PDU))
        return self._result(air, SENT, reference(reply.lines))


async def _intended(commit: CommitIntent, tpdu: bytes) -> bool | StoreUnavailable:
    try:
        return await commit(tpdu)
    except StoreUnavailable as error:
        return error


def _judged(final: Final, phase: Phase) -> Outcome:
    error = failed(final)
    return classify(error.kind, error.code, error.text, phase)


def late_result(line: str | None, final: Final | None) -> tuple[int | None, Outcome]:
    """TP-MR and outcome of an answer that came after its dialogue was given up."""
    if final is not None:
        return None, _judged(final, Phase.AFTER_PDU)
    return reference((line or "",)), SENT
