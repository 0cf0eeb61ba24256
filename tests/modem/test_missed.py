"""Reports that do not come."""

from __future__ import annotations

from airpost.modem.missed import Missed


def test_it_is_asked_once_a_report_is_late() -> None:
    missed = Missed(60.0, 3600.0)
    assert not missed.due(1e6)
    missed.asked(10.0)
    missed.asked(50.0)
    assert (missed.due(69.0), missed.due(70.0)) == (False, True)
    missed.came()
    assert not missed.due(1e6)


def test_less_and_less_often_where_nothing_was_wrong() -> None:
    missed = Missed(60.0, 200.0)
    waits, now_s = [], 0.0
    for _ in range(4):
        missed.asked(now_s)
        begun_s = now_s
        while not missed.due(now_s):
            now_s += 1
        waits.append(now_s - begun_s)
        missed.looked()
        assert not missed.due(now_s + 1e6)  # before another message was sent
    assert waits == [60, 120, 200, 200]
    missed.came()
    missed.asked(0.0)
    assert missed.due(60.0)
