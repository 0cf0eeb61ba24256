"""What is written by one statement is what each row by itself would have been."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.errors import InvalidRequest
from airpost.model import Idempotency, MessageClass, NewMessage
from airpost.store.many import ROWS, insert, select
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, NUMBER, FakeClock, after, folder, new

BLOCKED = NUMBER + "9"
# All that was accepted, without the numbers that bodies and transmissions happen to have.
TABLES = (
    """SELECT m.seq, m.id, m.owner, m.key_id, m.number, m.class, m.rank, m.state, m.open, m.final,
       m.encoding, t.bytes, d.bytes, s.bytes, m.parts, m.want_report, m.on_uncertain, m.created_at,
       m.not_before, m.expires_at, m.asked_lane, m.route, m.outlet, m.sender_ref, m.tags, m.ordered,
       m.carrier, m.asked FROM message m LEFT JOIN body t ON t.id = m.text_body
       LEFT JOIN body d ON d.id = m.data_body LEFT JOIN body s ON s.id = m.sent_body ORDER BY 1""",
    """SELECT s.message_seq, s.seq, s.current, s.state, s.pid, s.dcs, s.udh, s.udl, b.kind, b.bytes,
       s.expires_at, t.message_seq, t.n, t.concat_bits, t.concat_ref, t.reason, t.begun_at
       FROM segment s JOIN body b ON b.id = s.ud_body
       JOIN transmission t ON t.id = s.transmission_id ORDER BY 1, 2""",
    """SELECT u.recipient, u.bits, u.ref, t.message_seq, r.last FROM reference_use u
       JOIN transmission t ON t.id = u.transmission_id
       JOIN reference r ON r.recipient = u.recipient AND r.bits = u.bits ORDER BY 1, 2, 3""",
    "SELECT tag, message_seq FROM tag ORDER BY 1, 2",
    """SELECT i.owner, i.key, i.fingerprint, i.status, b.kind, b.bytes, i.kept_until
       FROM idempotency i JOIN body b ON b.id = i.answer_body ORDER BY 1, 2""",
    "SELECT at, message_seq, subject, from_state, to_state, reason, actor FROM event ORDER BY seq",
    "SELECT count(*) FROM body",
)


def mixed() -> list[NewMessage]:
    """Of each kind some, more than one statement takes, and blocked ones in between."""
    given = []
    for n in range(3 * ROWS):
        key = Idempotency(key=f"k{n}", fingerprint="f", status=202, body=b"{%d}" % n)
        each = (
            new(f"m{n}"),
            new(f"m{n}", 3, to=NUMBER[:-1] + "1"),  # the next reference each time
            new(f"m{n}", text=None, data=b"\x00" * n),
            new(f"m{n}", sent_text=f"told {n}", tags=("a", f"t{n}", "ä"), asked={"flash": True}),
            new(f"m{n}", class_=MessageClass.OTP, idempotency=key, not_before=after(60)),
            new(f"m{n}", to=BLOCKED, idempotency=replace(key, key="of the blocked")),
            new(f"m{n}", key_id="k", idempotency=key),
        )
        given.append(each[n % len(each)])
    return given


async def stored(place: Path, *, together: bool) -> list[list[Any]]:
    store = SqliteStore(place / "airpost.db", FakeClock(), Random(1))
    await store.open(NOW)
    await store.blocklist.block([BLOCKED], None, "test", NOW)
    if together:
        done = await asyncio.gather(*map(store.hand_in, mixed()), return_exceptions=True)
    else:
        done = [(await asyncio.gather(store.hand_in(each), return_exceptions=True))[0]
                for each in mixed()]  # fmt: skip
    for each, given in zip(done, mixed(), strict=True):
        assert isinstance(each, InvalidRequest) == (given.to == BLOCKED), each
    await store.close()
    with sqlite3.connect(place / "airpost.db") as db:
        return [db.execute(statement).fetchall() for statement in TABLES]


async def test_together_is_as_one_after_the_other() -> None:
    with folder() as one, folder() as other:
        together = await stored(one, together=True)
        assert together == await stored(other, together=False)
    assert all(together)


@pytest.mark.parametrize("count", [0, 1, ROWS, ROWS + 1, 3 * ROWS])
def test_rows_have_the_numbers_that_are_told(count: int) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT)")
    db.execute("INSERT INTO t VALUES (41, 'there before')")
    words = [(f"w{n}",) for n in range(count)]
    made = insert(db, "INSERT INTO t (word) VALUES (?)", words)
    assert made == list(range(42, 42 + count))
    found = db.execute("SELECT id, word FROM t WHERE id > 41 ORDER BY id").fetchall()
    assert found == [(id_, word) for id_, (word,) in zip(made, words, strict=True)]
    asked = [*words, ("there before",), ("not there",)]
    statement = "WITH given (word) AS (VALUES (?)) SELECT t.id FROM given JOIN t USING (word)"
    assert sorted(id_ for (id_,) in select(db, statement, asked)) == [41, *made]
    db.close()
