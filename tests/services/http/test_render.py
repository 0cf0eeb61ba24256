"""JSON as callers see it: every name, and cursors."""

from __future__ import annotations

import pytest

from airpost.apikey import ApiKey
from airpost.clock import Instant
from airpost.codec.split import split
from airpost.errors import InvalidRequest
from airpost.model import (
    Credit,
    Encoding,
    Lane,
    Message,
    MessageClass,
    MessageId,
    OnUncertain,
    PartView,
    ProofKind,
    SelfTest,
    SimId,
)
from airpost.outcome import SENT
from airpost.services.http.render import (
    dumps,
    event_json,
    inbound_json,
    key_json,
    list_json,
    message_json,
    modem_json,
    page_json,
    preview_json,
    read_cursor,
    write_cursor,
)
from airpost.states import MessageState, SegmentState
from airpost.store.api import Page
from tests.services.http.fakes import NOW, USED, event, inbound, modem_view

TIME = "2026-01-02T03:04:05.678Z"


def message() -> Message:
    part = PartView(
        seq=1,
        state=SegmentState.SENT,
        modem=Lane("gate-1"),
        reference=7,
        attempts=1,
        sent_at=NOW,
        reported_at=None,
        outcome=SENT,
    )
    return Message(
        id=MessageId("m"),
        seq=4,
        owner="shop",
        to="+491701234567",
        class_=MessageClass.OTP,
        state=MessageState.SENT,
        encoding=Encoding.GSM7,
        parts=(part,),
        modem=Lane("gate-1"),
        created_at=NOW,
        not_before=None,
        expires_at=Instant(NOW + 600_000_000),
        sent_at=NOW,
        delivered_at=None,
        final=False,
        reason=None,
        text="code",
        data=None,
        want_report=True,
        on_uncertain=OnUncertain.RESEND,
        possible_duplicates=0,
        sender_ref="r",
        tags=("t",),
    )


def test_a_message() -> None:
    assert message_json(message()) == {
        "id": "m",
        "to": "+491701234567",
        "class": "otp",
        "state": "sent",
        "encoding": "gsm7",
        "parts": [
            {
                "seq": 1,
                "state": "sent",
                "modem": "gate-1",
                "reference": 7,
                "attempts": 1,
                "sent_at": TIME,
                "reported_at": None,
                "outcome": {
                    "class": "ok",
                    "scope": "message",
                    "code": "OK",
                    "text": "accepted by the network",
                },
            }
        ],
        "modem": "gate-1",
        "created_at": TIME,
        "not_before": None,
        "expires_at": "2026-01-02T03:14:05.678Z",
        "sent_at": TIME,
        "delivered_at": None,
        "final": False,
        "reason": None,
        "text": "code",
        "sent_text": None,
        "report": True,
        "on_uncertain": "resend",
        "ordered": False,
        "possible_duplicates": 0,
        "sender_ref": "r",
        "tags": ["t"],
        "batch": None,
        "waits": None,
    }


def test_a_received_message() -> None:
    assert inbound_json(inbound(1)) == {
        "id": "in-1",
        "owner": None,
        "in_reply_to": None,
        "copies": 1,
        "from": "+4915112345678",
        "to": None,
        "modem": "gate-1",
        "sim": "8949",
        "text": "text 1",
        "encoding": "gsm7",
        "parts": 1,
        "partial": False,
        "sent_at": None,
        "received_at": TIME,
        "sender_ref": None,
        "tags": [],
    }
    shown = inbound_json(inbound(1, text=None, data=b"\0", port=5000, class_=0))
    assert (shown["data"], shown["port"], shown["class"]) == ("AA==", 5000, 0)
    assert "text" not in shown


def test_an_event() -> None:
    assert event_json(event(3, "m")) == {
        "seq": 3, "at": TIME, "message": "m", "subject": "message", "from": None, "to": "queued",
        "reason": "accepted", "actor": "local", "severity": "info",
    }  # fmt: skip


