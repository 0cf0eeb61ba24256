"""One segment: the AT+CMGS dialogue, and the Outcome it has. Exceptions become outcomes here only.

May import at, codec, L0 and session. The TPDU is built at this moment, because its validity and
flags depend on it. `AT+CMGS` goes out first, the intent is committed while the prompt is on its
way, or was before, and the PDU follows when both are there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from airpost.at.command import Command, Priority, send_pdu
from airpost.at.events import Dropped, Final, FinalKind, Late, Reply, Stuck, WriteNow
from airpost.at.messages import reference
from airpost.clock import SECOND_US, Clock
from airpost.codec.address import Address
from airpost.codec.causes import Phase, classify
from airpost.codec.pdu import build_pdu
from airpost.codec.times import TimeStamp, ValidityPeriod
from airpost.codec.tpdu import Submit
from airpost.codec.udh import stamp_reference
from airpost.errors import CodecError, Desynced, PortError, StoreUnavailable
from airpost.model import Claimed, MessageClass, SegmentBody
from airpost.modem.api import CommitIntent, SendResult
from airpost.modem.health import NO_PROMPT
from airpost.modem.owed import REFERENCES, Owed, Whose
from airpost.modem.profile import Timing
from airpost.modem.refusals import failed
from airpost.modem.session import Session
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope

log = logging.getLogger("airpost.sender")

CTRL_Z = b"\x1a"
PROMPT_S = 10.0  # from AT+CMGS to the prompt; 8 s are on record
PROBE_EVERY_S = 5.0
SCRAPS = 3  # probes of one message that were answered by what is no answer, until it is told
AT_ONCE_S = 0.5  # an ERROR so soon after the text comes from no network
INVALID_PDU = 304  # what is built here is valid: something of it was lost, or the prompt was
URGENT_CLASSES = frozenset({MessageClass.OTP, MessageClass.ALARM})
TRIES = 3  # until it is believed all the same
LATE_S = 60.0  # beyond the limit of a message whose answer has not come
LISTEN_S = 15.0  # after an answer that may be an earlier message's, until the modem is asked
SHORTEST_RELATIVE_S = 300  # below, only an absolute TP-VP does not live longer than asked
UNANSWERED = frozenset({"port lost", "desync", "dropped", "timeout", "whose"})  # codes, once begun
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
    return _submit(
        segment.to, segment.body, period, segment.concat_ref,
        rd=segment.resends > 0, srr=segment.want_report,
    )  # fmt: skip


@lru_cache(maxsize=512)  # each is built when it is prepared, and once more when it begins
def _submit(
    to: str, body: SegmentBody, period: ValidityPeriod, concat_ref: int, *, rd: bool,
    srr: bool,
) -> bytes:  # fmt: skip
    return Submit(
        da=Address.from_number(to),
        pid=body.pid,
        dcs=body.dcs,
        vp=period,
        rd=rd,
        srr=srr,
        udh=stamp_reference(body.udh, concat_ref),
        ud=body.ud,
        udl=body.udl,
    ).build()


def composed(segment: Claimed, now: int) -> bytes | None:
    """As `build_tpdu`; None when it cannot be built."""
    try:
        return build_tpdu(segment, now)
    except CodecError:
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the modem said to a message."""

    mr: int | None
    final: Final


@dataclass(slots=True, kw_only=True)
class _Air:
    """Ctrl-Z and the three clocks that run from it, in seconds of the clock's `mono()`."""

    tried: int = 0  # times before this one
    begun_s: float | None = None
    prompt_s: float | None = None  # it took
    patient_until: float | None = None
    probe_at: float | None = None
    limit: float = 0.0
    unanswered: int = 0  # probes
    noise: int = 0  # lines of it that had come when the last probe went out
    scraps: int = 0
    heard: _Answer | None = None  # which may be an earlier message's: listening for a further one
    heard_s: float | None = None
    astray: int | None = None  # the reference of an answer that was not this message's


