"""Whose an answer is while a message is on the air, and what the three clocks are for."""

from __future__ import annotations

from math import inf

import pytest

from airpost.at.events import Final, FinalKind
from airpost.modem.onair import AT_ONCE_S, LISTEN_S, SCRAPS, Answer, Doubt, OnAir
from airpost.modem.owed import Owed

TAKEN = Final(kind=FinalKind.OK)
ERROR = Final(kind=FinalKind.ERROR)
NOW_S = 100.0


class Air(OnAir):
    """One whose message went out at 0, with what was told of an earlier one."""

    def __init__(self, owed: Owed, *, probe_at: float = 120.0) -> None:
        self.credited: list[Answer] = []
        super().__init__(
            owed=owed, earlier=self.credited.append, begun_s=0.0, patient_until=30.0,
            probe_at=probe_at, limit=250.0,
        )  # fmt: skip


def owing(count: int = 1) -> Owed:
    return Owed(until_s=1000.0, count=count)


def answer(mr: int | None, final: Final = TAKEN) -> Answer:
    return Answer(mr, final)


def test_where_nothing_is_owed_the_first_answer_is_this_ones() -> None:
    air = Air(Owed())
    assert air.heard(answer(7), NOW_S, 0) == answer(7)
    assert not air.in_doubt


def test_where_one_is_owed_a_further_answer_is_waited_for() -> None:
    air = Air(owing())
    assert air.heard(answer(7), NOW_S, 3) is None
    assert (air.in_doubt, air.probe_at, air.noise) == (True, NOW_S + LISTEN_S, 3)
    assert air.heard(answer(8), NOW_S + 1, 3) == answer(8)
    assert (air.credited, air.owed.count) == ([answer(7)], 0)


def test_of_two_the_smaller_reference_is_the_earlier_ones_whenever_it_comes() -> None:
    air = Air(owing())
    air.heard(answer(0), NOW_S, 0)
    assert air.heard(answer(255), NOW_S, 0) == answer(0)
    assert air.credited == [answer(255)]


def test_an_error_among_two_without_references_leaves_both_open() -> None:
    air = Air(owing())
    air.heard(answer(None), NOW_S, 0)
    assert air.heard(answer(None, ERROR), NOW_S, 0) is Doubt.UNCLEAR
    assert air.credited == []


def test_an_error_among_two_pays_no_more_than_the_one_that_is_owed() -> None:
    """Of three that may be answered two are: the third is owed yet, whichever it is."""
    for count, left in ((1, 0), (2, 3)):
        air = Air(owing(count))
        air.heard(answer(None, ERROR), NOW_S, 0)
        assert air.heard(answer(22), NOW_S, 0) is Doubt.UNCLEAR
        assert (air.owed.count, air.credited) == (left, [])


def test_an_error_of_what_was_just_typed_is_this_ones() -> None:
    air = Air(owing())
    assert air.heard(answer(None, ERROR), AT_ONCE_S / 2, 0) == answer(None, ERROR)
    assert Air(owing()).heard(answer(None, ERROR), AT_ONCE_S, 0) is None


REFUSED = Final(kind=FinalKind.CMS, code=310)


def test_an_error_left_from_a_dialogue_without_a_prompt_is_not_taken_for_this_ones() -> None:
    owed = Owed()
    owed.unasked(NOW_S + 10)
    air = Air(owed)
    assert air.heard(answer(None, REFUSED), NOW_S, 0) is None
    assert air.heard(answer(7), NOW_S + 2, 0) == answer(7)
    assert (air.credited, owed.unasked_until_s) == ([], 0.0)


def test_where_nothing_more_comes_the_error_is_this_ones() -> None:
    owed = Owed()
    owed.unasked(NOW_S + 10)
    air = Air(owed)
    assert air.heard(answer(None, REFUSED), NOW_S, 0) is None
    assert air.nothing_more(NOW_S + LISTEN_S, 0) == answer(None, REFUSED)
    late = Air(owed)
    assert late.heard(answer(None, REFUSED), NOW_S + 10, 0) == answer(None, REFUSED)


def test_of_two_errors_one_is_left_from_that_dialogue() -> None:
    owed = Owed()
    owed.unasked(NOW_S + 10)
    air = Air(owed)
    assert air.heard(answer(None, REFUSED), NOW_S, 0) is None
    assert air.heard(answer(None, REFUSED), NOW_S + 1, 0) == answer(None, REFUSED)
    assert owed.unasked_until_s == 0.0


