"""`airpost send`."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from airpost.model import MessageClass
from airpost.states import MessageState
from tests.daemon.cli.conftest import Service, run


def test_a_message_is_sent(service: Service) -> None:
    said = service.run("send", "+49 170 1234567", "hello", "--class", "otp", "--tag", "a",
                       "--tag", "b", "--no-report", "--ref", "r", "--ttl", "60")  # fmt: skip
    (new,) = service.store.news
    assert said.stdout == f"{new.id} queued, 1 part, gsm7\n"
    assert (new.to, new.text, new.class_) == ("+491701234567", "hello", MessageClass.OTP)
    assert (new.tags, new.want_report, new.sender_ref) == (("a", "b"), False, "r")


def test_a_text_from_standard_input(service: Service) -> None:
    service.run("send", "123", "-", text="two\nlines\n")
    assert service.store.news[0].text == "two\nlines"


def test_as_json_and_idempotent(service: Service) -> None:
    args = ("send", "123", "x", "--idempotency-key", "k")
    (first,) = service.json(*args)
    assert service.json(*args) == [first]
    assert len(service.store.news) == 1


def test_a_refusal_is_told(service: Service) -> None:
    assert "to: has 2 digits" in service.run("send", "12", "x", code=1).stderr
    service.run("send", "123", "x", "--class", "urgent", code=2)


@pytest.mark.parametrize(("state", "code"), [("delivered", 0), ("failed", 1), ("uncertain", 1)])
def test_waiting_for_its_fate(
    service: Service, monkeypatch: pytest.MonkeyPatch, state: str, code: int
) -> None:
    def pause(_delay_s: float) -> None:
        ((key, message),) = service.store.kept.items()
        service.store.kept[key] = replace(
            message, state=MessageState(state), final=True, reason="because"
        )

    monkeypatch.setattr("airpost.client.time", SimpleNamespace(sleep=pause))
    said = service.run("send", "123", "x", "--wait", code=code)
    assert said.stdout.endswith(f" {state}, 1 part, gsm7: because\n")


def test_no_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    run("send", "123", "x", "--url", f"unix:{tmp_path_factory.mktemp('x') / 's'}", code=3)
