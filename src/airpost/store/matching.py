"""Which attempt a delivery report belongs to: what is known of it, and an ordered table of rules.

May import L0 and codec.times. Run in the writer's thread. A report tells its SIM, a number, a
reference, and when the service centre took the message. The first rule of `RULES` that holds
decides; in their order, by name:

- `told of before`: one that bears the reference was given a report with the same time.
- `in doubt when it was taken`: the time fits none that bears the reference, or can on the air, but
  one that has gone out without and can have it: its answer stayed away, and the count came round
  or the modem gives the same each time, and the time of the last report was right. Nobody's where
  the time means attempts at several segments.
- `has the reference`: an attempt to the number bears it, and the time means no other (references
  come again after 256, and after each restart of a modem).
- `counted on the air`: one on the air can have it, the report is final, nothing else to the number
  is open or has it, the modem counts its references, and this one is the attempt's by that count.
- `may be on the air`: one on the air can have it, or alone fits the time: nobody's yet, the result
  tells it for certain.
- `alone since the last`: one to the number has gone out without a reference since the last that
  is known, not both count and time speak against it, and they do not speak together for an earlier
  one. While it is on the air it waits.
- `alone by the count`: only one without a reference can have this one: of those since the last
  that is known, of all where there are none since, or of earlier ones that the time allows too.
- `alone by the time`: of these only one was on the air when the service centre took the message.
- `all of one part`: whichever of these it is, or of the recent ones where the SIM has no known
  reference to count from, they are attempts at the same segment: the first of them that waits.
- `nobody's`: kept, listed and never applied.

By the count an attempt can have a reference that is the last known one plus the PDUs since, modulo
256, where one that was refused or is in doubt may have had none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from airpost.clock import SECOND_US, Instant
from airpost.codec.times import TimeStamp
from airpost.outcome import PORT_LOST, OutcomeClass
from airpost.store.attempts import AttemptRow, attempt_of
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("matching")
MATCH_S = 72 * 3600  # a reference comes again after 256 messages: what is older is not meant
APART_S = 1  # by which the time tells two apart: it counts whole seconds
CLOSE_S = 10  # by which the time may be off where nothing else tells several apart
FIT_S = 120  # the same, where the reference came twice
LONGER_S = 250  # that a modem was at a message which nobody waited for any more
_REFERENCES = 256
_NEWEST = (1 << 63) - 1  # above every id


class Said(NamedTuple):
    """What a report says of its attempt. `final`: the service centre does not try any more."""

    sim_id: str
    tail: str
    mr: int
    scts: bytes
    final: bool
    received_at: Instant


class Evidence:
    """What is known for and against each attempt; each is read once, when a rule asks for it."""

    def __init__(self, tx: Tx, said: Said) -> None:
        self._tx = tx
        self.said = said
        self._since = said.received_at - MATCH_S * SECOND_US

    @cached_property
    def _taken_at(self) -> int | None:
        """When the service centre took the message; None where it tells no time."""
        return _instant(self.said.scts)

    @cached_property
    def without_reference(self) -> list[AttemptRow]:
        """To the number, without a reference, and not refused: on the air, in doubt, or a bare OK.

        The oldest first, at most 72 h old.
        """
        which = self.said.sim_id, self.said.tail, self._since
        return list(map(attempt_of, self._tx.db.execute(_SQL["without_reference"], which)))

    @cached_property
    def with_reference(self) -> list[AttemptRow]:
        """To the number, with this reference; the newest first.

        At most 72 h old, or still waited for: the service centre has told that it still tries.
        """
        said = self.said
        which = said.sim_id, said.tail, said.mr, self._since, said.received_at
        return list(map(attempt_of, self._tx.db.execute(_SQL["with_reference"], which)))

    @cached_property
    def on_air(self) -> list[AttemptRow]:
        """Those on the air that can have the reference, or alone fit the time; the newest first.

        After a restart of the modem the count tells nothing, and an old one may bear what is next.
        """
        found = [each for each in reversed(self.without_reference) if _ended(each) is None]
        if self._taken_at is None or (found and any(map(self._close, self.with_reference))):
            return list(filter(self._countable, found))
        return [each for each in found if self._countable(each) or self._close(each)]

    @cached_property
    def _told(self) -> dict[int, set[bytes]]:
        """Attempt → the times in the reports with this reference and number that it was given."""
        which = self.said.sim_id, self.said.mr, self.said.tail
        found: dict[int, set[bytes]] = {}
        for attempt_id, scts in self._tx.db.execute(_SQL["told"], which):
            found.setdefault(attempt_id, set()).add(scts)
        return found

    @cached_property
    def told_before(self) -> AttemptRow | None:
        """The one that a report with this time was given to; None where there is no other."""
        others = len(self.with_reference) + len(self.without_reference) > 1
        if not others or self._taken_at is None:
            return None
        same = (a for a in self.with_reference if self.said.scts in self._told.get(a.id, ()))
        return next(same, None)

    @cached_property
    def _bearers(self) -> list[AttemptRow]:
        """Those that have the reference, or can while on the air; the newest first.

        Without those that reports with another time have told of, where others are left.
        """
        bearers = [*self.on_air, *self.with_reference]
        if len(bearers) < 2 or self._taken_at is None:
            return bearers
        return [a for a in bearers if a.id not in self._told or self._close(a)] or bearers

    @cached_property
    def doubted_then(self) -> list[AttemptRow]:
        """Of those without a reference that have gone out the nearest to when it was taken.

        Several where the time does not tell them apart. None where one that bears it was on the air
        then, or has it because this one took none.
        """
        bearers = self._bearers
        if self._taken_at is None or not bearers or any(map(self._close, bearers)):
            return []
        found = [
            each
            for each in self.without_reference
            if each.ended_at is not None
            and self._close(each)
            and (self._countable(each) or (self._same_each_time(each) and self._tells_time))
            and all(self._came_round(each, bearer) for bearer in bearers)
        ]
        nearest_us = min(map(self._away_us, found), default=0)
        return [each for each in found if self._away_us(each) <= nearest_us + APART_S * SECOND_US]

    @cached_property
    def bearer(self) -> AttemptRow | None:
        """Of those that have the reference, or can while on the air, the one meant by the time.

        The newest where there is no time, or it fits none.
        """
        bearers = self._bearers
        if len(bearers) < 2 or self._taken_at is None:
            return bearers[0] if bearers else None
        nearest = min(bearers, key=self._away_us)
        return nearest if self._away_us(nearest) <= FIT_S * SECOND_US else bearers[0]

    @cached_property
    def recent(self) -> list[AttemptRow]:
        """Those without a reference since the last known one of the SIM."""
        last = self._known_before(_NEWEST)
        return [each for each in self.without_reference if last is None or each.id > last[0]]

    @cached_property
    def countable(self) -> list[AttemptRow]:
        """Those the count allows of the recent ones, or of all where none is recent.

        Where it allows no recent one, those that the time allows too: reports do not come in order.
        """
        found = list(filter(self._countable, self.recent or self.without_reference))
        if found or not self.recent or self._taken_at is None:
            return found
        return [a for a in self.without_reference if self._close(a) and self._countable(a)]

    @cached_property
    def timely(self) -> list[AttemptRow]:
        """Of the countable ones those that were on the air when the message was taken."""
        return [] if self._taken_at is None else list(filter(self._close, self.countable))

    @cached_property
    def of_one_part(self) -> AttemptRow | None:
        """The oldest of those that are left, where all are attempts at one segment and over."""
        counts = self._known_before(_NEWEST) is not None
        left = self.timely or self.countable if counts else self.recent
        return _of_one_part(left)

    def spoken_against(self, attempt: AttemptRow) -> bool:
        """True where there is a time and a count, and neither allows it.

        By the count alone it may be: a modem that starts anew begins that again.
        """
        if self._taken_at is None or self._close(attempt):
            return False
        return self._known_before(attempt.id) is not None and not self._countable(attempt)

    def counted(self, attempt: AttemptRow) -> bool:
        """True where this is the reference of one on the air as surely as `+CMGS` would say.

        The last two that are known follow each other, this one follows them, and nothing in between
        has an unknown one; the service centre took the message while it was on the air.
        """
        if self._taken_at is None or not self._close(attempt):
            return False
        last = self._known_before(attempt.id)
        before = None if last is None else self._known_before(last[0])
        if last is None or before is None:
            return False
        return self._follows(before, last) and self._follows(last, (attempt.id, self.said.mr))

    @cached_property
    def _tells_time(self) -> bool:
        """False where the service centre's clock is wrong: where nothing else tells, it misleads.

        It was right for the last that was told of, or nothing is known of it.
        """
        last = next((each for each in self.with_reference if each.id in self._told), None)
        times = () if last is None else map(_instant, self._told[last.id])
        known = [at for at in times if at is not None]
        return last is None or any(self._was_on_air(last, at) for at in known)

    def _close(self, attempt: AttemptRow) -> bool:
        return self._taken_at is not None and self._was_on_air(attempt, self._taken_at)

    def _was_on_air(self, attempt: AttemptRow, at: int) -> bool:
        return self._away_from_us(attempt, at) <= CLOSE_S * SECOND_US

    def _away_us(self, attempt: AttemptRow) -> int:
        assert self._taken_at is not None
        return self._away_from_us(attempt, self._taken_at)

    def _away_from_us(self, attempt: AttemptRow, at: int) -> int:
        """From when a message was taken to the time an attempt was on the air.

        One whose answer was not waited for any longer may have been so until the SIM's next began,
        as a modem is at one at a time. Where its port was lost, nothing tells when it was over.
        """
        ended_at = attempt.ended_at
        in_doubt = attempt.outcome_class == OutcomeClass.UNKNOWN.value
        if ended_at is not None and in_doubt and at > ended_at:
            found = self._tx.db.execute(_SQL["next_begun"], (attempt.id, PORT_LOST)).fetchone()
            latest = Instant(ended_at + LONGER_S * SECOND_US)
            ended_at = latest if found is None else Instant(max(ended_at, min(found[0], latest)))
        after = 0 if ended_at is None else at - ended_at
        return max(attempt.begun_at - at, after, 0)

    def _countable(self, attempt: AttemptRow) -> bool:
        """True where it can have this reference: there is one for each PDU that was taken."""
        known = self._known_before(attempt.id)
        if known is None:
            return False
        most, taken = self._pdus_between(known[0], attempt.id)
        return (self.said.mr - known[1]) % _REFERENCES in range(taken + 1, most + 2)

    def _same_each_time(self, attempt: AttemptRow) -> bool:
        """True where the last two before it have this reference: the modem does not count."""
        known = self._known_before(attempt.id)
        before = None if known is None else self._known_before(known[0])
        return known is not None and before is not None and known[1] == before[1] == self.said.mr

    def _follows(self, first: tuple[int, int], then: tuple[int, int]) -> bool:
        most, taken = self._pdus_between(first[0], then[0])
        return most == taken and (then[1] - first[1]) % _REFERENCES == taken + 1

    def _came_round(self, doubted: AttemptRow, bearer: AttemptRow) -> bool:
        """True where both can have the reference: the count came round between, or began anew."""
        known = self._known_before(doubted.id)
        if known is None or bearer.id < doubted.id:
            return True
        which = self.said.sim_id, known[0], bearer.id, _REFERENCES
        between = self._tx.db.execute(_SQL["sent_between"], which).fetchall()
        steps, last, most, taken = 0, known[1], 0, 0
        for mr, was_taken in [*between, (self.said.mr, 1)]:
            if mr is None:
                most, taken = most + 1, taken + was_taken
                continue
            step = (mr - last) % _REFERENCES
            if step not in range(taken + 1, most + 2):
                return True
            steps, last, most, taken = steps + step, mr, 0, 0
        return steps >= _REFERENCES or len(between) == _REFERENCES

    def _known_before(self, attempt_id: int) -> tuple[int, int] | None:
        """(attempt, reference) of the SIM's newest attempt whose reference is known."""
        which = self.said.sim_id, attempt_id
        found = self._tx.db.execute(_SQL["known_before"], which).fetchone()
        return None if found is None else (found[0], found[1])

    def _pdus_between(self, first_id: int, then_id: int) -> tuple[int, int]:
        """PDUs of the SIM, and those of them that were taken for certain."""
        which = self.said.sim_id, first_id, then_id
        most, taken = self._tx.db.execute(_SQL["pdus_between"], which).fetchone()
        return most, taken