def test_an_error_that_may_also_be_what_is_owed_is_credited_to_nobody() -> None:
    owed = owing()
    owed.unasked(NOW_S + 10)
    owed.reference, owed.since = 6, 1
    air = Air(owed)
    assert air.heard(answer(None, REFUSED), NOW_S, 0) is None
    assert air.heard(answer(7), NOW_S + 2, 0) == answer(7)
    assert (air.credited, owed.count) == ([], 1)


def counting() -> Owed:
    owed = Owed()
    for mr in range(5):
        owed.went_out()
        owed.told(mr)
    owed.went_out()
    return owed


def test_ok_without_the_reference_that_is_given_else_is_not_believed_beside_strange_lines() -> None:
    air = Air(counting())
    assert air.heard(answer(None), NOW_S, 1) is None
    assert air.heard(answer(None), NOW_S + 1, 2) is None
    assert air.heard(answer(5), NOW_S + 2, 2) == answer(5)
    assert (air.credited, air.in_doubt) == ([], False)


def test_it_leaves_the_message_in_doubt_where_the_modem_has_nothing_more_to_do() -> None:
    air = Air(counting())
    assert air.heard(answer(None), NOW_S, 1) is None
    assert air.nothing_more(NOW_S + LISTEN_S, 1) is Doubt.UNCLEAR


def test_ok_without_a_reference_is_believed_at_once_without_them() -> None:
    assert Air(counting()).heard(answer(None), NOW_S, 0) == answer(None)
    assert Air(Owed()).heard(answer(None), NOW_S, 1) == answer(None)


@pytest.mark.parametrize(
    ("count", "noise", "told"), [(1, 0, answer(7)), (1, 1, Doubt.UNCLEAR), (2, 0, Doubt.UNCLEAR)]
)
def test_the_only_answer_is_believed_once_there_is_nothing_more_to_come(
    count: int, noise: int, told: Answer | Doubt
) -> None:
    air = Air(owing(count))
    air.heard(answer(7), NOW_S, 0)
    assert air.nothing_more(NOW_S + LISTEN_S, noise) == told
    assert air.owed.count == (count if told == answer(7) else count + 1)


def test_a_refusal_is_nobodys_where_one_is_owed_that_may_have_got_it() -> None:
    air = Air(owing())
    air.decides = lambda final: final is REFUSED
    assert air.heard(answer(None, REFUSED), NOW_S, 0) is None
    assert air.nothing_more(NOW_S + LISTEN_S, 0) is Doubt.UNCLEAR
    assert air.owed.count == 2


@pytest.mark.parametrize("said", [answer(7), answer(None, REFUSED)])
def test_what_leaves_open_what_became_of_it_is_guessed_to_be_this_ones(said: Answer) -> None:
    air = Air(owing())
    assert air.heard(said, NOW_S, 0) is None
    assert air.nothing_more(NOW_S + LISTEN_S, 0) == said
    assert air.owed.count == 1


def test_without_probes_it_listens_no_longer_than_that() -> None:
    air = Air(owing(), probe_at=inf)
    air.heard(answer(7), NOW_S, 0)
    assert (air.limit, air.due) == (NOW_S + LISTEN_S, 30.0)


def test_pieces_of_answers_are_told_once() -> None:
    air = Air(Owed())
    told = [air.probed(unanswered, unanswered) for unanswered in range(1, SCRAPS + 4)]
    assert told == [at == SCRAPS for at in range(SCRAPS + 3)]


def test_late_answers_one_after_the_other_are_not_taken_for_a_new_count() -> None:
    """Of a modem that counts, has got as far as 36, and owes the answers to 22, 23 and 24."""
    owed = Owed(until_s=1000.0, count=3, reference=36, since=0, steps=10, awaited=24)
    for late in (22, 23, 24):
        owed.went_out()
        air = Air(owed)
        assert air.heard(answer(late), NOW_S, 0) is None
        assert air.nothing_more(NOW_S + LISTEN_S, 0) is Doubt.UNCLEAR
    owed.went_out()
    assert Air(owed).heard(answer(40), NOW_S, 0) == answer(40)


def test_a_new_count_is_counted_from_where_nothing_is_owed() -> None:
    owed = Owed(reference=36, since=1, steps=10)
    air = Air(owed)
    assert air.heard(answer(0), NOW_S, 0) is None
    assert air.nothing_more(NOW_S + LISTEN_S, 0) is Doubt.UNCLEAR
    owed.went_out()
    assert Air(owed).heard(answer(1), NOW_S, 0) == answer(1)
