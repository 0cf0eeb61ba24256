"""What is kept of attempts whose fate is open."""

from __future__ import annotations

from airpost.model import MessageClass, SimId
from airpost.pool.openfates import KEPT, OpenFate, OpenFates
from tests.pool.test_order import segment


def fate(message: int, attempt: int = 1) -> OpenFate:
    sent = segment(message, MessageClass.NORMAL)
    return OpenFate(segment=sent, attempt=attempt, sim_id=SimId("sim"))


def attempt_of(fates: OpenFates, message: int) -> int | None:
    found = fates.of(fate(message).segment.segment_id)
    return None if found is None else found.attempt


def test_the_newest_attempt_of_a_segment_is_kept_until_it_is_known() -> None:
    fates = OpenFates()
    assert attempt_of(fates, 1) is None
    fates.add(fate(1, 10))
    fates.add(fate(2, 11))
    fates.add(fate(1, 12))
    assert [attempt_of(fates, n) for n in (1, 2)] == [12, 11]
    for _ in range(2):
        fates.known(fate(1).segment.segment_id)
    assert [attempt_of(fates, n) for n in (1, 2)] == [None, 11]


def test_what_is_old_is_forgotten() -> None:
    fates = OpenFates()
    for n in range(KEPT):
        fates.add(fate(n))
    fates.add(fate(0))
    fates.add(fate(KEPT))
    assert attempt_of(fates, 0) == 1
    assert attempt_of(fates, 1) is None


def test_silence_stands_in_the_row_of_failures_until_that_is_over_or_it_is_known() -> None:
    fates = OpenFates()
    known, open_ = (fate(n).segment.segment_id for n in (1, 2))
    for n in (1, 2):
        fates.add(fate(n))
    fates.known(known)
    assert (fates.in_row(known), fates.in_row(open_)) == (False, True)
    fates.row_over()
    assert not fates.in_row(open_)
    assert fates.of(open_) is not None
