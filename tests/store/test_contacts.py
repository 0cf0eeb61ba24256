"""Contacts and groups: names without case, owners apart, and nobody in a group who is not there."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.store.people import Contact, Group, Member, Strangers, TooMany
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, NUMBER

MOST = 10
ANN = Contact(
    owner="shop", name="Ann Müller", number=NUMBER, values={"shift": "夜"}, updated_at=NOW
)
BOB = Contact(owner="shop", name="bob", number="+4915112345679", note="by day", updated_at=NOW)
NIGHT = Group(
    owner="shop",
    name="Night",
    members=(Member(contact="ANN MÜLLER"), Member(number="+4915112345670"), Member(contact="bob")),
    updated_at=NOW,
)


async def test_a_contact_is_found_by_its_name_in_any_case(store: SqliteStore) -> None:
    people = store.people
    assert await people.put_contacts([ANN, BOB], MOST) == 2
    assert await people.contact("shop", "ann müller") == ANN
    assert await people.contact("plant", "bob") is None
    changed = replace(ANN, name="ANN MÜLLER", number="+4915112345671")
    assert await people.put_contacts([changed], MOST) == 0
    assert await people.called("shop", ["Ann müller", "BOB", "Eve"]) == {
        "Ann müller": changed,
        "BOB": BOB,
    }
    assert await people.put_contacts([], MOST) == 0


async def test_lists_go_by_owner_and_name(store: SqliteStore) -> None:
    people = store.people
    other = replace(BOB, owner="plant", name="Zoe")
    await people.put_contacts([BOB, ANN], MOST)
    await people.put_contacts([other], MOST)
    assert await people.contacts("shop", ("", ""), 10) == [ANN, BOB]
    assert await people.contacts("shop", ("shop", "ANN müller"), 10) == [BOB]
    assert await people.contacts(None, ("", ""), 2) == [other, ANN]
    assert await people.contacts(None, ("shop", ANN.name), 2) == [BOB]


async def test_a_group_names_who_is_there_and_nobody_else(store: SqliteStore) -> None:
    people = store.people
    with pytest.raises(Strangers) as strange:
        await people.put_group(NIGHT, MOST)
    assert strange.value.members == (0, 2)
    assert await people.groups(None, ("", ""), 10) == []
    await people.put_contacts([ANN, BOB], MOST)
    assert await people.put_group(NIGHT, MOST)
    kept = await people.group("shop", "NIGHT")
    assert kept is not None
    assert kept.members == (Member(contact="Ann Müller"), NIGHT.members[1], NIGHT.members[2])
    assert await people.reached("shop", "night") == [ANN, "+4915112345670", BOB]
    assert not await people.put_group(replace(NIGHT, members=NIGHT.members[1:]), MOST)
    assert await people.remove_contact("shop", "BOB")
    assert not await people.remove_contact("shop", "bob")
    assert await people.reached("shop", "night") == ["+4915112345670"]
    assert await people.reached("plant", "night") is None
    assert await people.remove_group("shop", "nighT")
    assert not await people.remove_group("shop", "night")
    assert await people.contact("shop", ANN.name) == ANN


async def test_groups_are_listed_as_contacts_are(store: SqliteStore) -> None:
    people = store.people
    empty = replace(NIGHT, name="empty", members=())
    for each in (empty, replace(empty, name="other"), replace(empty, owner="plant")):
        await people.put_group(each, MOST)
    assert [g.name for g in await people.groups("shop", ("", ""), 1)] == ["empty"]
    assert [g.name for g in await people.groups("shop", ("shop", "empty"), 5)] == ["other"]
    assert len(await people.groups(None, ("", ""), 5)) == 3


async def test_too_many_are_none_more_and_what_is_there_may_change(store: SqliteStore) -> None:
    people = store.people
    with pytest.raises(TooMany):
        await people.put_contacts([ANN, BOB], 1)
    assert await people.contacts(None, ("", ""), 5) == []
    empty = replace(NIGHT, members=())
    await people.put_group(empty, 1)
    with pytest.raises(TooMany):
        await people.put_group(replace(empty, name="more"), 1)
    assert await people.group("shop", "more") is None
    # A limit that has become smaller takes nothing away.
    await people.put_contacts([ANN, BOB], 2)
    assert await people.put_contacts([replace(ANN, note="x")], 1) == 0
    await people.put_group(replace(empty, name="more"), 2)
    assert not await people.put_group(replace(empty, note="x"), 1)
    with pytest.raises(TooMany):
        await people.put_contacts([replace(ANN, name="Eve")], 1)


async def test_a_number_that_is_forgotten_is_nobodys(store: SqliteStore, place: Path) -> None:
    await store.people.put_contacts([ANN, BOB], MOST)
    night = replace(NIGHT, members=(*NIGHT.members, Member(number=NUMBER)))
    await store.people.put_group(night, MOST)
    await store.keeping.forget(NUMBER, "local")
    assert await store.people.reached("shop", "night") == ["+4915112345670", BOB]
    assert await store.people.contact("shop", ANN.name) is None
    await store.close()
    with sqlite3.connect(place / "airpost.db") as db:
        assert db.execute(
            "SELECT count(*) FROM contact WHERE number = ?", (NUMBER,)
        ).fetchone() == (0,)
    db.close()
    await store.open(NOW)
