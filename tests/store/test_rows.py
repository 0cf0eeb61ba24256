"""Rows to values."""

from __future__ import annotations

import pytest

from airpost.model import Severity, Waits
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.states import SegmentState
from airpost.store.rows import event_of, inbound_of, message_of, outcome_of, part_of
from tests.store.values import NOW, after

MESSAGE = (
    7, "m", "shop", "+49", "otp", "sent", "ucs2", "g1", NOW, None, after(9), after(1), None, 0,
    None, "语".encode(), None, 1, "hold", 2, "ref", '["a", "ü"]',
    after(5), "quiet_hours", "its night", "route default", 0, b"yu", "b1",
    '{"ttl_s":60}',
)  # fmt: skip
NOT_HELD = (None, None, None, "route default", 0, None, None, None)
PART = (7, 1, "sent", "g1", 9, 1, after(1), None, "ok", "message", "OK", "taken")


def test_a_message_with_its_parts() -> None:
    found = message_of(MESSAGE, [part_of(PART)])
    assert (found.seq, found.text, found.data, found.tags) == (7, "语", None, ("a", "ü"))
    assert (found.sent_text, found.asked) == ("yu", {"ttl_s": 60})
    assert (found.final, found.want_report, found.possible_duplicates) == (False, True, 2)
    assert found.waits == Waits(reason="quiet_hours", words="its night", until=after(5))
    (part,) = found.parts
    assert (part.state, part.modem, part.reference) == (SegmentState.SENT, "g1", 9)
    assert part.outcome == Outcome(
        cls=OutcomeClass.OK, scope=Scope.MESSAGE, code="OK", text="taken"
    )


def test_content_that_was_erased_reads_as_none() -> None:
    found = message_of((*MESSAGE[:15], None, None, *MESSAGE[17:21], "[]", *NOT_HELD), [])
    assert found.waits is None
    assert (found.text, found.data, found.tags, found.asked) == (None, None, (), {})


def test_no_outcome_yet() -> None:
    assert outcome_of(None, "message", "", "") is None


def test_a_value_no_enum_knows_is_no_row_of_ours() -> None:
    with pytest.raises(ValueError, match="gone"):
        part_of((7, 1, "gone", *PART[3:]))


def test_an_event() -> None:
    found = event_of((1, NOW, "m", "part 2", "queued", "sending", "attempt 1", "modem g1", None))
    assert (found.seq, found.subject, found.from_, found.to, found.actor) == (
        1, "part 2", "queued", "sending", "modem g1",
    )  # fmt: skip
    assert found.severity is Severity.INFO
    grave = event_of((1, NOW, None, "modem g1", None, "quarantined", "gone", "airpost", "high"))
    assert grave.severity is Severity.HIGH


def test_a_received_message() -> None:
    found = inbound_of((
        3, "i", "shop", "m", 2, "+49", None, "g1", "sim", None, b"\x01", "data", 2, 1, None, NOW,
        2948, 1, "order-7", '["a"]',
    ))  # fmt: skip
    assert (found.text, found.data, found.partial, found.port, found.class_) == (
        None, b"\x01", True, 2948, 1,
    )  # fmt: skip
    assert (found.sender_ref, found.tags) == ("order-7", ("a",))
