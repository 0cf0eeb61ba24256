"""Messages over HTTP: what is taken, what is refused and how, and what a key sees."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from yarl import URL

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.errors import QueueFull
from airpost.model import Encoding, MessageClass, OnUncertain, Waits
from airpost.states import MessageState
from airpost.tasks import spawn
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW, event


def at(seconds: float) -> str:
    return rfc3339(int(NOW + seconds * SECOND_US))


# -- sending -------------------------------------------------------------------------------------
async def test_what_a_limit_is_known_to_refuse_is_not_taken(api: Api) -> None:
    kept = {"Idempotency-Key": "a"}
    taken = await api.send(headers=kept)
    asked, due = api.pool.asked_limits[-1]
    assert (asked.to, asked.class_.value, asked.parts, due) == ("+491701234567", "normal", 1, NOW)
    until = Instant(NOW + 90 * SECOND_US + 1)
    for reason, status in (
        ("quota_exhausted", 429), ("rate_limited_local", 429), ("quiet_hours", 422)
    ):  # fmt: skip
        api.pool.against = Waits(reason=reason, words="1 a day", until=until)
        given = {"to": "+491701234567", "text": "more"}
        async with api.http.post("/v1/messages", json=given) as response:
            problem = await response.json(content_type=None)
            assert (response.status, response.headers["Retry-After"]) == (status, "91")
        assert problem["type"] == "urn:airpost:problem:" + reason.replace("_", "-")
        assert problem["detail"] == "refused by a limit: 1 a day"
        assert problem["until"] == rfc3339(until)
    assert len(api.store.kept) == 1
    # What was taken before has its answer, whatever the limits say now.
    assert (await api.send(headers=kept))["id"] == taken["id"]


async def test_a_message_is_taken_and_shown_as_the_store_has_it(api: Api) -> None:
    async with api.http.post("/v1/messages", json={"to": "+491701234567", "text": "hi"}) as answer:
        assert answer.status == 202
        body = await answer.json()
        assert answer.headers["Location"] == f"/v1/messages/{body['id']}"
        assert "Idempotency-Replayed" not in answer.headers
    shown = await api.call("GET", f"/v1/messages/{body['id']}")
    assert {**body, "routing": {}} == shown  # why it goes where it goes is told of one alone
    assert body["state"] == "queued"
    assert body["class"] == "normal"
    assert body["created_at"] == "2026-01-02T03:04:05.678Z"
    assert body["expires_at"] == at(86_400)
    assert body["final"] is False
    assert body["parts"] == [
        {"seq": 1, "state": "queued", "modem": None, "reference": None, "attempts": 0,
         "sent_at": None, "reported_at": None, "outcome": None}
    ]  # fmt: skip


async def test_what_is_stored(api: Api) -> None:
    await api.send(
        to=" 0049 (170) 123-45.67", text="hällo", **{"class": "otp"}, report=False, ttl_s=60,
        on_uncertain="hold", modem="gate-1", sender_ref="r", tags=["a", "b"], flash=True,
    )  # fmt: skip
    (new,) = api.store.news
    assert new.to == "+491701234567"
    assert new.owner == "local"
    assert new.class_ is MessageClass.OTP
    assert new.want_report is False
    assert new.on_uncertain is OnUncertain.HOLD
    assert new.expires_at == NOW + 60 * SECOND_US
    assert (new.lane, new.route) == ("gate-1", None)
    assert (new.sender_ref, new.tags) == ("r", ("a", "b"))
    assert new.encoding is Encoding.GSM7
    assert new.segments[0].dcs == 0x10


async def test_the_class_decides_what_is_not_said(api: Api) -> None:
    await api.send(**{"class": "bulk"})
    await api.send(**{"class": "otp"}, route="default")
    bulk, otp = api.store.news
    assert (bulk.want_report, bulk.on_uncertain) == (False, OnUncertain.HOLD)
    assert (otp.want_report, otp.on_uncertain) == (True, OnUncertain.RESEND)
    assert otp.expires_at == NOW + 600 * SECOND_US


async def test_data_with_a_port(api: Api) -> None:
    body = await api.send(text=..., data=base64.b64encode(b"\0\1\xff").decode(), port=5000)
    (new,) = api.store.news
    assert (new.text, new.data, new.encoding) == (None, b"\0\1\xff", Encoding.DATA)
    assert new.segments[0].udh == bytes.fromhex("06050413880000")
    assert body["data"] == "AAH/"
    assert "text" not in body


async def test_data_with_ports_of_eight_bits(api: Api) -> None:
    await api.send(text=..., data="AAH/", port=240, source_port=241, port_bits=8)
    assert api.store.news[0].segments[0].udh == bytes.fromhex("040402f0f1")


async def test_one_that_replaces_and_one_that_flashes(api: Api) -> None:
    await api.send(replace=7)
    await api.send(replace=1, flash=True)
    assert [(new.segments[0].pid, new.segments[0].dcs) for new in api.store.news] == [
        (0x47, 0x00), (0x41, 0x10),
    ]  # fmt: skip


async def test_the_text_is_kept_as_it_was_given(api: Api) -> None:
    text = "“" + "x" * 80 + "”"  # two parts of UCS-2
    never = await api.send(text=text)
    saved = await api.send(text=text, transliterate="if_it_saves_a_part")
    kept = await api.send(text="“x”", transliterate="if_it_saves_a_part")
    always = await api.send(text="“x”", transliterate="always")
    cannot = await api.send(text="“\ue000”", transliterate="always")
    forced = await api.send(text="“x”", transliterate="if_it_saves_a_part", encoding="gsm7")
    assert [(m["encoding"], len(m["parts"]), m["text"], m["sent_text"])
            for m in (never, saved, kept, always, cannot, forced)] == [
        ("ucs2", 2, text, None),
        ("gsm7", 1, text, '"' + "x" * 80 + '"'),
        ("ucs2", 1, "“x”", None),
        ("gsm7", 1, "“x”", '"x"'),
        ("ucs2", 1, "“\ue000”", None),
        ("gsm7", 1, "“x”", '"x"'),
    ]  # fmt: skip


async def test_a_long_text_makes_parts(api: Api) -> None:
    body = await api.send(text="x" * 161, encoding="gsm7")
    assert len(body["parts"]) == 2
    await api.send(text="x" * 71, encoding="ucs2")
    assert api.store.news[1].encoding is Encoding.UCS2


async def test_a_time_to_live_counts_from_when_it_may_go(api: Api) -> None:
    body = await api.send(send_at=at(3600), ttl_s=60)
    assert body["state"] == "accepted"
    assert body["not_before"] == at(3600)
    assert body["expires_at"] == at(3660)
    assert (await api.send(send_at=at(-30)))["not_before"] is None


@pytest.mark.parametrize("to", ["*100#", "10086", "+8613800138000", "123"])
async def test_numbers_that_can_be_dialled(api: Api, to: str) -> None:
    assert (await api.send(to=to))["to"] == to


async def test_line_breaks_and_tabs_are_text(api: Api) -> None:
    await api.send(text="a\r\nb\tc")


# -- refusals ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("problem", "field", "fields"),
    [
        ("number-not-dialable", "to", {"to": "12"}),
        ("number-not-dialable", "to", {"to": "1" * 21}),
        ("number-not-dialable", "to", {"to": "call me"}),
        ("number-not-dialable", "to", {"to": ""}),
        ("number-not-dialable", "to", {"to": "+49+170123"}),
        ("empty-text", "text", {"text": ""}),
        ("empty-text", "data", {"text": ..., "data": ""}),
        ("missing-field", "text", {"text": ...}),
        ("missing-field", "to", {"to": ...}),
        ("text-and-data", "data", {"data": "AAAA"}),
        ("too-many-parts", "text", {"text": "x" * 60_000}),
        ("too-many-parts", "text", {"text": "x" * 39_016}),
        ("too-many-parts", "text", {"text": "日" * 17_086}),
        ("too-many-parts", "data", {"text": ..., "data": "AAAA" * 15_000}),
        ("control-character", "text", {"text": "a\0b"}),
        ("control-character", "text", {"text": "a\x1bb"}),
        ("control-character", "text", {"text": "a\x85b"}),
        ("control-character", "text", {"text": "a\x7fb"}),
        ("not-encodable", "text", {"text": "日", "encoding": "gsm7"}),
        ("invalid-request", "encoding", {"encoding": "data"}),
        ("invalid-request", "encoding", {"text": ..., "data": "AAAA", "encoding": "ucs2"}),
        ("invalid-request", "encoding", {"encoding": "latin1"}),
        ("invalid-request", "port", {"port": 5000}),
        ("invalid-request", "port", {"text": ..., "data": "AAAA", "port": 65_536}),
        ("invalid-request", "data", {"text": ..., "data": "no base64!"}),
        ("unknown-field", "txt", {"txt": "x"}),
        ("unknown-field", "transliterat", {"transliterat": True}),
        ("invalid-request", "transliterate", {"transliterate": True}),
        ("invalid-request", "transliterate", {"transliterate": "always", "encoding": "ucs2"}),
        (
            "invalid-request",
            "transliterate",
            {"text": ..., "data": "AAAA", "transliterate": "always"},
        ),
        ("invalid-request", "replace", {"replace": 0}),
        ("invalid-request", "replace", {"replace": 8}),
        ("invalid-request", "replace", {"replace": 1, "text": "x" * 161}),
        ("invalid-request", "source_port", {"text": ..., "data": "AAAA", "source_port": 1}),
        ("invalid-request", "port_bits", {"port_bits": 8}),
        ("invalid-request", "port_bits", {"text": ..., "data": "AAAA", "port": 1, "port_bits": 7}),
        ("invalid-request", "port", {"text": ..., "data": "AAAA", "port": 256, "port_bits": 8}),
        (
            "invalid-request",
            "source_port",
            {"text": ..., "data": "AAAA", "port": 1, "source_port": 256, "port_bits": 8},
        ),
        ("unknown-modem", "modem", {"modem": "gate-9"}),
        ("unknown-route", "route", {"route": "roof"}),
        ("modem-and-route", "route", {"modem": "gate-1", "route": "default"}),
        ("time-in-past", "send_at", {"send_at": at(-61)}),
        ("time-in-past", "expires_at", {"expires_at": at(-1)}),
        ("time-out-of-range", "send_at", {"send_at": at(400 * 86_400)}),
        ("time-out-of-range", "expires_at", {"expires_at": at(64 * 7 * 86_400)}),
        ("time-out-of-range", "expires_at", {"send_at": at(60), "expires_at": at(30)}),
        ("ttl-out-of-range", "ttl_s", {"ttl_s": 0}),
        ("ttl-out-of-range", "ttl_s", {"ttl_s": 10**12}),
        ("invalid-request", "ttl_s", {"ttl_s": 60, "expires_at": at(60)}),
        ("invalid-request", "ttl_s", {"ttl_s": "60"}),
        ("invalid-request", "send_at", {"send_at": "2026-01-02T03:04:05"}),
        ("invalid-request", "send_at", {"send_at": 5}),
        ("invalid-request", "report", {"report": "yes"}),
        ("invalid-request", "class", {"class": "urgent"}),
        ("invalid-request", "on_uncertain", {"on_uncertain": "ask"}),
        ("invalid-request", "tags.0", {"tags": [1]}),
        ("invalid-request", "tags", {"tags": ["x"] * 21}),
        ("invalid-request", "to", {"to": 491701234567}),
        ("invalid-request", "tags.0", {"tags": ["a\n"]}),
        ("invalid-request", "sender_ref", {"sender_ref": "\x1b[2J"}),
    ],
)
async def test_a_field_that_cannot_be(
    api: Api, problem: str, field: str, fields: dict[str, Any]
) -> None:
    await api.refused(problem, field, **fields)


async def test_a_misspelt_field_is_told_its_nearest_name(api: Api) -> None:
    assert "'text'" in await api.refused("unknown-field", "txt", txt="x")


async def test_all_wrong_fields_are_told_and_no_text_comes_back(api: Api) -> None:
    body = await api.send(400, to=1, text=["code 4711"], port="x")
    assert body["type"].endswith(":invalid-request")
    assert sorted(each["field"] for each in body["errors"]) == ["port", "text", "to"]
    assert "4711" not in json.dumps(body)


async def test_the_limit_of_parts_is_a_setting(api: Api) -> None:
    detail = await api.refused("too-many-parts", "text", text="x" * 39_016)
    assert "max_parts of [sms] allows 10" in detail
    await api.refused("too-many-parts", "text", text="x" * 1531)
    await api.send(text="x" * 1530)


@pytest.mark.parametrize("api", [{"max_parts": 2, "concat_bits": 16}], indirect=True)
async def test_fewer_parts_where_configured(api: Api) -> None:
    await api.refused("too-many-parts", "text", text="x" * 305)
    await api.send(text="x" * 304)
    assert api.store.news[0].concat_bits == 16


async def test_a_full_disk_is_told_with_when_to_come_again(api: Api) -> None:
    api.store.unavailable = "the disk is full"
    async with api.http.post("/v1/messages", json={"to": "123", "text": "x"}) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        body = await answer.json(content_type=None)
    assert body["type"] == "urn:airpost:problem:store-unavailable"
    assert body["detail"] == "the disk is full"


# -- idempotency ---------------------------------------------------------------------------------
KEY = {"Idempotency-Key": '"8e03978e"'}


async def test_a_repeat_gets_the_first_answer_and_sends_nothing(api: Api) -> None:
    first = await api.send(headers=KEY)
    async with api.http.post(
        "/v1/messages",
        data=b'{"text": "hello",   "to":"+491701234567"}',
        headers={"Content-Type": "application/json", "Idempotency-Key": "8e03978e"},
    ) as answer:
        assert answer.status == 202
        assert await answer.json() == first
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert answer.headers["Location"].endswith(first["id"])
    assert len(api.store.news) == 1
    assert api.store.news[0].idempotency is not None


async def test_a_repeat_is_answered_also_when_it_would_be_wrong_by_now(api: Api) -> None:
    first = await api.send(headers=KEY, expires_at=at(60), modem="gate-1")
    api.clock.advance(3600)
    api.pool.views.clear()
    assert await api.send(headers=KEY, expires_at=at(60), modem="gate-1") == first


async def test_the_same_key_with_another_body(api: Api) -> None:
    await api.send(headers=KEY)
    body = await api.send(422, headers=KEY, text="other")
    assert body["type"].endswith(":idempotency-mismatch")
    assert body["field"] == "Idempotency-Key"


async def test_the_same_key_while_the_first_runs(api: Api) -> None:
    api.store.gate = asyncio.Event()
    first = spawn(api.send(headers=KEY), name="first")
    await api.store.accepting.wait()
    body = await api.send(409, headers=KEY)
    assert body["type"].endswith(":idempotency-running")
    api.store.gate.set()
    await first
    assert len(api.store.news) == 1


async def test_a_key_is_free_again_after_a_refusal(api: Api) -> None:
    await api.send(400, headers=KEY, to="1")
    await api.send(headers=KEY)


async def test_a_race_that_only_the_store_sees(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(owner: str, key: str) -> None:
        return None

    first = await api.send(headers=KEY)
    monkeypatch.setattr(api.store, "idempotent", blind)
    assert await api.send(headers=KEY) == first
    await api.send(422, headers=KEY, text="other")


@pytest.mark.parametrize("key", ['""', "a b", '"open', "x" * 256])
async def test_a_key_that_is_none(api: Api, key: str) -> None:
    await api.refused("invalid-request", "Idempotency-Key", headers={"Idempotency-Key": key})


async def test_a_client_that_hangs_up_changes_nothing(api: Api) -> None:
    api.store.gate = asyncio.Event()
    call = spawn(api.send(), name="call")
    await api.store.accepting.wait()
    call.cancel()
    await asyncio.wait([call])
    api.store.gate.set()
    await api.store.stored.wait()


# -- reading -------------------------------------------------------------------------------------
async def test_pages_go_on_where_they_ended(api: Api) -> None:
    ids = [(await api.send(text=str(n)))["id"] for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.call("GET", f"/v1/messages?limit=2&cursor={cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids


async def test_the_newest_come_first_where_they_are_asked_for(api: Api) -> None:
    ids = [(await api.send(text=str(n)))["id"] for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.call("GET", f"/v1/messages?newest=true&limit=2&cursor={cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids[::-1]


async def test_a_number_of_a_query_keeps_the_plus_that_is_not_escaped(api: Api) -> None:
    for to in ("%2B491701234567", "+491701234567"):
        async with api.http.get(URL(f"/v1/messages?to={to}", encoded=True)) as answer:
            assert answer.status == 200
        assert api.store.asked[-1].to == "+491701234567"


async def test_filters_reach_the_store(api: Api) -> None:
    await api.call(
        "GET",
        "/v1/messages?state=sent&to=0049%20170123&class=otp&modem=gate-1&tag=t"
        "&since=2026-01-02T03:04:05.678Z&until=2026-01-02T03:04:06.678Z&sender_ref=a%201&key=k1",
    )
    (where,) = api.store.asked
    assert where.state is MessageState.SENT
    assert (where.to, where.class_) == ("+49170123", MessageClass.OTP)
    assert (where.modem, where.tag, where.since) == ("gate-1", "t", NOW)
    assert (where.until, where.sender_ref, where.key_id) == (NOW + SECOND_US, "a 1", "k1")


@pytest.mark.parametrize(
    ("query", "problem", "field"),
    [
        ("cursor=zzz", "invalid-cursor", "cursor"),
        ("cursor=aToxMg", "invalid-cursor", "cursor"),  # of another list
        ("cursor=bjox", "invalid-cursor", "cursor"),  # of the other order
        ("limit=0", "invalid-request", "limit"),
        ("limit=x", "invalid-request", "limit"),
        ("state=gone", "invalid-request", "state"),
        ("since=yesterday", "invalid-request", "since"),
        ("to=x", "number-not-dialable", "to"),
        ("page=2", "unknown-field", "page"),
        ("limit=1&limit=2", "invalid-request", "limit"),
    ],
)
async def test_queries_that_cannot_be(api: Api, query: str, problem: str, field: str) -> None:
    body = await api.call("GET", f"/v1/messages?{query}", 400)
    assert body["type"].endswith(f":{problem}")
    assert body["field"] == field


@pytest.mark.parametrize("api", [{"max_page": 3}], indirect=True)
async def test_a_page_has_its_limit(api: Api) -> None:
    for n in range(4):
        await api.send(text=str(n))
    assert len((await api.call("GET", "/v1/messages?limit=100"))["items"]) == 3


async def test_the_history(api: Api) -> None:
    sent = await api.send(sender_ref="r-1", tags=["a"])
    api.store.history = [event(1, sent["id"]), event(2, "other")]
    page = await api.call("GET", f"/v1/messages/{sent['id']}/events")
    assert [each["seq"] for each in page["items"]] == [1]
    assert [(each["sender_ref"], each["tags"]) for each in page["items"]] == [("r-1", ["a"])]
    assert page["next"] is None
    await api.call("GET", "/v1/messages/none/events", 404)


async def test_cancelling(api: Api) -> None:
    sent = await api.send()
    body = await api.call("DELETE", f"/v1/messages/{sent['id']}")
    assert (body["state"], body["final"]) == ("cancelled", True)
    assert api.store.actors == ["local"]
    await api.call("DELETE", "/v1/messages/none", 404)


async def test_what_is_under_way_cannot_be_cancelled(api: Api) -> None:
    sent = await api.send()
    api.store.kept[sent["id"]] = replace(api.store.kept[sent["id"]], state=MessageState.SENDING)
    body = await api.call("DELETE", f"/v1/messages/{sent['id']}", 409)
    assert body["type"].endswith(":not-cancellable")
    assert body["state"] == "sending"


async def test_an_owner_sees_and_cancels_its_own(keyed: Api) -> None:
    mine = keyed.store.new_key("shop", "send", "read", key_id="shop1")
    other = keyed.store.new_key("ward", "send", "read", key_id="ward1")
    every = keyed.store.new_key("audit", "send", "read:all", key_id="audit1")
    path = "/v1/messages/" + (await keyed.send(headers=mine))["id"]
    assert keyed.store.news[0].key_id == "shop1"
    assert keyed.store.news[0].owner == "shop"
    await keyed.call("GET", path, headers=mine)
    await keyed.call("GET", path, headers=every)
    await keyed.call("GET", path, 404, headers=other)
    await keyed.call("DELETE", path, 404, headers=other)
    await keyed.call("DELETE", path, 404, headers=every)  # seeing is not cancelling
    assert (await keyed.call("GET", "/v1/messages", headers=other))["items"] == []
    await keyed.call("DELETE", path, headers=mine)
    assert keyed.store.actors == ["key shop1"]


async def test_an_idempotency_key_is_one_of_its_api_key(keyed: Api) -> None:
    ids = {
        (await keyed.send(headers=keyed.store.new_key(owner, "send", key_id=key_id) | KEY))["id"]
        for owner, key_id in (("shop", "shop1"), ("shop", "shop2"), ("ward", "ward1"))
    }
    assert len(ids) == 3


@pytest.mark.parametrize(("of", "status", "kind"), [("class", 503, "queue-full"),
                                                     ("key", 429, "too-many-waiting")])  # fmt: skip
async def test_no_room_is_told_with_when_to_come_again(
    api: Api, of: str, status: int, kind: str
) -> None:
    api.store.raises = QueueFull(of, "x", 5, "queue.max_waiting_key")
    async with api.http.post("/v1/messages", json={"to": "+4930000001", "text": "x"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (status, "30")
        body = await response.json()
    assert (body["type"][20:], body["setting"]) == (kind, "queue.max_waiting_key")
