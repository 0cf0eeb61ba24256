"""What a modem still owes, and whose reference it is."""

from __future__ import annotations

import json

import pytest

from airpost.modem.owed import COUNTED, Owed, Whose


def test_an_answer_is_owed_until_its_time_and_each_counts() -> None:
    owed = Owed()
    assert not owed.owing(0.0)
    owed.owe(10.0, 70.0)
    owed.owe(20.0, 80.0)
    assert (owed.count, owed.owing(79.0), owed.owing(80.0)) == (2, True, False)
    owed.owe(90.0, 150.0)  # the others are over
    assert owed.count == 1


def test_the_newest_has_the_reference_that_is_counted_to() -> None:
    owed = Owed()
    assert not owed.is_newest(1)
    owed.told(255)
    owed.since += 2
    assert owed.is_newest(1)
    assert not owed.is_newest(0)
    assert not owed.is_newest(None)


def counting(*, upto: int = 7, since: int = 1, owing: bool = False) -> Owed:
    """Of a modem that is known to count."""
    owed = Owed(reference=upto - COUNTED)
    for mr in range(upto - COUNTED + 1, upto + 1):
        owed.since = 1
        owed.told(mr)
    owed.since = since
    owed.until_s = 10.0 if owing else 0.0
    return owed


@pytest.mark.parametrize("owing", [True, False])
def test_who_counts_gives_an_earlier_message_a_smaller_reference(owing: bool) -> None:
    owed = counting(since=3, owing=owing)
    either = Whose.EITHER if owing else Whose.NEWEST
    for mr, whose in {10: Whose.NEWEST, 6: Whose.EARLIER, 7: Whose.EARLIER, 200: Whose.EARLIER,
                      8: either, 9: either, 11: Whose.NEWEST, None: either}.items():  # fmt: skip
        assert owed.whose(mr, 5.0) is whose, mr


def test_who_is_not_known_to_count_may_give_any() -> None:
    for owed in (Owed(), Owed(reference=7, since=1), Owed(reference=7, since=1, steps=COUNTED - 1)):
        assert owed.whose(3, 5.0) is Whose.NEWEST
        owed.until_s = 10.0
        assert owed.whose(3, 5.0) is Whose.EITHER
        assert owed.whose(8, 5.0) is (Whose.EITHER if owed.reference is None else Whose.NEWEST)


def test_one_that_is_no_longer_counted_to_is_counted_from() -> None:
    owed = counting()
    owed.recount(2)
    owed.since = 1
    assert owed.whose(1, 5.0) is Whose.NEWEST
    owed.told(1)
    assert (owed.reference, owed.steps) == (1, 0)


def test_a_count_that_went_back_is_believed_later() -> None:
    owed = counting()
    owed.recount(0)
    for mr in range(1, 4 * COUNTED + 1):
        assert not owed.counted
        owed.since = 1
        owed.told(mr)
    assert owed.counted
    owed.forget()
    assert owed == Owed()


def test_the_one_answer_that_is_owed_is_known_by_its_reference() -> None:
    owed = counting(since=1)
    owed.owe(0.0, 10.0)
    assert [owed.is_awaited(mr) for mr in (8, 7, None)] == [True, False, True]
    owed.owe(1.0, 11.0)
    assert not owed.is_awaited(8)
    owed.paid()
    assert not owed.owing(1.0)


def test_a_reference_that_was_told_since_is_not_that_of_what_is_owed() -> None:
    """One that always gives the same has given it to another message."""
    owed = Owed()
    owed.went_out()
    owed.owe(10.0, 100.0)
    assert owed.is_awaited(7)  # nothing is known of it
    for mr in (254, 255, 0, 1):
        owed.went_out()
        owed.told(mr)
    assert [owed.is_awaited(mr) for mr in (253, 254, 0, 1, 2, None)] == [
        True, False, False, False, True, True,
    ]  # fmt: skip
    again = Owed()
    again.take_up(owed.kept(20.0, 1000.0), 0.0, 1000.0)
    assert not again.is_awaited(0)
    owed.owe(30.0, 100.0)
    owed.paid()
    owed.owe(40.0, 100.0)
    assert owed.told_from is None


def test_a_modem_that_has_started_anew_owes_nothing() -> None:
    owed = Owed()
    owed.told(7)
    owed.owe(0.0, 60.0)
    owed.unasked(60.0)
    owed.forget()
    assert owed == Owed()


def test_another_sim_has_counted_by_itself() -> None:
    owed = counting()
    owed.owe(0.0, 60.0)
    owed.sim_gone()
    owed.since = 1
    assert [owed.whose(mr, 5.0) for mr in (3, 8, 9)] == [Whose.EITHER] * 3
    owed.paid()
    assert [owed.whose(mr, 5.0) for mr in (3, 8, 9)] == [Whose.NEWEST] * 3


def test_it_outlives_a_restart_as_far_as_it_is_still_to_come() -> None:
    owed = Owed()
    assert owed.kept(0.0, 1_000.0) == ""
    owed.told(7)
    owed.owe(10.0, 190.0)
    owed.since = 2
    kept = owed.kept(40.0, 1_000.0)
    again = Owed()
    again.take_up(kept, 3.0, 1_030.0)  # 150 s were left, and 30 s have gone
    assert again == Owed(until_s=123.0, count=1, reference=7, since=2, awaited=7)
    again.take_up(json.dumps([1060, 1, 7, 2, 0, 7]), 0.0, 1000.0)  # of an earlier version
    assert (again.until_s, again.awaited, again.told_from) == (60.0, 7, None)
    for text, at_s in ((kept, 1_200.0), (kept, -9_000.0), ("", 1_000.0), (None, 0.0), ("[1]", 0.0)):
        untouched = Owed()
        untouched.take_up(text, 3.0, at_s)
        assert untouched == Owed()