class Sender:
    """Sends over one session. One segment at a time.

    `garbled` is called when only pieces of answers come while a message is on the air, `earlier`
    with what became of the message before whose answer was still owed.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        timing: Timing,
        owed: Owed,
        garbled: Callable[[], None] = lambda: None,
        earlier: Callable[[int | None, Outcome], None] = lambda _mr, _outcome: None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._timing = timing
        self._garbled = garbled
        self._earlier = earlier
        self._air = _Air()
        self.command: Command | None = None  # of the newest dialogue
        self._owed = owed

    async def send(self, segment: Claimed, commit: CommitIntent, patience_s: float) -> SendResult:
        """The dialogue, to its end or to `patience_s` after the PDU, whichever comes first.

        In the latter case the outcome is STILL_SENDING, the modem stays on the dialogue, and
        `rest()` must be awaited next. Raises StoreUnavailable of `commit` and nothing else.
        """
        self._air = _Air()
        self.command = None
        try:
            tpdu = build_tpdu(segment, self._clock.now())
        except CodecError as error:
            return self._result(
                Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="codec",
                        text=f"cannot be built: {error}"),
            )  # fmt: skip
        try:
            urgent = segment.class_ in URGENT_CLASSES
            await self._session.enter(Priority.URGENT if urgent else Priority.SEND)
        except (Desynced, PortError) as error:
            return self._lost(error)
        return await self._judged_turn(self._dialogue(segment, tpdu, commit, patience_s))

    async def rest(self) -> SendResult:
        """The end of a dialogue that was STILL_SENDING."""
        return await self._judged_turn(self._wait())

    async def _judged_turn(self, work: Coroutine[Any, Any, SendResult]) -> SendResult:
        """The result of `work`, where a lost modem is one too; the turn ends with the dialogue."""
        result: SendResult | None = None
        try:
            result = await work
        except (Desynced, PortError) as error:
            result = self._lost(error)
        finally:
            if result is None or result.outcome is not STILL_SENDING:
                self._session.leave()
        return result

    def _lost(self, error: Desynced | PortError) -> SendResult:
        unknown = self._air.begun_s is not None
        if unknown:
            self._owe()
        cls = OutcomeClass.UNKNOWN if unknown else OutcomeClass.TRANSIENT
        if isinstance(error, PortError):
            return self._result(_modem(cls, "port lost", error.reason))
        return self._result(_modem(cls, "desync", str(error)))

    def _result(self, outcome: Outcome, mr: int | None = None) -> SendResult:
        begun_s = self._air.begun_s
        return SendResult(
            begun=begun_s is not None,
            outcome=outcome,
            mr=mr,
            air_s=0.0 if begun_s is None else self._ended_s() - begun_s,
            prompt_s=self._air.prompt_s,
        )

    def _ended_s(self) -> float:
        """When it was answered, or now."""
        heard_s = self._air.heard_s
        return self._clock.mono() if heard_s is None else heard_s

    async def _dialogue(
        self, segment: Claimed, tpdu: bytes, commit: CommitIntent, patience_s: float
    ) -> SendResult:
        session, timing = self._session, self._timing
        pdu, length = build_pdu(tpdu)
        try:
            intent = commit(tpdu)
            self.command = send_pdu(length, timing.cmgs_s, PROMPT_S)
            asked_s = self._clock.mono()
            session.begin(self.command)
            refused = await self._prompt()
            prompt_s = self._clock.mono() - asked_s
            allowed = refused is None and (await intent).attempt_id is not None
        except StoreUnavailable:
            await self._take_back()
            raise
        if refused is not None:
            return replace(self._result(refused), refused=refused.code != NO_PROMPT)
        if not allowed:
            await self._take_back()
            return self._result(WITHDRAWN)
        if not session.asks_for_text:  # while the intent was committed it has ended the prompt
            session.doubt()
            return self._result(await self._prompt() or WITHDRAWN)
        session.payload(pdu.encode("ascii") + CTRL_Z)
        begun_s = self._clock.mono()
        self._air = _Air(
            tried=segment.attempts,
            begun_s=begun_s,
            prompt_s=prompt_s,
            patient_until=begun_s + patience_s,
            probe_at=begun_s + timing.probe_s if timing.probe_s else None,
            limit=begun_s + timing.cmgs_s,
        )
        self._owed.since += 1
        return await self._wait()

    async def _take_back(self) -> None:
        """Leave the prompt without a message."""
        self._session.give_up()
        await self._session.resync()

    async def _prompt(self) -> Outcome | None:
        """Wait for the prompt; why the modem did not give one, or None when it did."""
        event = await self._session.event(PROMPT_S)
        if isinstance(event, WriteNow):
            return None
        if isinstance(event, Reply):
            if event.final.ok:
                self._session.doubt()  # the prompt may still come, and swallow what is written
                return _modem(OutcomeClass.TRANSIENT, NO_PROMPT, "said OK instead of asking")
            return _judged(event.final, Phase.BEFORE_PDU)
        await self._take_back()
        return _modem(OutcomeClass.TRANSIENT, NO_PROMPT, f"no prompt within {PROMPT_S:g} s")

    async def _wait(self) -> SendResult:
        """Three clocks after Ctrl-Z: patience of the message, probes of the line, the limit."""
        session, air, mono = self._session, self._air, self._clock.mono
        while True:
            due = min(at for at in (air.patient_until, air.probe_at, air.limit) if at is not None)
            event = await session.event(max(0.0, due - mono()))
            match event:
                case Reply():
                    final = event.final
                    answer = _Answer(reference(event.lines) if final.ok else None, final)
                    if (result := self._heard(answer)) is not None:
                        return result
                    session.again(event.command)
                    continue
                case Dropped():
                    if air.heard is not None or air.astray is not None:
                        return self._whose()
                    self._owe()
                    words = "the modem has forgotten the message; it may have gone out"
                    return self._result(_modem(OutcomeClass.UNKNOWN, "dropped", words))
                case Stuck():
                    await self._take_back()
                    words = "the modem still asked for the text: it has not taken it"
                    return self._result(_modem(OutcomeClass.TRANSIENT, "stuck", words))
            now = mono()
            if now >= air.limit:
                break
            if air.probe_at is not None and now >= air.probe_at:
                air.probe_at += PROBE_EVERY_S
                self._probe()
            if air.patient_until is not None and now >= air.patient_until:
                air.patient_until = None
                return self._result(STILL_SENDING)
        session.give_up()
        if air.heard is not None and air.probe_at is None:
            result = self._whose()
        else:
            limit_s = self._timing.cmgs_s
            self._owe()
            words = f"no answer within {limit_s:g} s"
            result = self._result(_modem(OutcomeClass.UNKNOWN, "timeout", words))
        try:
            await session.resync()
        except (Desynced, PortError) as error:
            log.info("sender.lost_after_timeout %s", error)
        return result

    def _probe(self) -> None:
        """Ask whether the modem still sends. Pieces of an answer say that the rest got lost."""
        session, air = self._session, self._air
        noise, unanswered = session.noise, session.probe()
        if unanswered > air.unanswered > 0 and noise > air.noise:
            air.scraps += 1
            if air.scraps == SCRAPS:
                self._garbled()
        air.unanswered, air.noise = unanswered, noise if air.heard is None else air.noise

    def _heard(self, answer: _Answer) -> SendResult | None:
        """What an answer makes of the message; None where its own may still come."""
        air, owed, now = self._air, self._owed, self._clock.mono()
        whose = owed.whose(answer.mr, now)
        if whose is Whose.EARLIER:
            if owed.owing(now) and owed.is_awaited(answer.mr):
                self._credit(answer)
            elif air.astray is None:
                air.astray = answer.mr
            return None
        if whose is Whose.NEWEST or self._at_once(answer.final, now):
            if air.heard is not None and owed.is_awaited(air.heard.mr):
                self._credit(air.heard)
            air.heard = air.heard_s = None
            return self._answered(answer)
        if air.heard is None:
            self._listen(answer)
            return None
        return self._one_of_two(air.heard, answer)

    def _listen(self, answer: _Answer) -> None:
        """Wait on: what else is said decides, or that the modem has nothing more to do."""
        air = self._air
        air.heard, air.heard_s = answer, self._clock.mono()
        asked_s = air.heard_s + LISTEN_S
        if air.probe_at is None:
            air.limit = min(air.limit, asked_s)
        else:
            air.probe_at = asked_s
        air.noise = self._session.noise

    def _one_of_two(self, first: _Answer, second: _Answer) -> SendResult | None:
        """Two answers, each of which may be either's: references are counted up."""
        if first.mr is None or second.mr is None:
            if not (first.final.ok and second.final.ok):
                self._owed.paid()
                return self._unclear()
        elif (second.mr - first.mr) % REFERENCES > REFERENCES // 2:
            first, second = second, first
        if self._owed.count > 1:
            self._listen(second)
            return None
        self._credit(first)
        self._air.heard = None
        return self._answered(second)

    def _credit(self, answer: _Answer) -> None:
        """The one answer that was owed."""
        self._owed.paid()
        outcome = SENT if answer.final.ok else _judged(answer.final, Phase.AFTER_PDU)
        self._earlier(answer.mr, outcome)

    def _whose(self) -> SendResult:
        """The modem has nothing more to say, and has not said what must be this message's."""
        air, owed = self._air, self._owed
        if air.heard is not None and owed.count <= 1 and self._session.noise <= air.noise:
            return self._answered(air.heard)
        told = air.astray if air.heard is None else air.heard.mr
        if told is not None and (air.heard is None or not owed.counted):
            owed.recount(told)  # so that the next one can be told again
        owed.count += 1
        return self._unclear()

    def _unclear(self) -> SendResult:
        words = "an answer came that may be that of an earlier message"
        return self._result(_modem(OutcomeClass.UNKNOWN, "whose", words))

    def _answered(self, answer: _Answer) -> SendResult:
        mr, final = answer.mr, answer.final
        if mr is not None:
            self._owed.told(mr)
        if final.ok:
            return self._result(SENT, mr)
        outcome = _judged(final, Phase.AFTER_PDU)
        if self._not_taken(final):
            self._session.doubt()  # it may have been taken for commands, each with its answer
            words = "the modem did not take the text as it was written"
            outcome = replace(outcome, cls=OutcomeClass.TRANSIENT, text=words)
        return self._result(outcome)

    def settles(self, late: Late) -> tuple[int | None, Outcome] | None:
        """What became of the message that is open, by a late answer; None where nobody can tell."""
        owed = self._owed
        mr, outcome = late_result(late.line, late.final)
        if owed.count > 1:
            return (mr, outcome) if owed.is_newest(mr) else None
        owed.paid()
        return mr, outcome

    def _owe(self) -> None:
        self._owed.owe(self._clock.mono(), self._air.limit + LATE_S)

    def _at_once(self, final: Final, now: float) -> bool:
        """True for an error of what was typed just now: none that comes late has that code."""
        assert self._air.begun_s is not None
        told = final.kind is FinalKind.ERROR or (final.kind, final.code) == (
            FinalKind.CMS,
            INVALID_PDU,
        )
        return told and now - self._air.begun_s < AT_ONCE_S

    def _not_taken(self, final: Final) -> bool:
        """True where what was typed has not become a message (`modems.md` fault 11)."""
        air = self._air
        if final.kind is FinalKind.ERROR and air.begun_s is not None:
            return self._ended_s() - air.begun_s < AT_ONCE_S
        return (final.kind, final.code) == (FinalKind.CMS, INVALID_PDU) and air.tried + 1 < TRIES


def _judged(final: Final, phase: Phase) -> Outcome:
    error = failed(final)
    return classify(error.kind, error.code, error.text, phase)


def late_result(line: str | None, final: Final | None) -> tuple[int | None, Outcome]:
    """TP-MR and outcome of an answer that came after its dialogue was given up."""
    if final is not None:
        return None, _judged(final, Phase.AFTER_PDU)
    return reference((line or "",)), SENT
