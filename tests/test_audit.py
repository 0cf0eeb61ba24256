"""The chain: what is done to rows behind airpost's back is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpost.audit import (
    GENESIS,
    MAX_TEXT,
    PRUNED,
    Anchor,
    Entry,
    Row,
    anchors_in,
    digest,
    row_json,
    row_of,
    sealed,
    verify,
)
from airpost.clock import Instant, parse_rfc3339

EMPTY = Anchor()
AT = 1_767_323_045_678_000
texts = st.text(max_size=12)
entries = st.builds(
    Entry,
    at=st.integers(0, 4_000_000_000_000_000).map(Instant),
    action=texts,
    actor=texts,
    origin=texts,
    subject=texts,
    result=texts,
    count=st.integers(1, 10**9),
    detail=st.dictionaries(
        texts, st.none() | st.booleans() | st.integers(-9, 9) | texts, max_size=3
    ),
)


def chain(made: list[Entry], before: Anchor = EMPTY) -> list[Row]:
    rows: list[Row] = []
    for entry in made:
        rows.append(sealed(entry, before))
        before = Anchor(rows[-1].n, rows[-1].hash)
    return rows


def some(count: int) -> list[Entry]:
    return [Entry(at=Instant(AT + n), action=f"a{n}", actor="key 1") for n in range(count)]


def anchor(row: Row) -> Anchor:
    return Anchor(row.n, row.hash)


@given(st.lists(entries, max_size=8))
def test_what_airpost_writes_is_sound_also_as_json(made: list[Entry]) -> None:
    rows = chain(made)
    found = verify(rows, [anchor(row) for row in rows])
    assert (found.faults, found.rows, found.anchors) == ((), len(rows), len(rows))
    assert found.head == (anchor(rows[-1]) if rows else Anchor())
    shown = json.loads(json.dumps([row_json(row) for row in rows]))
    assert [row_of(each, parse_rfc3339) for each in shown] == rows


def test_anybody_can_verify_it() -> None:
    """As docs/SECURITY.md says: with what every system has."""
    (row,) = chain([Entry(at=Instant(AT), action="key.create", actor="lück", detail={"b": 1})])
    shown = row_json(row)
    del shown["hash"]
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(f"{'0' * 64}\n{text}".encode()).digest() == row.hash


ODD = {
    "n": st.integers(-1, 99), "at_ms": st.integers(0, 10**15), "action": texts, "actor": texts,
    "origin": texts, "subject": texts, "result": texts, "count": st.integers(0, 9),
    "detail": st.text(max_size=9), "hash": st.binary(max_size=33),
}  # fmt: skip


@settings(max_examples=300)
@given(st.data(), st.lists(entries, min_size=2, max_size=8))
def test_an_edit_inside_is_found(data: st.DataObject, made: list[Entry]) -> None:
    rows = chain(made)
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(sorted(ODD)))
    odd = replace(rows[at], **{name: data.draw(ODD[name])})
    forged = [*rows[:at], odd, *rows[at + 1 :]]
    assert bool(verify(forged).faults) is (odd != rows[at])


@settings(max_examples=200)
@given(st.data(), st.lists(entries, min_size=3, max_size=8))
def test_a_removal_a_repeat_and_another_order_are_found(
    data: st.DataObject, made: list[Entry]
) -> None:
    rows = chain(made)
    inside = data.draw(
        st.lists(st.integers(0, len(rows) - 2), unique=True, min_size=1, max_size=len(rows) - 1)
    )
    assert verify([row for at, row in enumerate(rows) if at not in inside]).faults
    assert verify([*rows[: inside[0] + 1], *rows[inside[0] :]]).faults
    order = data.draw(st.permutations(rows))
    assert bool(verify(order).faults) is (order != rows)


@settings(max_examples=200)
@given(st.data(), st.lists(entries, min_size=1, max_size=8))
def test_a_log_written_anew_or_cut_is_found_back_to_the_last_anchor(
    data: st.DataObject, made: list[Entry]
) -> None:
    rows = chain(made)
    last = data.draw(st.integers(0, len(rows) - 1))
    anchors = [anchor(rows[last])]
    begin = data.draw(st.integers(0, len(rows)))
    other = chain(
        data.draw(st.lists(entries, max_size=8)), anchor(rows[begin - 1]) if begin else Anchor()
    )
    forged = rows[:begin] + other
    found = verify(forged, anchors)
    told = len(forged) > last and forged[last] == rows[last]
    assert bool(found.faults) is not told
    assert verify(rows, anchors).faults == ()


def pruned(rows: list[Row], until: int) -> list[Row]:
    """As the store does it: a row about it, then the oldest go."""
    told = {"until": until, "hash": rows[until - 1].hash.hex()}
    entry = Entry(at=Instant(AT), action=PRUNED, actor="airpost", detail=told)
    return [*rows[until:], sealed(entry, anchor(rows[-1]))]


def test_what_was_pruned_is_told_by_the_log_itself() -> None:
    rows = chain(some(6))
    kept = pruned(rows, 3)
    found = verify(kept, [anchor(rows[2]), anchor(rows[1]), anchor(rows[4])])
    assert (found.faults, found.begins, found.rows, found.anchors) == ((), 4, 4, 2)
    again = verify(pruned([*rows, kept[-1]], 4)[0:])
    assert (again.faults, again.begins) == ((), 5)
    assert verify(kept, [Anchor(3, GENESIS)]).faults
    assert verify(kept[1:]).faults  # more went than that
    assert verify(kept[:-1]).faults  # nothing tells of it
    assert verify([replace(kept[0], actor="x"), *kept[1:]]).faults
    odd = replace(kept[-1], detail='{"until":3,"hash":7}')
    assert verify([*kept[:-1], replace(odd, hash=digest(odd, kept[-2].hash))]).faults


def test_values_are_short_and_on_one_line() -> None:
    entry = Entry(
        at=Instant(AT), action="x", actor="a\nb\u2028\ud800", subject="s" * 999,
        detail={str(n): "v" * 999 for n in range(99)},
    )  # fmt: skip
    (row,) = chain([entry])
    assert row.actor == "a\ufffdb\ufffd\ufffd"
    assert row.subject == "s" * (MAX_TEXT - 1) + "…"
    assert len(row.detail) < 4000


def test_anchors_are_found_in_any_log() -> None:
    made = Anchor(7, b"\x01" * 32)
    lines = ["x", f"<6>INFO airpost.audit {made}", json.dumps({"text": str(made)}), f"{made}0"[:-9]]
    assert anchors_in(lines) == [made, made]


@pytest.mark.parametrize("wrong", [{}, {"n": "1"}, {"hash": "zz"}, {"at": "noon"}])
def test_what_is_no_row(wrong: dict[str, object]) -> None:
    shown = row_json(chain(some(1))[0])
    with pytest.raises(ValueError, match=r"row|hex|iso|'zz'|noon"):
        row_of(shown | wrong if wrong else {}, parse_rfc3339)


def test_a_row_that_airpost_never_wrote_can_be_shown() -> None:
    row = replace(chain(some(1))[0], detail="{", at_ms=10**17)
    assert row_json(row)["detail"] == {"unreadable": "{"}
    assert verify([row]).faults
