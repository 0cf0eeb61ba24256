"""The store looked after over HTTP: what is asked reaches it, and only admins may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.numbering import Numbering
from airpost.services.http.keeping import spellings
from airpost.store.keeping import Retention
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW


async def test_each_call_is_passed_on(api: Api) -> None:
    asked = api.store.keeping.asked
    done = await api.call("POST", "/v1/db/prune")
    assert (done["contents"], done["messages"]) == (2, 1)
    assert asked[-1] == ("prune", Retention(), NOW)
    assert await api.call("POST", "/v1/db/check") == {
        "faults": ["odd"], "octets": 4096, "messages": 7,
    }  # fmt: skip
    made = await api.call("POST", "/v1/db/backup", json={"path": "/backup/a.db"})
    assert made == {"path": "/backup/a.db", "octets": 8192, "took_s": 0.5}
    assert asked[-1] == ("backup", Path("/backup/a.db"))
    gone = await api.call("POST", "/v1/db/forget", json={"number": "+49 170 1234567"})
    assert gone == {"messages": 2, "inbound": 1, "under_way": 1}
    assert asked[-1] == ("forget", "+491701234567", "local")
    await api.call("POST", "/v1/db/forget", json={"number": "BANK"})
    assert asked[-1] == ("forget", "BANK", "local")


def test_a_number_is_forgotten_by_each_name_it_may_have() -> None:
    german = Numbering("DE")
    assert spellings(german, "0170 1234567") == ("+491701234567", "01701234567")
    assert spellings(german, "+49 (0)170 1234567") == ("+491701234567", "+4901701234567")
    assert spellings(german, "+49 170 1234567") == ("+491701234567",)
    assert spellings(Numbering(), "0170 1234567") == ("01701234567",)
    assert spellings(german, "BANK") == ("BANK",)


async def test_a_backup_that_cannot_be_made_says_why(api: Api) -> None:
    problem = await api.call("POST", "/v1/db/backup", 400, json={"path": "a.db"})
    assert problem["field"] == "path"
    api.store.keeping.raises = ValueError("/no/a.db cannot be written: No such file or directory")
    problem = await api.call("POST", "/v1/db/backup", 409, json={"path": "/no/a.db"})
    assert problem["type"] == "urn:airpost:problem:no-backup"
    assert "No such file" in problem["detail"]


@pytest.mark.parametrize("call", ["prune", "check", "backup", "forget"])
async def test_for_admins_only(keyed: Api, call: str) -> None:
    headers = keyed.store.new_key("shop", "read:all", "send", "inbound")
    await keyed.call("POST", f"/v1/db/{call}", 403, headers=headers, json={})
    assert keyed.store.keeping.asked == []
