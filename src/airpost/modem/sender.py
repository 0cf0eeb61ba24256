"""One segment: the AT+CMGS dialogue, and the Outcome it has. Exceptions become outcomes here only.

May import at, codec, L0 and session. `AT+CMGS` goes out first, the intent is committed while the
prompt is on its way, or was before, and the PDU follows when both are there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

from airpost.at.channel import CTRL_Z
from airpost.at.command import Command, Priority, send_pdu
from airpost.at.events import Dropped, Final, FinalKind, Late, Reply, Stuck, WriteNow
from airpost.at.messages import reference
from airpost.clock import Clock
from airpost.codec.causes import Phase, classify
from airpost.codec.pdu import build_pdu
from airpost.errors import CodecError, Desynced, PortError, StoreUnavailable
from airpost.model import Claimed
from airpost.modem.api import CommitIntent, Committed, SendResult
from airpost.modem.health import NO_PROMPT
from airpost.modem.onair import AT_ONCE_S, Answer, Doubt, OnAir
from airpost.modem.owed import Owed
from airpost.modem.profile import Timing
from airpost.modem.refusals import failed
from airpost.modem.session import DialogueEvent, Session
from airpost.modem.submission import Composer
from airpost.outcome import PORT_LOST, SENT, WHOSE, Outcome, OutcomeClass, Scope

log = logging.getLogger("airpost.sender")

PROMPT_S = 10.0  # from AT+CMGS to the prompt; 8 s are on record
PROBE_EVERY_S = 5.0
TRIES = 3  # until it is believed all the same
LATE_S = 60.0  # beyond the limit of a message whose answer has not come
UNANSWERED = frozenset({PORT_LOST, "desync", "dropped", "timeout", WHOSE})  # codes, once begun
STILL_SENDING = Outcome(
    cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code="patience",
    text="no answer in time; the modem was still sending",
)  # fmt: skip
WITHDRAWN = Outcome(
    cls=OutcomeClass.TRANSIENT, scope=Scope.MESSAGE, code="withdrawn",
    text="cancelled or expired before it went out",
)  # fmt: skip


def _modem(cls: OutcomeClass, code: str, text: str) -> Outcome:
    return Outcome(cls=cls, scope=Scope.MODEM, code=code, text=text)


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
        self._composer = Composer()
        self._air: OnAir | None = None  # from Ctrl-Z of the newest dialogue on
        self._prompt_s: float | None = None  # it took
        self._tried = 0  # times before this one
        self.command: Command | None = None  # of the newest dialogue
        self._owed = owed

    def compose(self, segment: Claimed) -> bytes | None:
        """The TPDU as it would go out now; None when it cannot be built."""
        try:
            return self._composer.build(segment, self._clock.now())
        except CodecError:
            return None

    async def send(self, segment: Claimed, commit: CommitIntent, patience_s: float) -> SendResult:
        """The dialogue, to its end or to `patience_s` after the PDU, whichever comes first.

        In the latter case the outcome is STILL_SENDING, the modem stays on the dialogue, and
        `rest()` must be awaited next. Raises StoreUnavailable of `commit` and nothing else.
        """
        self._air = self._prompt_s = self.command = None
        self._tried = segment.attempts
        try:
            tpdu = self._composer.build(segment, self._clock.now())
        except CodecError as error:
            return self._result(
                Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="codec",
                        text=f"cannot be built: {error}"),
            )  # fmt: skip
        try:
            urgent = segment.class_.urgent
            await self._session.enter(Priority.URGENT if urgent else Priority.SEND)
        except (Desynced, PortError) as error:
            return self._lost(error)
        return await self._judged_turn(self._dialogue(tpdu, commit, patience_s))

    async def rest(self) -> SendResult:
        """The end of a dialogue that was STILL_SENDING."""
        assert self._air is not None
        return await self._judged_turn(self._wait(self._air))

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
        if self._air is not None:
            self._owe(self._air)
        cls = OutcomeClass.TRANSIENT if self._air is None else OutcomeClass.UNKNOWN
        if isinstance(error, PortError):
            return self._result(_modem(cls, PORT_LOST, error.reason))
        return self._result(_modem(cls, "desync", str(error)))

    def _result(self, outcome: Outcome, mr: int | None = None) -> SendResult:
        air = self._air
        return SendResult(
            begun=air is not None,
            outcome=outcome,
            mr=mr,
            air_s=0.0 if air is None else self._ended_s(air) - air.begun_s,
            prompt_s=None if air is None else self._prompt_s,
        )

    def _ended_s(self, air: OnAir) -> float:
        """When it was answered, or now."""
        return self._clock.mono() if air.kept_s is None else air.kept_s

    async def _dialogue(self, tpdu: bytes, commit: CommitIntent, patience_s: float) -> SendResult:
        session, mono = self._session, self._clock.mono
        try:
            intent = commit(tpdu)
            self.command = send_pdu(len(tpdu), self._timing.cmgs_s, PROMPT_S)
            asked_s = mono()
            session.begin(self.command)
            pdu, _ = build_pdu(tpdu)
            octets = pdu.encode("ascii") + CTRL_Z
            if callable(intent):
                session.at_prompt(partial(self._begins, intent, octets, asked_s, patience_s))
            event = await session.event(PROMPT_S)
            if self._air is not None:
                return await self._wait(self._air, event)
            self._prompt_s = mono() - asked_s
            refused = None if isinstance(event, WriteNow) else await self._no_prompt(event)
            allowed = False  # what was prepared has not begun at its prompt
            if refused is None and not callable(intent):
                allowed = (await intent).attempt_id is not None
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
            event = await session.event(PROMPT_S)
            asks = isinstance(event, WriteNow)
            return self._result(WITHDRAWN if asks else await self._no_prompt(event))
        return await self._wait(self._put_out(octets, patience_s))

    def _begins(
        self, begin: Callable[[], Committed], octets: bytes, asked_s: float, patience_s: float
    ) -> bool:
        """At the prompt: what was prepared begins, unless it may not any more."""
        self._prompt_s = self._clock.mono() - asked_s
        if begin().attempt_id is None:
            return False
        with suppress(PortError):  # whoever waits hears of it
            air = self._put_out(octets, patience_s)
            self._session.due_in(air.due - air.begun_s)
        return True

    def _put_out(self, octets: bytes, patience_s: float) -> OnAir:
        """The PDU, with Ctrl-Z; PortLost where nothing of it was written."""
        timing = self._timing
        self._session.payload(octets)
        begun_s = self._clock.mono()
        self._air = air = OnAir(
            owed=self._owed,
            earlier=self._credit,
            decides=_decides,
            begun_s=begun_s,
            patient_until=begun_s + patience_s,
            probe_at=begun_s + timing.probe_s if timing.probe_s else inf,
            limit=begun_s + timing.cmgs_s,
            noise_before=self._session.noise,
        )
        self._owed.went_out()
        return air

    async def _take_back(self) -> None:
        """Leave the prompt without a message."""
        self._session.give_up()
        await self._session.resync()

    async def _no_prompt(self, event: DialogueEvent | None) -> Outcome:
        """Why the modem has not asked for the text."""
        if isinstance(event, Reply):
            if event.final.ok:
                self._session.doubt()  # the prompt may still come, and swallow what is written
                return _modem(OutcomeClass.TRANSIENT, NO_PROMPT, "said OK instead of asking")
            return _judged(event.final, Phase.BEFORE_PDU)
        self._owed.unasked(self._clock.mono() + self._timing.cmgs_s + LATE_S)
        await self._take_back()
        return _modem(OutcomeClass.TRANSIENT, NO_PROMPT, f"no prompt within {PROMPT_S:g} s")

    async def _wait(self, air: OnAir, event: DialogueEvent | None = None) -> SendResult:
        """Three clocks after Ctrl-Z: patience of the message, probes of the line, the limit.

        `event` has come already.
        """
        session, mono = self._session, self._clock.mono
        while True:
            event = event or await session.event(max(0.0, air.due - mono()))
            heard, event = event, None
            match heard:
                case Reply():
                    final = heard.final
                    answer = Answer(reference(heard.lines) if final.ok else None, final)
                    if (told := air.heard(answer, mono(), session.noise)) is not None:
                        return self._told(air, told)
                    session.again(heard.command)
                    continue
                case Dropped():
                    if air.in_doubt:
                        return self._told(air, air.nothing_more(self._clock.mono(), session.noise))
                    self._owe(air)
                    words = "the modem has forgotten the message; it may have gone out"
                    return self._result(_modem(OutcomeClass.UNKNOWN, "dropped", words))
                case Stuck():
                    await self._take_back()
                    words = "the modem still asked for the text: it has not taken it"
                    return self._result(_modem(OutcomeClass.TRANSIENT, "stuck", words))
            now = mono()
            if now >= air.limit:
                break
            if now >= air.probe_at:
                air.probe_at += PROBE_EVERY_S
                noise = session.noise
                if air.probed(session.probe(), noise):
                    self._garbled()
            if now >= air.patient_until:
                air.patient_until = inf
                return self._result(STILL_SENDING)
        return await self._given_up(air)

    async def _given_up(self, air: OnAir) -> SendResult:
        """The limit has passed: the modem is brought in step again."""
        session = self._session
        session.give_up()
        if air.kept is not None and air.probe_at == inf:
            result = self._told(air, air.nothing_more(self._clock.mono(), session.noise))
        else:
            limit_s = self._timing.cmgs_s
            self._owe(air)
            words = f"no answer within {limit_s:g} s"
            result = self._result(_modem(OutcomeClass.UNKNOWN, "timeout", words))
        try:
            await session.resync()
        except (Desynced, PortError) as error:
            log.info("sender.lost_after_timeout %s", error)
        return result

    def _credit(self, answer: Answer) -> None:
        """What became of the message before."""
        outcome = SENT if answer.final.ok else _judged(answer.final, Phase.AFTER_PDU)
        self._earlier(answer.mr, outcome)

    def _told(self, air: OnAir, told: Answer | Doubt) -> SendResult:
        if isinstance(told, Doubt):
            return self._result(_modem(OutcomeClass.UNKNOWN, WHOSE, told.value))
        mr, final = told.mr, told.final
        if mr is not None:
            self._owed.told(mr)
        if final.ok:
            return self._result(SENT, mr)
        outcome = _judged(final, Phase.AFTER_PDU)
        if self._not_taken(air, told):
            self._session.doubt()  # it may have been taken for commands, each with its answer
            words = "the modem did not take the text as it was written"
            outcome = replace(outcome, cls=OutcomeClass.TRANSIENT, text=words)
        return self._result(outcome)

    def _not_taken(self, air: OnAir, answer: Answer) -> bool:
        """True where what was typed has not become a message (`modems.md` fault 11)."""
        if answer.final.kind is FinalKind.ERROR:
            return self._ended_s(air) - air.begun_s < AT_ONCE_S
        return answer.refuses_pdu and self._tried + 1 < TRIES

    def _owe(self, air: OnAir) -> None:
        self._owed.owe(self._clock.mono(), air.limit + LATE_S)

    def settles(self, late: Late, *, over: bool) -> tuple[int | None, Outcome] | None:
        """What became of the message that is open, by a late answer; None where nobody can tell.

        `over`: the newest dialogue is, and so what it leaves open is owed.
        """
        owed = self._owed
        mr, outcome = late_result(late.line, late.final)
        if over and owed.count == 0:  # each message has had an answer, if not known which
            return None
        if owed.count > 1:
            return (mr, outcome) if owed.is_newest(mr) else None
        owed.paid()
        return mr, outcome


def _judged(final: Final, phase: Phase) -> Outcome:
    error = failed(final)
    return classify(error.kind, error.code, error.text, phase)


def _decides(final: Final) -> bool:
    return _judged(final, Phase.AFTER_PDU).cls is not OutcomeClass.UNKNOWN


def late_result(line: str | None, final: Final | None) -> tuple[int | None, Outcome]:
    """TP-MR and outcome of an answer that came after its dialogue was given up."""
    if final is not None:
        return None, _judged(final, Phase.AFTER_PDU)
    return reference((line or "",)), SENT
