"""A number is forgotten: nothing in the file names it any more, and the counts stay."""

from __future__ import annotations

from pathlib import Path
from random import Random

from airpost.model import Idempotency
from airpost.store.keeping import Forgotten
from airpost.store.publishing import HookEvent
from airpost.store.sqlite import SqliteStore
from tests.store.values import G1, NOW, NUMBER, FakeClock, bound, claim, new, part, report, sent

OTHER = "+4917099999999"


async def test_nothing_of_a_number_is_left_in_the_file(place: Path, clock: FakeClock) -> None:
    path = place / "airpost.db"
    store = SqliteStore(path, clock, Random(1))
    await store.open(NOW)
    kept = Idempotency(key="k", fingerprint="f", status=202, body=f'{{"to":"{NUMBER}"}}'.encode())
    await bound(
        store,
        new("a", text="Dear Secretperson", tags=("secrettag",), sender_ref="secretref",
            idempotency=kept),
        new("b", to=OTHER, text="stays here"),
    )  # fmt: skip
    for at, segment in enumerate(await claim(store)):
        await sent(store, segment, at)
    await store.record_report(report(0))
    await store.record_report(report(77, to=NUMBER))
    await store.record_part(part(b"Secretanswer"))
    await store.note(f"modem {G1}", None, "called", NUMBER, NOW)
    came = HookEvent(id="h", hook="pump", source=None, raw=f"call {NUMBER[3:]}".encode(),
                     received_at=NOW, dedup=NUMBER)  # fmt: skip
    await store.hook_events.take(came, [])
    await store.accept([new("open")])
    done = await store.keeping.forget(NUMBER, "anna")
    assert done == Forgotten(messages=1, inbound=1, under_way=1)
    await store.cancel(new("open").id, None, "anna")
    assert (await store.keeping.forget(NUMBER, "anna")).messages == 1
    log = path.with_name("airpost.db-wal").read_bytes()
    assert not any(word in log for word in (b"Secretperson", b"Secretanswer", NUMBER[1:].encode()))
    history = [event.reason for event in (await store.events(0, 99)).items]
    assert history.count("a number was erased") == 2
    await store.close()
    octets = path.read_bytes()
    for word in ("Secretperson", "secrettag", "secretref", "12345678", "S\0e\0c\0r\0e\0t"):
        assert word.encode() not in octets, word
    assert b"stays here" in octets
    assert OTHER.encode() in octets
