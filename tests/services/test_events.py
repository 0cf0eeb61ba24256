"""What events are called, and who sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airpost.clock import Instant
from airpost.model import Encoding, MessageClass, MessageId
from airpost.services.events import View, data_of, faults, matcher, order_of, pattern_fault, type_of
from airpost.store.publishing import LogEvent, MessageFacts
from tests.services.http.fakes import inbound as received

NOW = Instant(1_767_323_045_678_000)
FACTS = MessageFacts(
    id=MessageId("m1"), owner="shop", to="+49151", class_=MessageClass.ALARM,
    encoding=Encoding.GSM7, parts=1, modem=None, created_at=NOW, sent_at=NOW, delivered_at=None,
    final=False, possible_duplicates=0, sender_ref="r1", tags=("a",),
)  # fmt: skip
SENT = LogEvent(seq=7, at=NOW, subject="message", from_="sending", to="sent", reason="sent",
                severity="info", message=FACTS)  # fmt: skip
MODEM = LogEvent(seq=8, at=NOW, subject="modem gate-1", from_="ready", to="absent",
                 reason="unplugged", severity="warning")  # fmt: skip
CALL = replace(MODEM, from_=None, to="call", reason="+4930")
IN = LogEvent(seq=9, at=NOW, subject="inbound", from_=None, to="received", reason="complete",
              severity="info", inbound=received(1, owner="shop"))  # fmt: skip


@pytest.mark.parametrize(
    ("event", "type_", "order"),
    [
        (SENT, "message.sent", "m1"),
        (replace(SENT, to="uncertain"), "message.uncertain", "m1"),
        (replace(SENT, subject="part 1"), None, "m1"),
        (replace(SENT, message=None), None, "message"),  # it has been erased
        (IN, "inbound.message", f"from {received(1).from_}"),
        (replace(IN, inbound=None), None, "inbound"),
        (CALL, "inbound.call", "modem gate-1"),
        (MODEM, "modem.state", "modem gate-1"),
        (replace(MODEM, from_=None, to="paused"), "modem.note", "modem gate-1"),
        (replace(MODEM, subject="service"), "service.note", "service"),
        (replace(MODEM, subject="alarm pump", to="raised"), "alarm.raised", "alarm pump"),
    ],
)
def test_names(event: LogEvent, type_: str | None, order: str) -> None:
    assert type_of(event) == type_
    assert order_of(event) == order


@pytest.mark.parametrize(
    ("patterns", "yes", "no"),
    [
        ((), {"message.sent", "inbound.call", "modem.state", "alarm.raised"},
         {"message.queued", "message.sending", "modem.note", "service.note"}),
        (("*",), {"message.queued", "service.note"}, set()),
        (("message.*",), {"message.queued"}, {"messages.x", "modem.state"}),
        (("message.sent", "modem.*"), {"message.sent", "modem.note"}, {"message.delivered"}),
    ],
)  # fmt: skip
def test_patterns(patterns: tuple[str, ...], yes: set[str], no: set[str]) -> None:
    matches = matcher(patterns)
    assert {each for each in yes | no if matches(each)} == yes


def test_what_is_no_pattern() -> None:
    good = ("*", "message.*", "message.sent", "alarm.*", "alarm.raised", "hook.note")
    assert [pattern_fault(each) for each in good] == [None] * len(good)
    assert pattern_fault("mesage.sent") == "is no type of event; did you mean 'message.sent'?"
    assert pattern_fault("nope") == "is no type of event"
    bad = (
        "",
        "**",
        "message.nope",
        "modem",
        "modems.*",
        "a.b.c.*",
        "message*",
        ".x",
        "x.",
        "Message.sent",
        "a b",
        "x" * 65,
        "*.sent",
        "a..b",
    )
    assert [at for at, _ in faults(bad)] == list(range(len(bad)))


def test_who_sees_what() -> None:
    everything, own = View(None, True, ("*",)), View("shop", True, ("*",))
    deaf, other = View("shop", False, ("*",)), View("other", True, ("*",))
    for event, seen_by in (
        (SENT, [everything, own, deaf]),
        (IN, [everything, own]),
        (replace(IN, inbound=received(1, owner=None)), [everything]),
        (CALL, [everything]),
        (MODEM, [everything, own, deaf, other]),
        (replace(MODEM, subject="service"), [everything]),
    ):
        views = (everything, own, deaf, other)
        assert [v for v in views if v.shows(event, type_of(event) or "")] == seen_by


def test_what_is_told() -> None:
    told = data_of(SENT, "message.sent")
    assert (told["event"], told["id"], told["state"], told["previous"]) == (7, "m1", "sent",
                                                                            "sending")  # fmt: skip
    assert (told["sender_ref"], told["tags"], told["class"]) == ("r1", ["a"], "alarm")
    assert "text" not in told
    assert data_of(CALL, "inbound.call") == {"event": 8, "modem": "gate-1", "from": "+4930"}
    assert data_of(replace(CALL, reason="unknown"), "inbound.call")["from"] is None
    assert data_of(IN, "inbound.message")["text"] == received(1).text
    note = data_of(replace(MODEM, subject="service"), "service.note")
    assert (note["subject"], note["severity"]) == ("service", "warning")
