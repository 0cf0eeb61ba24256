"""`airpost explain`."""

from __future__ import annotations

from airpost.model import Lane, MessageClass, MessageId, SimId, Waiting
from airpost.pool.facade import Outlook
from airpost.store.routing import Routed
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import NOW


def sent(service: Service) -> MessageId:
    return MessageId(service.json("send", "+491701234567", "hello")[0]["id"])


def test_why_this_modem_and_why_not_the_others(service: Service) -> None:
    id_ = sent(service)
    service.store.choices.kept[id_] = Routed(
        route="alarms", carrier=None, lane=Lane("g1"), sim_id=SimId("8949"), bound_at=NOW,
        reason="least expected wait", others={Lane("g2"): "no network"}, group=1, groups_failed=1,
    )  # fmt: skip
    said = service.run("explain", id_).stdout
    for words in ("alarms, group 2", "g1", "least expected wait", "1 of its groups", "no network"):
        assert words in said
    assert service.json("explain", id_)[0]["others"] == [{"modem": "g2", "why_not": "no network"}]


def test_what_waits_is_told_where_it_would_go(service: Service) -> None:
    id_ = sent(service)
    service.store.choices.kept[id_] = Routed(
        route=None, carrier=None, lane=None, sim_id=None, bound_at=None, reason=None
    )
    service.store.choices.waiting[id_] = Waiting(
        seq=1, id=id_, to="+491701234567", class_=MessageClass.NORMAL, parts=1, lane=None,
        route=None,
    )  # fmt: skip
    service.pool.outlooks[id_] = Outlook(lane=Lane("g1"), reason="the only fit modem", others={})
    said = service.run("explain", id_).stdout
    assert "would go by" in said
    assert "the only fit modem" in said


def test_why_its_state_and_what_next(service: Service) -> None:
    id_ = sent(service)
    service.store.choices.kept[id_] = Routed(
        route=None, carrier=None, lane=None, sim_id=None, bound_at=None, reason=None
    )
    service.json("messages", id_, "--cancel")
    said = service.run("explain", id_).stdout
    assert "state: cancelled, final" in said
    assert "why: it will not be sent: cancelled" in said
    assert "next: send it anew" in said


def test_an_unknown_message(service: Service) -> None:
    service.run("explain", "none", code=1)
