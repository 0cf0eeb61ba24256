"""Why a message goes by one modem and not by the others, over HTTP."""

from __future__ import annotations

from dataclasses import replace

from airpost.clock import SECOND_US, Instant
from airpost.model import Lane, MessageClass, MessageId, SimId, Waiting, Waits
from airpost.pool.facade import Outlook
from airpost.services.http.fate import NO_MODEM
from airpost.states import MessageState
from airpost.store.routing import Before, Routed, Turn
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW

GATE = Lane("gate-1")
OTHERS = {Lane("g2"): "no network", Lane("g1b"): "would begin later"}


async def sent(api: Api) -> MessageId:
    return MessageId((await api.send())["id"])


async def test_of_what_is_bound_the_reasons_of_that_moment(api: Api) -> None:
    id_ = await sent(api)
    api.store.choices.kept[id_] = Routed(
        route="alarms", carrier="Vodafone", lane=Lane("g1"), sim_id=SimId("8949"), bound_at=NOW,
        reason="least expected wait", others=OTHERS, group=1, groups_failed=1,
    )  # fmt: skip
    routing = {
        "route": "alarms",
        "group": 2,
        "groups_failed": 1,
        "modem": "g1",
        "sim": "8949",
        "at": "2026-01-02T03:04:05.678Z",
        "now": False,
        "why": "least expected wait",
        "waits_for": [],
        "others": [
            {"modem": "g1b", "why_not": "would begin later"},
            {"modem": "g2", "why_not": "no network"},
        ],
    }
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    assert shown == {
        "message": id_,
        "state": "queued",
        "final": False,
        "because": "it waits for its turn at a modem",
        "todo": "nothing: it goes on by itself",
        "to": {"number": "+491701234567", "country": None, "kind": "unknown", "carrier": None},
        **routing,
    }
    assert (await api.call("GET", f"/v1/messages/{id_}"))["routing"] == routing


async def test_of_what_waits_the_reasons_of_now(api: Api) -> None:
    id_ = await sent(api)
    waiting = Waiting(
        seq=1, id=id_, to="+491701234567", class_=MessageClass.NORMAL, parts=1, lane=None,
        route=None,
    )  # fmt: skip
    api.store.choices.kept[id_] = Routed(
        route=None, carrier=None, lane=None, sim_id=None, bound_at=None, reason=None
    )
    api.store.choices.waiting[id_] = waiting
    api.pool.outlooks[id_] = Outlook(
        lane=None, reason="no modem can carry it now", others={Lane("g2"): "no network"}
    )
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    assert (shown["now"], shown["modem"], shown["route"]) == (True, None, "default")
    assert shown["why"] == "no modem can carry it now"
    assert shown["others"] == [{"modem": "g2", "why_not": "no network"}]
    assert shown["todo"] == NO_MODEM  # nothing goes on by itself


async def test_how_long_another_sim_is_waited_for(api: Api) -> None:
    id_ = await sent(api)
    api.store.choices.kept[id_] = Routed(
        route=None, carrier=None, lane=None, sim_id=None, bound_at=None, reason=None
    )
    api.store.choices.waiting[id_] = Waiting(
        seq=1, id=id_, to="+491701234567", class_=MessageClass.NORMAL, parts=1, lane=None,
        route=None,
    )  # fmt: skip
    api.pool.outlooks[id_] = Outlook(
        lane=None, reason="no modem can carry it now", others={},
        another_until=Instant(NOW + 60 * SECOND_US),
    )  # fmt: skip
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    (told,) = shown["waits_for"]
    assert told == (
        "a modem with another SIM than the one that was refused it, until "
        "2026-01-02T03:05:05.678Z; then that one tries it once more"
    )
    assert shown["todo"] == "nothing: it goes on by itself"


async def test_all_that_holds_a_message_is_told(api: Api) -> None:
    id_ = await sent(api)
    kept = Routed(
        route=None, carrier=None, lane=GATE, sim_id=None, bound_at=NOW, reason="the only one"
    )
    api.store.choices.kept[id_] = kept
    later = Instant(NOW + 60 * SECOND_US)
    api.pool.waiting[id_] = Waits(
        reason="quiet_hours", words="the hours of x; 2 a day", until=later
    )
    first = Before(id=MessageId("m0"), owner="local", state=MessageState.UNCERTAIN, ordered=True)
    api.store.choices.turns[id_] = Turn(next_try=later, before=first)
    api.pool.views[GATE] = replace(api.pool.views[GATE], paused="paused by anna")
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    at = "2026-01-02T03:05:05.678Z"
    assert shown["waits_for"] == [
        f"its next try, {at}",
        f"the hours of x; 2 a day, until {at}",
        "m0, which is uncertain and goes first, until its fate is known: it is `ordered`",
        "gate-1, which has it: paused by anna",
    ]
    others = replace(first, owner="another", ordered=False)
    api.store.choices.turns[id_] = Turn(before=others)
    (*_, told, _) = (await api.call("GET", f"/v1/messages/{id_}/explain"))["waits_for"]
    assert told.startswith("an earlier message of somebody else, which is uncertain")
    assert "m0" not in told


async def test_what_never_had_a_modem_says_so(api: Api) -> None:
    id_ = await sent(api)
    api.store.choices.kept[id_] = Routed(
        route=None, carrier=None, lane=None, sim_id=None, bound_at=None, reason=None
    )
    await api.call("DELETE", f"/v1/messages/{id_}")
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    assert (shown["now"], shown["modem"], shown["waits_for"]) == (False, None, [])
    assert shown["why"] == "no modem was ever given it"
    assert shown["because"] == "it will not be sent: cancelled"
    api.store.kept[id_] = replace(
        api.store.kept[id_], state=MessageState.UNCERTAIN, reason="restored", final=False
    )
    shown = await api.call("GET", f"/v1/messages/{id_}/explain")
    assert shown["why"] == "the copy that was put back shows no modem that was given it"
    assert "may have gone out" in shown["because"]
    assert f"airpost queue release --restored {id_}" in shown["todo"]


async def test_an_unknown_message(api: Api) -> None:
    await api.call("GET", "/v1/messages/none/explain", 404)
