"""Which attempt a delivery report belongs to: each rule, and the table of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from airpost.codec.times import TimeStamp
from airpost.model import Claimed
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import matching, reports
from airpost.store.api import Store
from airpost.store.attempts import AttemptRow
from airpost.store.matching import RULES, Evidence, Rule
from tests.store.values import (
    ARRIVED,
    G2,
    HOUR,
    LOST,
    SIM2,
    TRYING,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    report,
    seen,
    sent,
    stamp,
    unmatched,
)

M, S, E = MessageState, SegmentState, SegmentEvent
OTHER = "+4930987654321"


@pytest.fixture
def by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rules that have decided, in order."""
    names: list[str] = []

    def decide(of: Evidence) -> tuple[Rule, AttemptRow | None]:
        decided = matching.decide(of)
        names.append(decided[0].name)
        return decided

    monkeypatch.setattr(reports, "decide", decide)
    return names


def test_the_contract_lists_the_rules_in_their_order() -> None:
    assert re.findall(r"^- `(.+)`:", matching.__doc__ or "", re.MULTILINE) == [
        rule.name for rule in RULES
    ]


async def test_the_newest_attempt_with_that_reference_gets_it(store: Store, by: list[str]) -> None:
    await bound(store, new("old"), new("new"), new("else", to=OTHER))
    for mr, segment, at in zip((7, 7, 7), await claim(store), (1, 2, 3), strict=True):
        await sent(store, segment, mr, after(at))
    stored = await store.record_report(report(7))
    assert (stored.message_id, stored.state) == ("new", S.DELIVERED)
    assert (await seen(store, "old")).state is M.SENT
    assert by == ["has the reference"]


@pytest.mark.parametrize(
    ("dialled", "reported"),
    [
        ("+4915112345678", "015112345678"),
        ("+4915112345678", "4915112345678"),
        ("0151 1234 5678".replace(" ", ""), "+4915112345678"),
        ("10086", "10086"),
    ],
)
async def test_numbers_are_compared_by_their_last_eight_digits(
    store: Store, dialled: str, reported: str
) -> None:
    await bound(store, new("m", to=dialled))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    assert (await store.record_report(report(7, to=reported))).message_id == "m"


