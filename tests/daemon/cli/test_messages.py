"""`airpost messages`."""

from __future__ import annotations

from dataclasses import replace

from airpost.model import Waits
from airpost.states import MessageState
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import NOW, event


def test_the_newest_oldest_first(service: Service) -> None:
    for n in range(4):
        service.run("send", "123", str(n))
    assert [m["text"] for m in service.json("messages", "--last", "2")] == ["2", "3"]
    lines = service.run("messages").stdout.splitlines()
    assert lines[0].split()[:3] == ["id", "created", "state"]
    assert len(lines) == 5


def test_a_list_tells_what_is_waited_for(service: Service) -> None:
    (sent,) = service.json("send", "123", "x")
    service.pool.waiting[sent["id"]] = Waits(
        reason="rate_limited_local", words="1 a minute of class otp to this number", until=NOW
    )
    line = service.run("messages").stdout.splitlines()[1]
    assert "waits for 1 a minute of class otp to this number, until 20" in line


def test_filters_are_handed_on(service: Service) -> None:
    service.run("messages", "--state", "sent", "--to", "123", "--class", "otp", "--tag", "t")
    (where,) = service.store.asked
    assert (where.to, where.tag, where.modem) == ("123", "t", None)
    service.run("messages", "--since", "never", code=1)


def test_one_with_its_history(service: Service) -> None:
    (sent,) = service.json("send", "123", "a\x00b".replace("\x00", "\t"), "--tag", "x")
    service.store.history = [event(1, sent["id"], reason="taken in")]
    text = service.run("messages", sent["id"]).stdout
    assert "state: queued" in text
    assert "text: a b" in text
    assert "part 1: queued" in text
    assert "taken in" in text
    assert service.json("messages", sent["id"]) == [{**sent, "routing": {}}]
    service.run("messages", "none", code=1)


def test_cancelling(service: Service) -> None:
    (sent,) = service.json("send", "123", "x")
    (gone,) = service.json("messages", sent["id"], "--cancel")
    assert gone["state"] == "cancelled"
    service.run("messages", sent["id"], "--cancel", code=1)
    service.run("messages", "--cancel", code=2)


def test_what_is_uncertain_is_asked_for(service: Service) -> None:
    service.run("messages", "--uncertain")
    assert service.store.asked[-1].uncertain
    service.run("messages")
    assert service.store.asked[-1].uncertain is None


def test_what_a_restore_holds_tells_whether_there_was_an_attempt(service: Service) -> None:
    for attempts in (0, 1):
        (sent,) = service.json("send", "123", "x")
        stored = service.store.kept[sent["id"]]
        parts = tuple(replace(part, attempts=attempts) for part in stored.parts)
        service.store.kept[sent["id"]] = replace(
            stored, state=MessageState.UNCERTAIN, reason="restored", parts=parts
        )
    *_, untouched, begun = service.run("messages", "--uncertain").stdout.splitlines()
    assert untouched.rstrip().endswith("restored; the copy shows no attempt")
    assert begun.rstrip().endswith("restored")


def test_as_csv(service: Service) -> None:
    service.run("send", "+491701234567", 'two, "quoted"')
    head, line = service.run("messages", "--csv").stdout.splitlines()
    assert head.startswith("id,created_at,to,class,state")
    assert "+491701234567,normal,queued,false," in line
    assert line.endswith('"two, ""quoted"""')


def test_what_does_not_go_together_is_not_passed_over(service: Service) -> None:
    (sent,) = service.json("send", "123", "x")
    for more in (["--last", "2"], ["--json"]):
        told = service.run("messages", "--csv", *more, code=2)
        assert "--csv is all that fit" in told.stderr
    for more in (["--state", "sent"], ["--uncertain"], ["--csv"], ["--last", "1"]):
        told = service.run("messages", sent["id"], *more, code=2)
        assert "with ID there is one message" in told.stderr
