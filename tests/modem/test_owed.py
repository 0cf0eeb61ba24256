"""What a modem still owes, and whose reference it is."""

from __future__ import annotations

from airpost.modem.owed import Owed


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


def test_a_modem_that_has_started_anew_owes_nothing() -> None:
    owed = Owed()
    owed.told(7)
    owed.owe(0.0, 60.0)
    owed.forget()
    assert owed == Owed()


def test_it_outlives_a_restart_as_far_as_it_is_still_to_come() -> None:
    owed = Owed()
    assert owed.kept(0.0, 1_000.0) == ""
    owed.told(7)
    owed.owe(10.0, 190.0)
    owed.since = 2
    kept = owed.kept(40.0, 1_000.0)
    again = Owed()
    again.take_up(kept, 3.0, 1_030.0)  # 150 s were left, and 30 s have gone
    assert again == Owed(until_s=123.0, count=1, reference=7, since=2)
    for text, at_s in ((kept, 1_200.0), (kept, -9_000.0), ("", 1_000.0), (None, 0.0), ("[1]", 0.0)):
        untouched = Owed()
        untouched.take_up(text, 3.0, at_s)
        assert untouched == Owed()
