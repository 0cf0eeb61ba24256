"""What a segment waits for after an attempt."""

from __future__ import annotations

from airpost.model import MessageClass, MessageId, OnUncertain
from airpost.states import MessageState, SegmentState
from airpost.store.attempts import attempt_of, sent_columns, unknown_columns
from airpost.store.moves import SegmentRow
from tests.store.values import DAY, NOW, after

ROW = SegmentRow(
    id=1,
    message_seq=1,
    transmission_id=1,
    current=True,
    seq=1,
    state=SegmentState.SENDING,
    final=False,
    attempts=1,
    resends=0,
    sent_at=None,
    expires_at=after(60),
    number="+49",
    parts=1,
    class_=MessageClass.NORMAL,
    message_state=MessageState.SENDING,
    lane="g1",
    want_report=True,
    on_uncertain=OnUncertain.RESEND,
    message_id=MessageId("m"),
)


def test_what_was_taken_waits_three_days_for_its_report() -> None:
    found = sent_columns(ROW, after(5), after(4))
    assert found == {"sent_at": after(4), "grace_until": None, "deadline_at": after(3 * DAY + 5)}
    assert sent_columns(ROW._replace(want_report=False), NOW, NOW)["deadline_at"] is None


def test_the_first_sending_counts() -> None:
    assert sent_columns(ROW._replace(sent_at=NOW), after(5), after(4))["sent_at"] == NOW


def test_what_is_unknown_waits_a_day_beyond_its_time() -> None:
    assert unknown_columns(ROW, NOW, after(9)) == {
        "grace_until": after(9), "deadline_at": after(60 + DAY),
    }  # fmt: skip
    assert unknown_columns(ROW, after(99), None)["deadline_at"] == after(99 + DAY)


def test_a_row_has_the_order_of_the_class() -> None:
    row = (1, 2, 3, "g1", "sim", "tail", 7, NOW, after(1), "ok")
    found = attempt_of(row)
    assert (found.id, found.segment_id, found.n, found.lane) == (1, 2, 3, "g1")
    assert (found.mr, found.begun_at, found.ended_at, found.outcome_class) == (
        7, NOW, after(1), "ok",
    )  # fmt: skip
