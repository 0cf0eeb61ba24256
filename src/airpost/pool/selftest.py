"""Self-tests: a short message that proves a modem when nothing else has for long.

May import codec, store.api, L0. It is a message like any other, of class bulk and owner `airpost`,
so what is known of it is the truth. It costs what a message costs: each SIM has a cap a month, kept
in the store before a message is.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from airpost.clock import SECOND_US, Clock, Instant, rfc3339
from airpost.codec.join import JoinPart, join
from airpost.codec.split import split
from airpost.errors import InvalidRequest, ModemError, StoreUnavailable
from airpost.model import (
    Encoding,
    Lane,
    Message,
    MessageClass,
    MessageId,
    ModemView,
    NewMessage,
    OnUncertain,
    ProofKind,
    SegmentBody,
    SelfTest,
    Severity,
    SimId,
    masked,
    uuid7,
)
from airpost.pool.facade import OWN
from airpost.pool.kept import keep, recalled
from airpost.received import RawPart
from airpost.states import MessageState
from airpost.store.api import Store

log = logging.getLogger("airpost.selftest")

SELFTEST = "selftest"  # what an event of a modem leads to, and the tag of the message
OWNER = "airpost"
TEXT = "airpost self-test"
VALIDITY_S = 3600
ANSWER_S = 6 * 3600.0  # so long a delivery report is waited for
SETTLED_S = 60.0  # in service before a test: messages that waited may prove it for nothing
PROOF_STEP_S = 900.0  # a proof is written down when the one on disk is older by so much
TAIL_DIGITS = 8  # numbers are the same when these are: networks drop and add prefixes
_WORDS = {
    MessageState.ACCEPTED: "waits for the modem",
    MessageState.QUEUED: "waits for the modem",
    MessageState.SENDING: "is on the air",
    MessageState.SENT: "was taken by the network; its delivery report is waited for",
    MessageState.DELIVERED: "was delivered",
    MessageState.UNCERTAIN: "may have gone out, and nobody knows",
    MessageState.CANCELLED: "was cancelled",
}
_GOOD = (MessageState.DELIVERED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestSettings:
    """When a modem without a younger proof is tested: `to` a number, or OWN."""

    to: str
    every_h: float = 24.0
    per_month: int = 30  # of one SIM, those that people ask for included; by UTC


class Ward(Protocol):
    """What the pool does for the tests."""

    def modems(self) -> tuple[ModemView, ...]:
        """A view of every modem."""
        ...

    def modem(self, lane: Lane) -> ModemView | None:
        """One view."""
        ...

    def changed(self, view: ModemView) -> None:
        """What is known beside the modem itself has changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What is kept of a SIM over restarts; `at` is an Instant."""

    month: str = ""  # "2026-01"
    count: int = 0  # begun in it
    message_id: str = ""
    to: str = ""
    at: int = 0
    state: str = MessageState.QUEUED.value
    over: bool = True
    detail: str = ""
    bad: bool = False  # an event has said so

    @property
    def shown(self) -> SelfTest | None:
        """As people see it."""
        if not self.message_id:
            return None
        return SelfTest(
            message_id=MessageId(self.message_id),
            at=Instant(self.at),
            state=MessageState(self.state),
            over=self.over,
            detail=self.detail,
        )


class SelfTests:
    """Begins and follows the tests of all SIMs. `settings` None: only those that people ask for."""

    def __init__(
        self,
        store: Store,
        ward: Ward,
        clock: Clock,
        rng: Random,
        settings: SelfTestSettings | None = None,
    ) -> None:
        self._store = store
        self._ward = ward
        self._clock = clock
        self._rng = rng
        self._scheduled = settings is not None
        self._settings = settings or SelfTestSettings(to=OWN)
        self._records: dict[SimId, _Record] = {}
        self._lanes: dict[SimId, Lane] = {}  # where a SIM was last seen
        self._proofs: dict[str, tuple[Instant, ProofKind] | None] = {}
        self._refused: dict[SimId, str] = {}
        self._beginning: set[SimId] = set()  # counted, and not yet in the store

    # -- what is known ---------------------------------------------------------------------------
    def known(self, sim_id: SimId | None) -> SelfTest | None:
        """The newest test of a SIM."""
        record = None if sim_id is None else self._records.get(sim_id)
        return None if record is None else record.shown

    def proof(self, view: ModemView) -> tuple[Instant, ProofKind] | None:
        """The last proof of this modem with this SIM from before a restart."""
        return self._proofs.get(_proof_key(view))

    def under_way(self) -> frozenset[MessageId]:
        """The messages of tests that are not over."""
        return frozenset(
            MessageId(each.message_id) for each in self._records.values() if not each.over
        )

    def recognises(self, part: RawPart) -> bool:
        """True for a self-test that has arrived at one of our own SIMs: it is for nobody to read.

        The text alone does not say so: it comes from a number of ours, or goes to the SIM that a
        test is under way to.
        """
        if part.udh or part.udl != len(TEXT):
            return False
        found = join([JoinPart(dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl)])
        if found.text != TEXT:
            return False
        ours = {_tail(view.number) for view in self._ward.modems() if view.number}
        targets = {_tail(each.to) for each in self._records.values() if not each.over}
        return _tail(part.sender) in ours or _tail(part.number or "") in targets - {""}

    # -- life ------------------------------------------------------------------------------------
    async def look(self) -> None:
        """Follow what is under way, begin what is due; StoreUnavailable changes nothing."""
        for view in self._ward.modems():
            if view.sim_id is not None and view.imei is not None:
                await self._keep_proof(view)
                await self._record(view.sim_id, view.lane)
        for sim_id, record in tuple(self._records.items()):
            if not record.over and sim_id not in self._beginning:
                await self._follow(sim_id, record)
        for view in self._ward.modems() if self._scheduled else ():
            if view.sim_id is not None and self._is_due(view, view.sim_id):
                await self._try(view, view.sim_id)

    async def begin(self, lane: Lane, to: str | None = None) -> MessageId:
        """Begin a test now, `to` a number or OWN (None: as configured); ModemError says why not."""
        view = self._ward.modem(lane)
        if view is None:
            raise ModemError("no modem has this name")
        if not view.ready or view.sim_id is None:
            raise ModemError(view.detail)
        sim_id = view.sim_id
        number = self._target(view, to or self._settings.to)
        record = await self._record(sim_id, lane)
        if not record.over:
            raise ModemError(f"one is under way: message {record.message_id}")
        now = self._clock.now()
        month = rfc3339(now)[:7]
        count = record.count if record.month == month else 0
        if count >= self._settings.per_month:
            words = f"{count} self-tests of this SIM this month are the cap"
            raise ModemError(f"{words} (`per_month` in [selftest])")
        new = self._message(lane, number, now)
        begun = replace(
            record,
            month=month,
            count=count + 1,
            message_id=new.id,
            to=number,
            at=int(now),
            state=MessageState.QUEUED.value,
            over=False,
            detail=_WORDS[MessageState.QUEUED],
        )
        self._records[sim_id] = begun  # from here on nobody else begins one
        self._beginning.add(sim_id)
        try:
            # Counted first: after a crash in between there is one too few, never one too many.
            await keep(self._store, _key(sim_id), begun)
            await self._store.hand_in(new)
        except StoreUnavailable:
            self._records[sim_id] = replace(record, month=month, count=count + 1)
            raise
        except InvalidRequest as error:
            self._records[sim_id] = replace(record, month=month, count=count + 1)
            await keep(self._store, _key(sim_id), self._records[sim_id])
            raise ModemError(f"{masked(new.to)} {error.message}") from None
        finally:
            self._beginning.discard(sim_id)
        log.info("selftest.begun modem=%s msg=%s", lane, new.id)
        self._show(lane)
        return new.id

    def _target(self, view: ModemView, to: str) -> str:
        """The number; of several SIMs of ours the one whose own proof is oldest."""
        if to != OWN:
            return to
        others = {
            each.number: (each.last_proof_at or 0, each.lane)
            for each in self._ward.modems()
            if each.ready and each.number and each.sim_id not in (None, view.sim_id)
        }
        if not others:
            raise ModemError("no other modem is ready whose `number` is known")
        return min(others, key=others.__getitem__)

    def _message(self, lane: Lane, number: str, now: Instant) -> NewMessage:
        (part,) = split(TEXT).parts
        body = SegmentBody(pid=part.pid, dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl)
        return NewMessage(
            id=MessageId(uuid7(now, self._rng)),
            owner=OWNER,
            key_id=None,
            to=number,
            class_=MessageClass.BULK,
            encoding=Encoding.GSM7,
            text=TEXT,
            data=None,
            segments=(body,),
            concat_bits=8,
            want_report=True,
            created_at=now,
            not_before=None,
            expires_at=Instant(now + VALIDITY_S * SECOND_US),
            on_uncertain=OnUncertain.HOLD,
            lane=lane,
            tags=(SELFTEST,),
        )

    # -- when ------------------------------------------------------------------------------------
    def _is_due(self, view: ModemView, sim_id: SimId) -> bool:
        now = self._clock.now()
        record = self._records.get(sim_id)
        if record is None or not record.over or not view.ready:
            return False
        if 0 <= now - view.since < SETTLED_S * SECOND_US:
            return False
        # A clock that was ahead leaves times that are still to come: they prove nothing for longer.
        every_us = self._settings.every_h * 3600 * SECOND_US
        return all(abs(now - at) >= every_us for at in (record.at, view.last_proof_at or 0))

    async def _try(self, view: ModemView, sim_id: SimId) -> None:
        try:
            await self.begin(view.lane)
        except ModemError as error:
            if self._refused.get(sim_id) != str(error):
                log.warning("selftest.not_begun modem=%s %s", view.lane, error)
            self._refused[sim_id] = str(error)
        else:
            self._refused.pop(sim_id, None)

    async def _record(self, sim_id: SimId, lane: Lane) -> _Record:
        self._lanes[sim_id] = lane
        if sim_id not in self._records:
            kept = await recalled(self._store, _key(sim_id), _Record)
            self._records.setdefault(sim_id, kept)
            self._show(lane)
        return self._records[sim_id]

    async def _keep_proof(self, view: ModemView) -> None:
        """Read it once, write it down now and then."""
        key = _proof_key(view)
        if key not in self._proofs:
            kept = await self._store.recall(key)
            if kept is not None:
                at, kind = json.loads(kept)
                self._proofs[key] = Instant(at), ProofKind(kind)
                self._show(view.lane)
            else:
                self._proofs[key] = None
        at, kind = view.last_proof_at, view.last_proof
        before = self._proofs[key]
        if at is None or kind is None:
            return
        if before is None or abs(at - before[0]) >= PROOF_STEP_S * SECOND_US:
            await self._store.remember(key, json.dumps([at, kind.value]))
            self._proofs[key] = at, kind

    # -- what becomes of it ----------------------------------------------------------------------
    async def _follow(self, sim_id: SimId, record: _Record) -> None:
        now = self._clock.now()
        message = await self._store.message(MessageId(record.message_id), None)
        waited = abs(now - record.at) > ANSWER_S * SECOND_US
        if message is None:
            await self._keep(sim_id, replace(record, over=True, detail="is not in the store"))
            return
        after = replace(record, state=message.state.value, detail=_words(message))
        # Of unknown fate it is over too: another may be begun, and a late report still corrects it.
        if message.final or waited or message.state is MessageState.UNCERTAIN:
            after = replace(after, over=True)
            if message.state is MessageState.SENT:
                after = replace(after, detail="was taken by the network, but no report came")
            bad = message.state not in _GOOD
            if bad or (record.bad and message.state is MessageState.DELIVERED):
                words = f"self-test {message.id} {after.detail}"
                log.log(logging.WARNING if bad else logging.INFO, "selftest.over modem=%s %s",
                        self._lanes[sim_id], words)  # fmt: skip
                subject = f"modem {self._lanes[sim_id]}"
                severity = Severity.WARNING if bad else Severity.INFO
                await self._store.note(subject, None, SELFTEST, words, now, severity)
            after = replace(after, bad=bad)
        if after != record:
            await self._keep(sim_id, after)

    async def _keep(self, sim_id: SimId, record: _Record) -> None:
        await keep(self._store, _key(sim_id), record)
        self._records[sim_id] = record
        self._show(self._lanes[sim_id])

    def _show(self, lane: Lane) -> None:
        view = self._ward.modem(lane)
        if view is not None:
            self._ward.changed(view)


def _words(message: Message) -> str:
    words = _WORDS.get(message.state)
    return words or f"{message.state.value}: {message.reason or 'for no known reason'}"


def _tail(number: str) -> str:
    return "".join(char for char in number if "0" <= char <= "9")[-TAIL_DIGITS:]


def _key(sim_id: SimId) -> str:
    return f"selftest {sim_id}"


def _proof_key(view: ModemView) -> str:
    # A SIM that was proved in one stick proves nothing of another.
    return f"proof {view.imei} {view.sim_id}"