# -- the table -----------------------------------------------------------------------------------
class Rule(NamedTuple):
    """Where it holds, the report is that of the attempt it gives; None: nobody's, for now."""

    name: str
    holds: Callable[[Evidence], bool]
    gives: Callable[[Evidence], AttemptRow | None]


def decide(of: Evidence) -> tuple[Rule, AttemptRow | None]:
    """The rule that decides, and whose the report is by it."""
    rule = next(each for each in RULES if each.holds(of))
    return rule, rule.gives(of)


def _instant(scts: bytes) -> int | None:
    return TimeStamp(scts).instant_us


def _of_one_part(attempts: Sequence[AttemptRow]) -> AttemptRow | None:
    """The first of them, where all are attempts at one segment and over."""
    parts = {each.segment_id for each in attempts}
    return attempts[0] if len(parts) == 1 and all(map(_ended, attempts)) else None


def _ended(attempt: AttemptRow) -> AttemptRow | None:
    """None while it is on the air."""
    return None if attempt.ended_at is None else attempt


def _has_reference(of: Evidence) -> bool:
    return of.bearer is not None and of.bearer.mr is not None


def _counted_on_air(of: Evidence) -> bool:
    alone = len(of.on_air) == len(of.without_reference) == 1 and not of.with_reference
    return of.said.final and alone and of.counted(of.on_air[0])


def _alone_since(of: Evidence) -> bool:
    if len(of.recent) != 1 or of.spoken_against(of.recent[0]):
        return False
    return not of.countable or of.recent[0] in of.countable


RULES = (
    Rule("told of before", lambda of: of.told_before is not None, lambda of: of.told_before),
    Rule(
        "in doubt when it was taken",
        lambda of: bool(of.without_reference) and bool(of.doubted_then),
        lambda of: _of_one_part(of.doubted_then),
    ),
    Rule("has the reference", _has_reference, lambda of: of.bearer),
    Rule("counted on the air", _counted_on_air, lambda of: of.bearer),
    Rule("may be on the air", lambda of: of.bearer is not None, lambda _: None),
    Rule("alone since the last", _alone_since, lambda of: _ended(of.recent[0])),
    Rule("alone by the count", lambda of: len(of.countable) == 1, lambda of: of.countable[0]),
    Rule("alone by the time", lambda of: len(of.timely) == 1, lambda of: of.timely[0]),
    Rule("all of one part", lambda of: of.of_one_part is not None, lambda of: of.of_one_part),
    Rule("nobody's", lambda _: True, lambda _: None),
)