def test_a_modem() -> None:
    shown = modem_json(modem_view(sim_id=SimId("8949"), routes=frozenset({"b", "a"}), stalled=True))
    assert shown["name"] == "gate-1"
    assert (shown["sim"], shown["routes"], shown["ready"]) == ("8949", ["a", "b"], False)
    assert (shown["since"], shown["last_proof_at"], shown["stalled"]) == (TIME, None, True)


def test_what_is_known_beside_a_modem() -> None:
    shown = modem_json(modem_view())
    assert (shown["proof"], shown["selftest"], shown["credit"]) == (None, None, None)
    test = SelfTest(
        message_id=MessageId("m"), at=NOW, state=MessageState.SENT, over=False, detail="was taken"
    )
    credit = Credit(value=4.5, at=NOW, low=True, problem=None)
    view = modem_view(last_proof_at=NOW, last_proof=ProofKind.REPORT, selftest=test, credit=credit)
    shown = modem_json(view)
    assert (shown["last_proof_at"], shown["proof"]) == (TIME, "report")
    assert shown["selftest"] == {
        "message": "m", "at": TIME, "state": "sent", "over": False, "detail": "was taken",
    }  # fmt: skip
    assert shown["credit"] == {"value": 4.5, "at": TIME, "low": True, "problem": None}


def test_what_a_sim_has_left() -> None:
    assert modem_json(modem_view())["limits"] is None
    shown = modem_json(modem_view(), USED)["limits"]
    assert shown["profile"] == "cautious"
    assert shown["uses"][1] == {
        "limit": "day", "used": 200, "of": 200, "left": 0, "reserved": 20, "resets_at": TIME,
    }  # fmt: skip
    assert shown["blocked"] == {"for": "200 a day", "until": TIME}


def test_a_key_has_no_secret() -> None:
    key = ApiKey(
        id="k", name="n", owner="o", scopes=frozenset({"send", "read"}), created_at=NOW,
        revoked_at=None,
    )  # fmt: skip
    assert key_json(key) == {
        "id": "k", "name": "n", "owner": "o", "scopes": ["read", "send"], "created_at": TIME,
        "revoked_at": None, "countries": None, "classes": None, "routes": None, "networks": None,
        "rate": None, "expires_at": None, "old_until": None,
    }  # fmt: skip


def test_a_preview() -> None:
    shown = preview_json("x" * 161, split("x" * 161))
    assert (shown["alphabet"], shown["units"], shown["parts"]) == ("gsm7", 161, 2)
    assert [(t["seq"], t["units"], len(t["text"])) for t in shown["texts"]] == [
        (1, 153, 153),
        (2, 8, 8),
    ]
    assert shown["offenders"] == []
    assert preview_json("ab日a日本", split("ab日a日本"))["offenders"] == ["日", "本"]


def test_lists_and_cursors() -> None:
    page = Page(items=(1, 2), next=2)
    shown = page_json(page, lambda n: {"n": n}, "m")
    assert shown["items"] == [{"n": 1}, {"n": 2}]
    assert read_cursor("m", shown["next"]) == 2
    assert page_json(Page(items=(), next=None), lambda n: {"n": n}, "m")["next"] is None
    assert list_json([]) == {"items": [], "next": None}
    for seq in (0, 1, 10, 12345, 10**18 - 1):
        assert read_cursor("i", write_cursor("i", seq)) == seq
    assert read_cursor("m", "") == 0


@pytest.mark.parametrize("cursor", ["x", "é", "====", write_cursor("i", 1), "bTotMQ"])
def test_cursors_that_are_not_ours(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_cursor("m", cursor)
    assert caught.value.code == "invalid-cursor"


def test_json_is_compact_utf8() -> None:
    assert dumps({"a": "日", "b": None}) == '{"a":"日","b":null}'.encode()