@pytest.mark.parametrize(
    "changes",
    [
        {"mr": 8},
        {"to": "+4915112345679"},
        {"to": "5678"},
        {"sim_id": SIM2, "lane": G2},
        {"received_at": after(72 * HOUR + 1)},
    ],
)
async def test_what_matches_nothing_is_kept_and_never_applied(
    store: Store, by: list[str], changes: dict[str, object]
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    stored = await store.record_report(report(**{"mr": 7, **changes}))
    assert (stored.message_id, stored.state) == (None, None)
    assert (await seen(store, "m")).state is M.SENT
    assert await unmatched(store) == 1
    assert (await store.record_report(report(**{"mr": 7, **changes}))).message_id is None
    assert await unmatched(store) == 1
    assert by == ["nobody's"]


async def test_the_only_uncertain_attempt_since_the_last_reference_gets_it(
    store: Store, by: list[str]
) -> None:
    await bound(store, new("known"), new("m"), new("else", to=OTHER))
    known, segment, other = await claim(store)
    await sent(store, known, 5)
    await lost(store, segment)
    await lost(store, other)
    stored = await store.record_report(report(200, scts=stamp(1)))
    assert (stored.message_id, stored.state) == ("m", S.DELIVERED)
    found = await seen(store, "m")
    assert (found.state, found.parts[0].reference, found.parts[0].sent_at) == (
        M.DELIVERED, 200, after(0),
    )  # fmt: skip
    assert by == ["alone since the last"]


async def test_of_several_the_one_whose_turn_it_was_gets_it(store: Store, by: list[str]) -> None:
    await bound(store, new("known"), new("a"), new("else", to=OTHER), new("b"))
    known, a, other, b = await claim(store)
    await sent(store, known, 254)
    await lost(store, a)
    await lost(store, other)
    await lost(store, b)
    assert (await store.record_report(report(3))).message_id is None
    assert (await store.record_report(report(1))).message_id == "b"  # 254 + 3
    # The reference of b is known now; a's turn was before it.
    assert (await store.record_report(report(255))).message_id == "a"
    assert (await seen(store, "else")).state is M.UNCERTAIN
    assert await unmatched(store) == 1
    assert by == ["nobody's", "alone by the count", "alone by the count"]


async def test_what_was_taken_without_a_reference_is_a_candidate_too(store: Store) -> None:
    await bound(store, new("known"), new("bare ok"), new("lost"))
    known, bare, silent = await claim(store)
    await sent(store, known, 18)
    await sent(store, bare, None)
    await lost(store, silent)
    assert (await store.record_report(report(19))).message_id == "bare ok"
    assert (await seen(store, "lost")).state is M.UNCERTAIN
    assert (await store.record_report(report(20))).message_id == "lost"


async def test_without_any_known_reference_several_are_too_many(store: Store) -> None:
    await bound(store, new("a"), new("b"))
    for segment in await claim(store):
        await lost(store, segment)
    assert (await store.record_report(report(1))).message_id is None


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("delivered", [True, False])
async def test_of_several_attempts_at_one_part_it_is_that_parts_whichever_it_is(
    store: Store, by: list[str], *, delivered: bool, counted: bool
) -> None:
    """Both answers stayed away; the first that could not be delivered leaves the other one."""
    await bound(store, new("before", to=OTHER), new("m"))
    before, segment = await claim(store)
    if counted:
        await sent(store, before, 6)
    else:
        await lost(store, before)
    await lost(store, segment, after(1))
    await store.sweep(after(62))
    (again,) = (each for each in await claim(store, after(62)) if each.message_id == "m")
    await lost(store, again, after(63))
    outcome = {} if delivered else {"delivered": False, "status": 0x41, "outcome": LOST}
    no_time = bytes(7)  # else that tells which it is
    for n, mr in enumerate((7, 8) if counted else (8, 7), 1):
        told = report(mr, scts=no_time, received_at=after(70 + n), **outcome)
        assert (await store.record_report(told)).message_id == "m"
        state = (await seen(store, "m")).state
        assert state is (M.DELIVERED if delivered else M.FAILED if n == 2 else M.UNCERTAIN)
    assert by[0] == "all of one part"


async def test_of_those_without_a_reference_each_gets_its_own_report_in_any_order(
    store: Store, by: list[str]
) -> None:
    """A modem that answers with a bare OK; the first one's report had been given to the last."""
    await bound(store, new("known", to=OTHER), new("one"), new("two"), new("three"))
    for mr, segment, at in zip((14, None, None, None), await claim(store), range(4), strict=True):
        await sent(store, segment, mr, at=after(at))
    for mr, whose in ((16, "two"), (15, "one"), (17, "three")):
        heard = report(mr, scts=stamp(mr - 14), received_at=after(5))
        assert (await store.record_report(heard)).message_id == whose
    assert by == ["alone by the count", "alone by the count", "alone since the last"]


async def test_an_older_uncertain_attempt_takes_only_its_own_reference(
    store: Store, by: list[str]
) -> None:
    await bound(store, new("first"), new("m"), new("last"))
    first, segment, last = await claim(store)
    await sent(store, first, 6)
    await lost(store, segment)
    await sent(store, last, 8)
    assert (await store.record_report(report(9))).message_id is None
    assert (await store.record_report(report(7))).message_id == "m"
    assert by == ["nobody's", "alone by the count"]


async def test_a_report_waits_also_where_an_old_one_had_that_reference(store: Store) -> None:
    await bound(store, new("known"), new("old"), new("m"))
    known, old, segment = await claim(store)
    await sent(store, old, 8)
    await sent(store, known, 7)
    attempt = await begin(store, segment)
    assert (await store.record_report(report(8, received_at=after(1)))).message_id is None
    await end(store, segment, attempt, mr=8, at=after(2))
    assert (await seen(store, "m")).state is M.DELIVERED
    assert (await seen(store, "old")).state is M.SENT


async def test_a_report_of_what_is_on_the_air_is_not_given_to_what_is_uncertain(
    store: Store,
) -> None:
    await bound(store, new("known"), new("lost"), new("air"))
    known, silent, air = await claim(store)
    await sent(store, known, 5)
    await lost(store, silent)
    attempt = await begin(store, air)
    for mr in (7, 6):  # what is lost may have had none: both may be of what is on the air
        assert (await store.record_report(report(mr, received_at=after(1)))).message_id is None
    await end(store, air, attempt, mr=7, at=after(2))
    assert (await seen(store, "air")).state is M.DELIVERED
    assert (await seen(store, "lost")).state is M.DELIVERED


@pytest.mark.parametrize("at_s", [0, 101, 50, 100])
async def test_of_several_in_doubt_the_time_tells_whose_report_it_is(
    store: Store, by: list[str], at_s: int
) -> None:
    """The first may have been refused: then the second has the reference that it would have had.

    And it may have been on the air until the second began.
    """
    await bound(store, new("known"), new("first"), new("second"))
    known, first, second = await claim(store)
    await sent(store, known, 5)
    await lost(store, first)
    attempt = await begin(store, second, after(100))
    await end(store, second, attempt, E.UNKNOWN, at=after(120), grace_until=after(160))
    taken = TimeStamp.from_instant(after(at_s)).octets
    stored = await store.record_report(report(6, received_at=after(122), scts=taken))
    meant = {0: "first", 50: "first", 100: None, 101: None}[at_s]
    assert stored.message_id == meant
    assert await unmatched(store) == (meant is None)
    assert by == ["nobody's" if meant is None else "alone by the time"]


async def on_the_air(store: Store, *known: int, to: str = OTHER) -> tuple[Claimed, int]:
    """The references of the last messages, and one that is on the air after them."""
    await bound(store, *(new(f"known {mr}", to=to) for mr in known), new("air"))
    *before, air = await claim(store)
    for segment, mr in zip(before, known, strict=True):
        await sent(store, segment, mr)
    return air, await begin(store, air, after(10))


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("event", [E.TAKEN, E.UNKNOWN, E.TRANSIENT])
async def test_a_report_that_only_one_on_the_air_can_have_is_not_kept_waiting(
    store: Store, by: list[str], delivered: bool, event: E
) -> None:
    """The modem counts, and this is the next: the answer would say the same."""
    air, attempt = await on_the_air(store, 5, 6)
    word = report(7, scts=stamp(11), received_at=after(12), delivered=delivered,
                  outcome=ARRIVED if delivered else LOST)  # fmt: skip
    state = M.DELIVERED if delivered else M.FAILED
    assert (await store.record_report(word)).message_id == "air"
    assert (await seen(store, "air")).state is state
    mr = 7 if event is E.TAKEN else None
    await end(store, air, attempt, event, mr=mr, at=after(25), grace_until=after(30),
              retry_at=after(30))  # fmt: skip
    found = await seen(store, "air")
    assert (found.state, found.final, found.parts[0].reference) == (state, True, 7)
    assert (await store.sweep(after(99))).resent == 0
    assert await claim(store, after(99)) == []
    assert (await store.record_report(word)).message_id == "air"  # the same once more
    assert by[0] == "counted on the air"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_further_report_of_what_one_has_told_before_finds_it(
    store: Store, make: Callable[[], Store], restarted: bool
) -> None:
    """Also where no answer ever ended the attempt."""
    await on_the_air(store, 5, 6)
    await store.record_report(report(7, scts=stamp(11), received_at=after(12)))
    if restarted:
        await store.close()
        store = make()
        assert (await store.open(after(20))).uncertain == 0
    word = report(
        7, scts=stamp(11), received_at=after(30), delivered=False, outcome=LOST, status=65
    )
    assert (await store.record_report(word)).message_id == "air"
    assert (await seen(store, "air")).state is M.FAILED
    await store.close()


@pytest.mark.parametrize(
    ("known", "mr", "at_s", "to"),
    [
        ((5, 6), 8, 11, OTHER),  # not the next
        ((5, 7), 8, 11, OTHER),  # others send by it too, or it does not count
        ((6,), 7, 11, OTHER),  # nobody knows whether it counts
        ((5, 6), 7, -20, OTHER),  # taken before it was on the air
        ((7, 5, 6), 7, 11, "+4915112345678"),  # one to the same number had it
    ],
)
async def test_a_report_that_may_be_anothers_waits_for_the_result(
    store: Store, known: tuple[int, ...], mr: int, at_s: float, to: str
) -> None:
    await on_the_air(store, *known, to=to)
    word = report(mr, scts=stamp(at_s), received_at=after(12))
    assert (await store.record_report(word)).message_id != "air"
    assert (await seen(store, "air")).state is M.SENDING


async def test_a_report_waits_where_another_to_that_number_is_in_doubt(
    store: Store, by: list[str]
) -> None:
    await bound(store, new("one", to=OTHER), new("two", to=OTHER), new("lost"), new("air"))
    one, two, silent, air = await claim(store)
    await lost(store, silent)
    await sent(store, one, 5)
    await sent(store, two, 6)
    await begin(store, air, after(10))
    await store.record_report(report(7, scts=stamp(11), received_at=after(12)))
    assert (await seen(store, "air")).state is M.SENDING
    assert (await seen(store, "lost")).state is M.UNCERTAIN
    assert by == ["may be on the air"]


async def test_a_report_that_it_is_still_tried_waits_for_the_result(
    store: Store, by: list[str]
) -> None:
    """What the answer says then must not be taken for silence."""
    air, attempt = await on_the_air(store, 5, 6)
    tried = report(7, scts=stamp(11), received_at=after(12), delivered=None, outcome=TRYING)
    assert (await store.record_report(tried)).message_id is None
    done = await end(store, air, attempt, E.UNKNOWN, at=after(25), grace_until=after(30))
    assert done.state is S.SENT
    assert by == ["may be on the air", "alone since the last"]


async def test_of_one_reference_twice_the_one_on_the_air_at_that_time_gets_it(store: Store) -> None:
    """A modem that restarts begins its references anew."""
    await bound(store, new("old"), new("new"))
    for segment, at in zip(await claim(store), (100, 200), strict=True):
        await sent(store, segment, 0, after(at))
    assert (await store.record_report(report(0, scts=stamp(101)))).message_id == "old"
    assert (await store.record_report(report(0, scts=stamp(199)))).message_id == "new"


async def test_a_clock_that_fits_none_means_the_newest(store: Store) -> None:
    await bound(store, new("old"), new("new"))
    for segment, at in zip(await claim(store), (100, 200), strict=True):
        await sent(store, segment, 0, after(at))
    assert (await store.record_report(report(0, scts=stamp(-HOUR)))).message_id == "new"
    assert (await store.record_report(report(0, scts=bytes(7), status=1))).message_id == "new"


async def test_one_on_the_air_with_that_reference_waits_unless_another_fits(store: Store) -> None:
    await bound(store, new("old"), new("next", to=OTHER), new("air"))
    old, following, air = await claim(store)
    await sent(store, old, 1, after(100))
    await sent(store, following, 0, after(200))  # it has restarted: the next is 1 again
    attempt = await begin(store, air, after(300))
    overtakes = report(1, scts=stamp(300), received_at=after(300.5))
    assert (await store.record_report(overtakes)).message_id is None
    assert (await store.record_report(report(1, scts=stamp(101)))).message_id == "old"
    await end(store, air, attempt, E.TAKEN, mr=1, at=after(301))
    assert (await seen(store, "air")).state is M.DELIVERED


@pytest.mark.parametrize(
    ("at_s", "whose", "rule"),
    [(101, "lost", "in doubt when it was taken"), (301, "newest", "has the reference"),
     (-500, "newest", "has the reference")],
)  # fmt: skip
async def test_one_in_doubt_gets_its_own_report_after_the_count_came_round(
    store: Store, by: list[str], at_s: float, whose: str, rule: str
) -> None:
    """Its phone was off; a later message to that number has the same reference, 256 further on."""
    await bound(store, new("before", to=OTHER), new("lost"), new("round", to=OTHER), new("newest"))
    before, doubtful, around, newest = await claim(store)
    await sent(store, before, 26, at=after(90))
    await lost(store, doubtful, after(100))
    await sent(store, around, 28, at=after(110))
    await sent(store, newest, 27, at=after(300))
    stored = await store.record_report(report(27, scts=stamp(at_s), received_at=after(500)))
    assert (stored.message_id, by) == (whose, [rule])


@pytest.mark.parametrize(
    ("at_s", "whose", "rule"),
    [(101, "old", "has the reference"), (131, "lost", "in doubt when it was taken"),
     (161, "new", "has the reference")],
)  # fmt: skip
async def test_where_the_reference_is_always_the_same_one_in_doubt_gets_its_own_report(
    store: Store, by: list[str], at_s: float, whose: str, rule: str
) -> None:
    """Only the time tells them apart; an earlier one had been said to be delivered by it."""
    await bound(store, new("before", to=OTHER), new("old"), new("lost"), new("new"))
    before, old, doubtful, newest = await claim(store)
    await sent(store, before, 0, at=after(90))
    await sent(store, old, 0, at=after(100))
    await lost(store, doubtful, after(130))
    await sent(store, newest, 0, at=after(160))
    stored = await store.record_report(report(0, scts=stamp(at_s), received_at=after(200)))
    assert (stored.message_id, by) == (whose, [rule])


@pytest.mark.parametrize(("ahead_s", "state"), [(0, M.DELIVERED), (100, M.SENT)])
async def test_a_service_centre_whose_clock_is_wrong_tells_nothing_by_its_time(
    store: Store, ahead_s: float, state: MessageState
) -> None:
    """The modem gives the same reference each time; the one in doubt never went out."""
    await bound(store, new("first"), new("next"), new("last"), new("lost"))
    first, following, last, doubtful = await claim(store)
    await sent(store, first, 0, at=after(0))
    await store.record_report(report(0, scts=stamp(ahead_s), received_at=after(9)))
    await sent(store, following, 0, at=after(50))
    await sent(store, last, 0, at=after(100))
    await lost(store, doubtful, after(150))
    await store.record_report(report(0, scts=stamp(50 + ahead_s), received_at=after(200)))
    assert (await seen(store, "lost")).state is M.UNCERTAIN
    assert (await seen(store, "next")).state is state


@pytest.mark.parametrize("on_air", [False, True])
async def test_one_in_doubt_gets_no_report_of_the_next_where_the_count_goes_on(
    store: Store, on_air: bool
) -> None:
    """It never went out, so the next has the reference; the service centre's clock is 15 s slow."""
    await bound(store, new("before", to=OTHER), new("lost"), new("next"))
    before, doubtful, following = await claim(store)
    await sent(store, before, 26, at=after(90))
    await lost(store, doubtful, after(100))
    attempt = await begin(store, following, after(160))
    word = report(27, scts=stamp(145), received_at=after(161))
    if on_air:
        await store.record_report(word)
    await end(store, following, attempt, mr=27, at=after(162))
    await store.record_report(word)
    assert (await seen(store, "next")).state is M.DELIVERED
    assert (await seen(store, "lost")).state is M.UNCERTAIN


async def test_after_a_restart_the_time_has_a_report_wait_for_the_result(
    store: Store, by: list[str]
) -> None:
    """Its report is there first; by the count it can have none, and an old one bears that."""
    await bound(store, new("old"), new("last", to=OTHER), new("air"))
    old, last, air = await claim(store)
    await sent(store, old, 0, at=after(100))
    await sent(store, last, 57, at=after(200))
    attempt = await begin(store, air, after(500))
    early = report(0, scts=stamp(501), received_at=after(502), delivered=False, outcome=LOST)
    await store.record_report(early)
    await end(store, air, attempt, mr=0, at=after(503))
    assert (await seen(store, "air")).state is M.FAILED
    assert (await seen(store, "old")).state is M.SENT
    assert by == ["may be on the air", "has the reference"]


async def test_a_later_report_with_the_same_time_is_of_the_same_attempt(
    store: Store, by: list[str]
) -> None:
    """By a clock that is an hour slow the newest would have it."""
    await bound(store, new("old"), new("new"))
    old, newest = await claim(store)
    await sent(store, old, 7, at=after(100))
    tried = report(7, scts=stamp(-HOUR), delivered=None, outcome=TRYING, status=32)
    assert (await store.record_report(tried)).message_id == "old"
    await sent(store, newest, 7, at=after(300))
    final = report(7, scts=stamp(-HOUR), delivered=False, outcome=LOST, status=65)
    assert (await store.record_report(final)).message_id == "old"
    assert by == ["has the reference", "told of before"]


async def test_what_was_told_of_by_another_time_gets_no_report_of_the_other(store: Store) -> None:
    """A clock that is an hour slow, and a reference that came again: what arrived stays so."""
    await bound(store, new("old"), new("new"))
    for segment, at in zip(await claim(store), (100, 300), strict=True):
        await sent(store, segment, 7, at=after(at))
    await store.record_report(report(7, scts=stamp(300 - HOUR), received_at=after(305)))
    late = report(7, scts=stamp(100 - HOUR), received_at=after(400), delivered=False,
                  outcome=LOST, status=65)  # fmt: skip
    assert (await store.record_report(late)).message_id == "old"
    assert (await seen(store, "new")).state is M.DELIVERED


@pytest.mark.parametrize(("mr", "at_s", "whose"), [(5, 1, None), (8, 1, "new"), (200, 301, "new")])
async def test_the_last_one_in_doubt_gets_no_report_that_cannot_be_its_own(
    store: Store, mr: int, at_s: float, whose: str | None
) -> None:
    """The first one's report comes late, and no reference was known before that."""
    await bound(store, new("old"), new("known"), new("again"), new("new"))
    old, known, known_again, newest = await claim(store)
    await lost(store, old, after(1))
    await sent(store, known, 6, at=after(100))
    await sent(store, known_again, 7, at=after(200))
    await lost(store, newest, after(300))
    stored = await store.record_report(report(mr, scts=stamp(at_s), received_at=after(400)))
    assert stored.message_id == whose


@pytest.mark.parametrize(("code", "whose"), [("port lost", None), ("timeout", "later")])
async def test_a_port_that_was_lost_ends_nothing_on_the_air(
    store: Store, code: str, whose: str | None
) -> None:
    """The modem may be at the first one yet when it is sent the second."""
    outcome = Outcome(cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code=code, text="test")
    await bound(store, new("known"), new("earlier"), new("later"))
    known, *doubtful = await claim(store)
    await sent(store, known, 30, at=after(100))
    for segment, at in zip(doubtful, (after(130), after(142)), strict=True):
        attempt = await begin(store, segment, at)
        await end(store, segment, attempt, SegmentEvent.UNKNOWN, outcome=outcome, at=at,
                  grace_until=after(60, at))  # fmt: skip
    stored = await store.record_report(report(31, scts=stamp(161), received_at=after(163)))
    assert stored.message_id == whose


async def test_of_two_in_doubt_at_that_second_neither_gets_a_report_that_may_be_the_others(
    store: Store, by: list[str]
) -> None:
    """The first was refused, perhaps, and the next began then; an old one bears the reference."""
    await bound(store, new("old"), new("known", to=OTHER), new("refused"), new("taken"))
    old, known, refused, taken = await claim(store)
    await sent(store, old, 21, at=after(100))
    await sent(store, known, 20, at=after(3_000))
    await lost(store, refused, after(3_100))
    await lost(store, taken, after(3_103))
    stored = await store.record_report(report(21, scts=stamp(3_103), received_at=after(3_105)))
    assert (stored.message_id, by) == (None, ["in doubt when it was taken"])
