"""What a lane takes next."""

from __future__ import annotations

from airpost.clock import SECOND_US, Instant
from airpost.model import Claimed, MessageClass, MessageId, SegmentBody
from airpost.policy import CLASS_POLICY
from airpost.pool.order import next_up

NOW = Instant(1_000 * SECOND_US)
BODY = SegmentBody(pid=0, dcs=0, udh=b"", ud=b"", udl=0)


def segment(
    message: int, class_: MessageClass, seq: int = 1, of: int = 1, waited_s: float = 0.0
) -> Claimed:
    return Claimed(
        segment_id=100 * message + seq, message_seq=message, message_id=MessageId(f"m{message}"),
        to="+49", class_=class_, seq=seq, of=of, body=BODY, concat_ref=0, attempts=0, resends=0,
        want_report=False, waiting_since=Instant(NOW - round(waited_s * SECOND_US)),
        expires_at=NOW,
    )  # fmt: skip


def takes(ahead: list[Claimed], in_hand: int | None, service_s: float = 3.0) -> int | None:
    found = next_up(ahead, in_hand, service_s, NOW, CLASS_POLICY)
    return None if found is None else found.message_seq


LONG = [segment(1, MessageClass.BULK, seq, 10) for seq in range(3, 11)]


def test_nothing_of_nothing() -> None:
    assert takes([], 1) is None


def test_the_first_where_nothing_is_in_hand() -> None:
    assert takes([segment(2, MessageClass.OTP), *LONG], None) == 2


def test_urgent_cuts_in_where_waiting_for_the_rest_would_be_too_long() -> None:
    for class_ in (MessageClass.OTP, MessageClass.ALARM):
        assert takes([segment(2, class_), *LONG], 1) == 2


def test_it_waits_for_the_rest_where_that_is_short() -> None:
    assert takes([segment(2, MessageClass.OTP), LONG[-1]], 1, service_s=0.5) == 1
    assert takes([segment(2, MessageClass.OTP, waited_s=1.8), LONG[-1]], 1, service_s=0.5) == 2


def test_normal_waits_longer_than_urgent_does() -> None:
    assert takes([segment(2, MessageClass.NORMAL), *LONG], 1) == 1
    assert takes([segment(2, MessageClass.NORMAL, waited_s=50), *LONG], 1) == 2


def test_parts_that_are_not_claimed_yet_count() -> None:
    assert takes([segment(2, MessageClass.NORMAL), *LONG[:1]], 1, service_s=10) == 2


def test_what_has_begun_is_finished_before_another_of_its_class() -> None:
    assert takes([segment(0, MessageClass.BULK), *LONG], 1) == 1
