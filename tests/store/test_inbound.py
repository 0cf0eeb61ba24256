"""Received parts, the messages they make, and what could not be read: for every store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import Any

import pytest

from airpost.codec.split import split
from airpost.model import Encoding, MessageId
from airpost.received import Inbound, RawPart
from airpost.states import SegmentEvent
from airpost.store.api import PartStored, Store
from tests.store.values import (
    DAY,
    G1,
    G2,
    HOUR,
    NOW,
    NUMBER,
    SIM1,
    SIM2,
    after,
    begin,
    bound,
    claim,
    concat,
    end,
    lost,
    new,
    part,
    sent,
)

STAMP = b"\x62\x10\x20\x30\x40\x51\x40"


def piece(text: str, ref: int, total: int, seq: int, at: float = 0, **changes: Any) -> RawPart:
    """A part of a message in several, under a time stamp of its own."""
    given = {"scts": STAMP[:5] + bytes((seq,)) + STAMP[6:], "received_at": after(at)} | changes
    return part(text.encode(), **{"udh": concat(ref, total, seq)} | given)


async def take(store: Store, *parts: RawPart) -> list[PartStored]:
    return [await store.record_part(each) for each in parts]


async def received(store: Store) -> tuple[Inbound, ...]:
    return (await store.inbound(None, 0, 100)).items


async def test_a_single_part_is_a_message_at_once(store: Store) -> None:
    (done,) = await take(store, part(b"hello", number="+49170"))
    (found,) = await received(store)
    assert done.inbound == found
    assert (found.text, found.data, found.encoding) == ("hello", None, Encoding.UCS2)
    assert (found.from_, found.to, found.modem, found.sim) == (NUMBER, "+49170", G1, SIM1)
    assert (found.parts, found.partial, found.copies) == (1, False, 1)
    assert (found.sent_at, found.received_at) == (NOW, NOW)
    (event,) = (await store.events(0, 10)).items
    assert (event.subject, event.to) == ("inbound", "received")


async def test_seven_bit_and_data_and_their_class_and_port(store: Store) -> None:
    seven = part(dcs=0x10, ud=bytes.fromhex("e8329bfd06"), udl=5)
    ports = bytes((6, 5, 4, 0x0B, 0x84, 0, 0))
    data = part(dcs=4, ud=b"\x01\x02", udh=ports, udl=9)
    one, two = (each.inbound for each in await take(store, seven, data))
    assert (one.text, one.encoding, one.class_) == ("hello", Encoding.GSM7, 0)
    assert (two.text, two.data, two.encoding, two.port) == (None, b"\x01\x02", Encoding.DATA, 2948)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
async def test_parts_in_any_order_are_joined_when_the_last_is_there(
    store: Store, order: tuple[int, ...]
) -> None:
    texts = {1: "one ", 2: "two ", 3: "three"}
    done = await take(store, *(piece(texts[seq], 7, 3, seq, at=seq) for seq in order))
    assert [each.inbound is not None for each in done] == [False, False, True]
    (found,) = await received(store)
    assert (found.text, found.parts, found.received_at) == ("one two three", 3, after(3))


async def test_a_pair_cut_between_parts_and_mixed_codings_read_right(store: Store) -> None:
    wide = "😀".encode("utf-16-be")
    one = piece("", 7, 3, 1, ud="a".encode("utf-16-be") + wide[:2])
    two = piece("", 7, 3, 2, ud=wide[2:])
    # Five septets behind a header of six octets: one fill bit.
    three = piece("", 7, 3, 3, dcs=0, ud=b"\xd0\x65\x36\xfb\x0d", udl=12)
    *_, done = await take(store, one, two, three)
    assert done.inbound is not None
    assert done.inbound.text == "a😀hello"


async def test_sets_are_of_one_sim_sender_reference_width_and_total(store: Store) -> None:
    wide = bytes((6, 8, 4, 0, 7, 2, 2))
    parts = [
        piece("a", 7, 2, 1),
        piece("b", 8, 2, 2),
        piece("c", 7, 3, 2),
        piece("d", 7, 2, 2, sender="+4930111111"),
        piece("e", 7, 2, 2, sim_id=SIM2, lane=G2),
        part(b"f", udh=wide, scts=STAMP),
    ]
    assert all(each.inbound is None for each in await take(store, *parts))
    (done,) = await take(store, piece("z", 7, 2, 2))
    assert done.inbound is not None
    assert done.inbound.text == "az"


async def test_a_redelivery_counts_and_is_handed_over_once(store: Store) -> None:
    given = part(b"hello")
    again = replace(given, raw=b"through another centre", smsc="+49172", received_at=after(60))
    first, second = await take(store, given, again)
    assert (first.repeat, second.repeat, second.inbound) == (False, True, None)
    (found,) = await received(store)
    assert (found.copies, found.received_at) == (2, NOW)


@pytest.mark.parametrize(
    "changes",
    [{"sim_id": SIM2}, {"sender": "+4930111"}, {"scts": STAMP}, {"pid": 1}, {"dcs": 9},
     {"ud": b"\0i", "raw": b"raw \0h"}],
)  # fmt: skip
async def test_what_differs_in_any_of_the_six_is_no_redelivery(
    store: Store, changes: dict[str, Any]
) -> None:
    given = part(ud=b"\0h")
    first, second = await take(store, given, replace(given, **changes))
    assert (first.repeat, second.repeat) == (False, False)
    assert len(await received(store)) == 2


async def test_copies_of_a_message_in_parts_are_those_of_the_message(store: Store) -> None:
    parts = [piece("a", 7, 2, 1), piece("b", 7, 2, 2)]
    await take(store, parts[0], parts[0], parts[1])
    await take(store, *parts)
    (found,) = await received(store)
    assert found.copies == 3


async def test_parts_survive_a_restart_in_the_middle(
    store: Store, make: Callable[[], Store]
) -> None:
    await take(store, piece("a", 7, 2, 1))
    await store.close()
    again = make()
    await again.open(NOW)
    done = await take(again, piece("a", 7, 2, 1), piece("b", 7, 2, 2))
    assert done[0].repeat
    assert done[1].inbound is not None
    assert done[1].inbound.text == "ab"
    await again.close()


async def test_an_incomplete_set_is_handed_over_an_hour_after_its_newest_part(
    store: Store,
) -> None:
    await take(store, piece("a", 7, 3, 1), piece("c", 7, 3, 3, at=60))
    assert await store.next_due(NOW) == after(60 + HOUR)
    assert (await store.sweep(after(HOUR + 59))).partials == 0
    assert (await store.sweep(after(HOUR + 60))).partials == 1
    (found,) = await received(store)
    assert (found.text, found.partial, found.parts) == ("ac", True, 3)
    assert "parts 2 of 3" in (await store.events(0, 10)).items[-1].reason
    assert await store.next_due(NOW) is None
    assert (await store.sweep(after(DAY))).partials == 0


async def test_a_part_that_comes_too_late_makes_the_message_whole(store: Store) -> None:
    await take(store, piece("a", 7, 3, 1), piece("b", 7, 3, 2))
    await store.sweep(after(HOUR))
    (done,) = await take(store, piece("c", 7, 3, 3, at=HOUR + 60))
    partial, whole = await received(store)
    assert done.inbound == whole
    assert (partial.text, partial.partial) == ("ab", True)
    assert (whole.text, whole.partial) == ("abc", False)


async def test_a_part_that_comes_too_late_and_is_not_the_last_is_handed_over_with_the_rest(
    store: Store,
) -> None:
    await take(store, piece("a", 7, 3, 1))
    await store.sweep(after(HOUR))
    await take(store, piece("b", 7, 3, 2, at=HOUR + 60))
    assert (await store.sweep(after(2 * HOUR + 60))).partials == 1
    assert [(i.text, i.partial) for i in await received(store)] == [("a", True), ("ab", True)]


async def test_a_reference_that_comes_again_a_day_later_is_another_message(store: Store) -> None:
    await take(store, piece("a", 7, 2, 1))
    await store.sweep(after(HOUR))
    (done,) = await take(store, piece("b", 7, 2, 2, at=DAY + 1, sent_at=after(DAY)))
    assert done.inbound is None
    await store.sweep(after(DAY + 1 + HOUR))
    assert [(i.text, i.partial) for i in await received(store)] == [("a", True), ("b", True)]


async def test_a_reference_that_comes_again_at_once_begins_another_set(store: Store) -> None:
    """The first set lacks a part, then the sender uses the reference for something else."""
    stamp = STAMP[:6] + b"\x00"
    await take(store, piece("old", 7, 2, 1), piece("n", 7, 2, 1, at=5, scts=stamp))
    (done,) = await take(store, piece("ew", 7, 2, 2, at=6))
    assert done.inbound is not None
    assert done.inbound.text == "new"
    await store.sweep(after(HOUR))
    assert [(i.text, i.partial) for i in await received(store)] == [("new", False), ("old", True)]


async def test_a_part_sent_once_more_by_its_sender_is_the_same_part(store: Store) -> None:
    """We do so ourselves after silence: same reference and content, another time stamp."""
    again = piece("a", 7, 2, 1, at=60, scts=STAMP[:6] + b"\x00")
    done = await take(store, piece("a", 7, 2, 1), again, piece("b", 7, 2, 2, at=61))
    assert [each.repeat for each in done] == [False, True, False]
    (found,) = await received(store)
    assert (found.text, found.copies) == ("ab", 2)


async def test_the_same_long_text_twice_is_two_messages(store: Store) -> None:
    later = STAMP[:6] + b"\x00"
    await take(store, piece("a", 7, 2, 1), piece("b", 7, 2, 2))
    await take(store, piece("a", 7, 2, 1, at=9, scts=later),
               piece("b", 7, 2, 2, at=9, scts=STAMP[:5] + b"\x77\x00"))  # fmt: skip
    assert [i.text for i in await received(store)] == ["ab", "ab"]


async def test_a_message_of_type_0_is_kept_and_shown_to_nobody(store: Store) -> None:
    one, two = await take(store, part(b"", pid=0x40), part(b"", pid=0x40))
    assert (one.inbound, one.repeat, two.repeat) == (None, False, True)
    assert await received(store) == ()
    assert "type 0" in (await store.events(0, 10)).items[0].reason


async def test_a_message_that_replaces_another_is_one_more(store: Store) -> None:
    await take(store, part(b"balance 1", pid=0x41), part(b"balance 2", pid=0x41, scts=STAMP))
    assert [i.text for i in await received(store)] == ["balance 1", "balance 2"]


# -- replies -------------------------------------------------------------------------------------
async def test_a_reply_belongs_to_the_newest_message_that_may_have_arrived(store: Store) -> None:
    await bound(
        store, new("older", owner="a"), new("newer", owner="b"), new("barred", owner="c"),
        new("queued", owner="d"), new("other", to="+4930111111", owner="e"),
    )  # fmt: skip
    older, newer, barred, _, other = await claim(store)
    await sent(store, older, 1)
    await lost(store, newer)
    await end(store, barred, await begin(store, barred), SegmentEvent.PERMANENT)
    await sent(store, other, 3)
    (done,) = await take(store, part(b"yes", sender="015112345678", received_at=after(60)))
    assert done.inbound is not None
    assert (done.inbound.in_reply_to, done.inbound.owner) == ("newer", "b")
    assert [i.text for i in (await store.inbound("b", 0, 10)).items] == ["yes"]
    assert (await store.inbound("a", 0, 10)).items == ()


@pytest.mark.parametrize(
    "changes",
    [{"sim_id": SIM2}, {"sender": "+4930999999"}, {"sender": "Bank"},
     {"received_at": after(7 * DAY + 1)}],
)  # fmt: skip
async def test_what_answers_nothing_belongs_to_nobody(
    store: Store, changes: dict[str, Any]
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 1)
    (done,) = await take(store, part(b"yes", **changes))
    assert done.inbound is not None
    assert (done.inbound.in_reply_to, done.inbound.owner) == (None, None)


async def test_received_messages_are_read_by_page(store: Store) -> None:
    await take(store, *(part(b"%d" % n, scts=STAMP[:6] + bytes((n,))) for n in range(5)))
    first = await store.inbound(None, 0, 2)
    assert [i.text for i in first.items] == ["0", "1"]
    assert first.next == first.items[-1].seq
    rest = await store.inbound(None, first.next, 3)
    assert [i.text for i in rest.items] == ["2", "3", "4"]
    assert rest.next is None


# -- quarantine ----------------------------------------------------------------------------------
async def test_what_cannot_be_read_is_kept_once_with_field_and_octet(store: Store) -> None:
    for raw in (b"\x00", b"\x00", b"\x01"):
        await store.quarantine(SIM1, G1, raw, "TP-UD", 7, "runs past the end", NOW)
    assert (await store.counts())["quarantined"] == 2
    first, _ = (await store.events(0, 10)).items
    assert "TP-UD at 7: runs past the end" in first.reason
    assert (first.subject, first.message_id) == ("modem gate-1", None)
    assert await store.message(MessageId("none"), None) is None


async def test_255_parts_in_any_order_over_days(store: Store) -> None:
    """An hour and a half apart, the last ones first: what lacks is handed over now and then."""
    order = list(range(1, 256))
    Random(5).shuffle(order)
    for n, seq in enumerate(order):
        await take(store, piece(f"<{seq}>", 9, 255, seq, at=n * 1800))
    (whole,) = await received(store)
    assert whole.text == "".join(f"<{seq}>" for seq in range(1, 256))
    assert (whole.parts, whole.partial) == (255, False)


async def test_255_parts_that_were_sent_over_days(store: Store) -> None:
    """By a sender that was away for hours in between; each comes at once, in any order."""
    rng = Random(6)
    order = list(range(1, 256))
    rng.shuffle(order)
    at = 0.0
    for seq in order:
        at += rng.choice((60, 600, 3 * HOUR))
        await take(store, piece(f"<{seq}>", 9, 255, seq, at=at, sent_at=after(at)))
    (whole,) = await received(store)
    assert whole.text == "".join(f"<{seq}>" for seq in range(1, 256))


async def test_a_part_goes_to_the_set_that_was_sent_with_it(store: Store) -> None:
    """A reference that came again while the first set still lacked a part."""
    later = 2 * HOUR
    await take(store, piece("a", 7, 3, 1, sent_at=after(0)))
    await take(store, piece("b", 7, 3, 1, at=later, sent_at=after(later)))
    await take(store, piece("c", 7, 3, 2, at=later + 1, sent_at=after(5)))
    await take(store, piece("d", 7, 3, 2, at=later + 2, sent_at=after(later + 2)))
    await take(store, piece("e", 7, 3, 3, at=later + 3, sent_at=after(later + 3)))
    await take(store, piece("f", 7, 3, 3, at=later + 4, sent_at=after(8)))
    assert [i.text for i in await received(store)] == ["bde", "acf"]


async def test_a_part_that_was_sent_hours_later_is_of_another_message(store: Store) -> None:
    """Though that one has just begun, and the earlier one lacks exactly this part."""
    await take(store, piece("a", 7, 3, 1, sent_at=after(0)))
    await take(store, piece("c", 7, 3, 3, sent_at=after(4)))
    later = 5 * HOUR
    await take(store, piece("y", 7, 3, 2, at=later + 2, sent_at=after(later + 2)))
    await take(store, piece("x", 7, 3, 1, at=later + 3, sent_at=after(later)))
    await take(store, piece("b", 7, 3, 2, at=later + 60, sent_at=after(2)))
    await take(store, piece("z", 7, 3, 3, at=later + 90, sent_at=after(later + 4)))
    assert [i.text for i in await received(store)] == ["abc", "xyz"]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_a_sender_that_is_slow_is_understood_in_any_order(
    store: Store, order: tuple[int, ...]
) -> None:
    """Forty minutes from part to part: two of them may come before the one between them."""
    for n, seq in enumerate(order):
        at = 2 * HOUR + n * 600
        sent_at = after((seq - 1) * 2400)
        await take(store, piece(f"<{seq}>", 7, 3, seq, at=at, sent_at=sent_at))
    assert [(i.text, i.partial) for i in await received(store)] == [("<1><2><3>", False)]


async def test_what_was_taken_for_two_messages_and_is_one_is_handed_over_once(store: Store) -> None:
    """Nothing of it is due any more, nor is what was partial of two told as lacking for ever."""
    await take(store, piece("a", 7, 4, 1, sent_at=after(0)))
    await take(store, piece("c", 7, 4, 3, at=600, sent_at=after(4800)))
    await take(store, piece("b", 7, 4, 2, at=1200, sent_at=after(2400)))
    assert (await store.sweep(after(1200 + HOUR))).partials == 1
    assert [(i.text, i.partial) for i in await received(store)] == [("abc", True)]
    await take(store, piece("d", 7, 4, 4, at=3 * HOUR, sent_at=after(7200)))
    assert [(i.text, i.partial) for i in await received(store)] == [("abc", True), ("abcd", False)]
    assert (await store.sweep(after(DAY))).partials == 0


async def test_a_reference_that_came_again_is_not_bridged(store: Store) -> None:
    """Both have the part that the third lacks a neighbour to: they overlap, so they are two."""
    await take(store, piece("a", 7, 4, 1, sent_at=after(0)))
    await take(store, piece("x", 7, 4, 1, at=600, sent_at=after(4800)))
    await take(store, piece("b", 7, 4, 2, at=1200, sent_at=after(2300)))
    await store.sweep(after(2 * HOUR))
    assert sorted(str(i.text) for i in await received(store)) == ["ab", "x"]


async def test_a_message_of_an_hour_later_is_not_bridged_against_the_order(store: Store) -> None:
    """Parts 1 and 4 of one, part 3 of the next: nobody sends the last part an hour before that."""
    await take(store, piece("a", 7, 4, 1, sent_at=after(0)))
    await take(store, piece("d", 7, 4, 4, at=10, sent_at=after(10)))
    await take(store, piece("z", 7, 4, 3, at=4000, sent_at=after(4000)))
    await take(store, piece("b", 7, 4, 2, at=4010, sent_at=after(2000)))
    await store.sweep(after(3 * HOUR))
    assert sorted(str(i.text) for i in await received(store)) == ["abd", "z"]


async def test_parts_that_come_together_are_one_message_by_whatever_clock(store: Store) -> None:
    await take(store, piece("a", 7, 2, 1, sent_at=after(0)))
    await take(store, piece("b", 7, 2, 2, at=20, sent_at=after(2 * HOUR)))
    assert [i.text for i in await received(store)] == ["ab"]


async def test_a_part_that_was_days_on_its_way_completes_what_was_partial(store: Store) -> None:
    await take(store, piece("a", 7, 2, 1, sent_at=after(0)))
    await store.sweep(after(HOUR))
    await take(store, piece("b", 7, 2, 2, at=5 * DAY, sent_at=after(3)))
    assert [(i.text, i.partial) for i in await received(store)] == [("a", True), ("ab", False)]
    await take(store, piece("x", 8, 2, 1, at=6 * DAY, sent_at=after(6 * DAY)))
    await store.sweep(after(6 * DAY + HOUR))
    await take(store, piece("y", 8, 2, 2, at=14 * DAY, sent_at=after(6 * DAY + 1)))
    assert len(await received(store)) == 3


async def test_parts_with_different_alphabets_are_one_message(store: Store) -> None:
    """Some phones choose the alphabet for each part."""
    seven = split("x" * 153 + "hello you").parts[1]
    await take(store, piece("\u4f60\u597d", 0, 2, 1))
    await take(store, piece("", 0, 2, 2, dcs=seven.dcs, udh=seven.udh, ud=seven.ud, udl=seven.udl))
    (whole,) = await received(store)
    assert whole.text == "\u4f60\u597dhello you"
