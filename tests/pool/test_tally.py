"""What a modem has done is counted as it was: waits, answers, results, by class."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from airpost.clock import SECOND_US, Instant
from airpost.model import Claimed, Lane, MessageClass, MessageId, SegmentBody
from airpost.modem.api import SendResult
from airpost.outcome import SENT, OutcomeClass, Scope
from airpost.pool.tally import Tally
from airpost.states import SegmentEvent
from tests.pool.rig import failure, pooled
from tests.virtual import VirtualLoop, run_virtual

NOW = Instant(1_767_225_600_000_000)
SILENT = failure(OutcomeClass.UNKNOWN, Scope.MODEM)
BUSY = failure(OutcomeClass.TRANSIENT, Scope.SIM)
FIRST = Claimed(
    segment_id=1, message_seq=1, message_id=MessageId("m"), to="+491701234567",
    class_=MessageClass.ALARM, seq=1, of=2, body=SegmentBody(pid=0, dcs=0, udh=b"", ud=b"", udl=0),
    concat_ref=0, attempts=0, resends=0, want_report=True, waiting_since=NOW, expires_at=NOW,
)  # fmt: skip


def after(seconds: float) -> Instant:
    return Instant(NOW + round(seconds * SECOND_US))


def test_only_the_first_attempt_of_the_first_part_tells_how_long_a_message_has_waited() -> None:
    tally = Tally()
    taken = SendResult(begun=True, outcome=SENT, mr=1, air_s=3.0, prompt_s=0.02)
    tally.ended(FIRST, SegmentEvent.TAKEN, taken, after(4.5))
    for other in (replace(FIRST, seq=2), replace(FIRST, attempts=1), replace(FIRST, resends=1)):
        tally.ended(other, SegmentEvent.TAKEN, taken, after(60))
    waits = tally.waits[MessageClass.ALARM]
    assert (sum(waits.counts), round(waits.total, 6)) == (1, 1.5)
    assert (sum(tally.prompt.counts), round(tally.prompt.total, 6)) == (4, 0.08)
    assert (sum(tally.answer.counts), tally.answer.total) == (4, 12.0)


def test_what_had_no_answer_or_no_prompt_has_no_time_for_it() -> None:
    tally = Tally()
    silent = SendResult(begun=True, outcome=SILENT, mr=None, air_s=20.0, prompt_s=0.1)
    refused = SendResult(begun=False, outcome=BUSY, mr=None, air_s=0.0)
    tally.ended(FIRST, SegmentEvent.UNKNOWN, silent, after(21))
    tally.ended(FIRST, SegmentEvent.TRANSIENT, refused, after(1))
    tally.not_begun(FIRST)
    assert sum(tally.answer.counts) == 0
    assert sum(tally.prompt.counts) == 1
    assert tally.results == {
        (MessageClass.ALARM, "unknown"): 1,
        (MessageClass.ALARM, "transient"): 1,
        (MessageClass.ALARM, "not_begun"): 1,
    }


def test_the_second_message_has_waited_for_the_first(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.5,)) as rig:
            rig.units[0].outcomes = [SENT, BUSY, SENT]
            for at in range(2):
                await rig.accept(to=f"+49170123456{at}")
            await rig.until(lambda: rig.units[0].mr == 2)
            await asyncio.sleep(1)
            tally = rig.pool.tallies()[Lane("gate-1")]
            waits = tally.waits[MessageClass.NORMAL]
            assert sum(waits.counts) == 2
            assert 0.5 <= waits.total < 0.9  # the first none, the second one time on the air
            assert tally.results == {
                (MessageClass.NORMAL, "taken"): 2,
                (MessageClass.NORMAL, "transient"): 1,
            }

    run_virtual(main)
