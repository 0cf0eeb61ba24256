"""The queue over HTTP: what waits, and what people do to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airpost.model import Lane, Waits
from airpost.states import MessageState
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW


async def test_the_backlog_is_what_is_bound_nowhere(api: Api) -> None:
    bound, waiting = [(await api.send(text=text))["id"] for text in "ab"]
    api.store.kept[bound] = replace(api.store.kept[bound], modem=Lane("gate-1"))
    body = await api.call("GET", "/v1/queue")
    assert [each["id"] for each in body["items"]] == [waiting]
    assert (body["total"], body["next"]) == (1, None)
    await api.call("GET", "/v1/queue?limit=0", 400)


async def test_a_modem_is_paused_drained_and_resumed(api: Api) -> None:
    path = "/v1/modems/gate-1"
    assert (await api.call("GET", path))["paused"] is None
    assert (await api.call("POST", f"{path}/pause"))["paused"] == "paused, by local"
    assert (await api.call("POST", f"{path}/drain"))["paused"] == "draining, by local"
    assert (await api.call("POST", f"{path}/resume"))["paused"] is None
    await api.call("POST", "/v1/modems/gate-9/pause", 404)


async def test_what_can_be_promised_stands_with_the_modems(api: Api) -> None:
    (told,) = (await api.call("GET", "/v1/modems"))["urgent"]
    assert (told["route"], told["urgent_per_minute"]) == ("default", 40.0)
    assert (told["share"], told["wait_s"], told["reserved"]) == (0.987, 2.0, 1)


async def test_lists_tell_the_limit_that_is_waited_for(api: Api) -> None:
    sent = (await api.send())["id"]
    waits = Waits(reason="quota_exhausted", words="gate-1: 10 an hour", until=NOW)
    api.pool.waiting[sent] = waits
    told = {"reason": "quota_exhausted", "for": waits.words, "until": "2026-01-02T03:04:05.678Z"}
    for path in ("/v1/queue", "/v1/messages"):
        (item,) = (await api.call("GET", path))["items"]
        assert item["waits"] == told
    (item,) = (await api.call("GET", "/v1/modems/gate-1/queue"))["backlog"]
    assert item["waits"] == told
    api.store.kept[sent] = replace(api.store.kept[sent], final=True)
    (item,) = (await api.call("GET", "/v1/messages"))["items"]
    assert item["waits"] is None


async def test_a_queue_is_moved(api: Api) -> None:
    sent = (await api.send())["id"]
    api.store.kept[sent] = replace(api.store.kept[sent], modem=Lane("gate-9"))
    body = await api.call("POST", "/v1/queue/move", json={"from": "gate-9", "to": "gate-1"})
    assert body == {"from": "gate-9", "to": "gate-1", "moved": 1}
    body = await api.call("POST", "/v1/queue/move", json={"from": "gate-1", "to": None})
    assert (body["to"], body["moved"]) == (None, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"from": "a", "to": "gate-9"}, "to"), ({"from": "gate-1", "to": "gate-1"}, "to"),
     ({"to": "gate-1"}, "from")],
)  # fmt: skip
async def test_a_move_that_cannot_be(api: Api, body: dict[str, str], field: str) -> None:
    problem = await api.call("POST", "/v1/queue/move", 400, json=body)
    assert problem["field"] == field


async def doubtful(api: Api) -> str:
    sent: str = (await api.send())["id"]
    api.store.kept[sent] = replace(api.store.kept[sent], state=MessageState.UNCERTAIN)
    return sent


@pytest.mark.parametrize(("verdict", "state"), [("resend", "queued"), ("sent", "sent"),
                                               ("cancelled", "cancelled")])  # fmt: skip
async def test_what_is_uncertain_is_settled_by_a_person(api: Api, verdict: str, state: str) -> None:
    sent = await doubtful(api)
    given = {"ids": [sent, sent, "none"], "as": verdict}
    body = await api.call("POST", "/v1/queue/release", json=given)
    assert body["released"] == 1
    assert [each["id"] for each in body["refused"]] == ["none"]
    assert (await api.call("GET", f"/v1/messages/{sent}"))["state"] == state
    body = await api.call("POST", "/v1/queue/release", json={"ids": [sent]})
    assert body == {"released": 0, "refused": [
        {"id": sent, "problem": "nothing of it is uncertain now"}]}  # fmt: skip


async def test_what_a_restore_has_frozen_goes_on(api: Api) -> None:
    api.store.keeping.frozen = {"a", "b", "c"}

    async def released(expected: int, status: int = 200, **given: object) -> dict[str, Any]:
        body = await api.call("POST", "/v1/queue/release", status, json={"restored": True, **given})
        assert body.get("released", 0) == expected
        return body

    found = await released(1, ids=["a", "no"])
    assert found["refused"] == [{"id": "no", "problem": "no restore has frozen it"}]
    assert api.store.keeping.frozen == {"b", "c"}
    await released(2)
    assert (await released(0, 400, **{"as": "sent"}))["field"] == "as"


@pytest.mark.parametrize("body", [{}, {"ids": [], "restored": False}, {"ids": ["a"], "as": "x"}])
async def test_a_release_that_says_nothing(api: Api, body: dict[str, object]) -> None:
    await api.call("POST", "/v1/queue/release", 400, json=body)


@pytest.mark.parametrize(
    "path",
    ["modems/gate-1/pause", "modems/gate-1/drain", "modems/gate-1/resume", "queue/move",
     "queue/release"],
)  # fmt: skip
async def test_only_admins_turn_the_queue(keyed: Api, path: str) -> None:
    headers = keyed.store.new_key("shop", "send", "read:all")
    await keyed.call("POST", f"/v1/{path}", 403, headers=headers, json={})


async def test_ordered_and_uncertain_reach_the_store(api: Api) -> None:
    sent = await api.send(ordered=True)
    assert sent["ordered"] is True
    assert api.store.news[-1].ordered
    await api.call("GET", "/v1/messages?uncertain=true")
    assert api.store.asked[-1].uncertain
    await api.call("GET", "/v1/messages?uncertain=perhaps", 400)
