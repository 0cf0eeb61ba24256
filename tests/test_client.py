"""The client, blocking and awaited: against the service, and against one that breaks off."""

from __future__ import annotations

import ast
import asyncio
import ssl
import threading
import typing
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from airpost import client as module
from airpost import shapes
from airpost.client import AsyncClient, Client
from airpost.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TryLater,
    Unauthorized,
    Unreachable,
    unreachable,
)
from airpost.services.http.shapes import batches as batch_shapes
from airpost.services.http.shapes import messages as message_shapes
from airpost.services.http.shapes import modems as modem_shapes
from tests.breaking import ACCEPTED, Breaking, problem
from tests.daemon.cli.conftest import Service, service
from tests.services.http.certificates import made as certificate
from tests.services.http.fakes import inbound

__all__ = ["service"]
Face = Callable[..., Any]


def now(url: str, name: str, *given: Any, take: int | None = None, **named: Any) -> Any:
    """What a call of `Client` brings; of an iterator `take` items, or all."""
    options = {option: named.pop(option) for option in ("key", "tls") if option in named}
    with Client(url, patience_s=named.pop("patience_s", 5), **options) as client:
        found = getattr(client, name)(*given, **named)
        if not isinstance(found, Generator):
            return found
        taken = list(islice(found, take))
        found.close()
        return taken


def awaited(url: str, name: str, *given: Any, take: int | None = None, **named: Any) -> Any:
    """The same of `AsyncClient`."""
    options = {option: named.pop(option) for option in ("key", "tls") if option in named}

    async def main() -> Any:
        patience_s = named.pop("patience_s", 5)
        async with AsyncClient(url, patience_s=patience_s, **options) as client:
            found = getattr(client, name)(*given, **named)
            if isinstance(found, Coroutine):
                return await found
            assert isinstance(found, AsyncGenerator)
            taken = []
            async for each in found:
                taken.append(each)
                if len(taken) == take:
                    break
            await found.aclose()
            return taken

    return asyncio.run(main())


@pytest.fixture(params=[now, awaited], ids=["now", "awaited"])
def face(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Face:
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    ask: Face = request.param
    return ask


def test_what_a_program_does_all_day(service: Service, face: Face) -> None:
    made = [
        face(service.unix, "send", "+49 170 1234567", f"n {n}", class_="otp", tags=["t"],
             send_at=datetime(2100, 1, 1, tzinfo=UTC) if n == 2 else None)
        for n in range(2)
    ]  # fmt: skip
    (one, two) = made
    assert (one["to"], one["class"], one["tags"]) == ("+491701234567", "otp", ["t"])
    assert face(service.unix, "message", one["id"])["text"] == "n 0"
    assert [m["id"] for m in face(service.unix, "messages", class_="otp")] == [
        m["id"] for m in made
    ]
    assert face(service.unix, "cancel", two["id"])["state"] == "cancelled"
    assert face(service.unix, "wait", two["id"])["final"]
    with pytest.raises(TimeoutError):
        face(service.unix, "wait", one["id"], 0)
    assert face(service.unix, "preview", "ä" * 161)["parts"] == 2
    assert face(service.unix, "preview", template="Hi {{ n }}", values={"n": 1})["text"] == "Hi 1"
    assert face(service.unix, "items", dict, "/v1/modems")[0]["name"] == "gate-1"
    assert face(service.unix, "call", dict, "GET", "/v1/queue")["total"] >= 0
    with pytest.raises(ValueError, match="send_at is a time without a zone"):
        face(service.unix, "send", "123", "x", send_at=datetime(2100, 1, 1))  # noqa: DTZ001


def test_octets_go_out_as_base64(service: Service, face: Face) -> None:
    assert face(service.unix, "send", "123", data=b"\x00\xff", port=7)["data"] == "AP8="


def test_pages_are_one_list(service: Service, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGE", 2)
    ids = [face(service.unix, "send", "123", str(n))["id"] for n in range(5)]
    assert [each["id"] for each in face(service.unix, "messages")] == ids
    assert [each["id"] for each in face(service.unix, "messages", take=3)] == ids[:3]


def test_inbound_goes_on_where_it_was(service: Service, face: Face) -> None:
    service.store.received = [inbound(n) for n in range(1, 4)]
    assert [each["id"] for each in face(service.unix, "inbound")] == ["in-1", "in-2", "in-3"]
    place = face(service.unix, "call", dict, "GET", "/v1/inbound", {"limit": 2})["next"]
    assert [each["id"] for each in face(service.unix, "inbound", place)] == ["in-3"]


def test_a_refusal_says_what_is_wrong(service: Service, face: Face) -> None:
    with pytest.raises(Invalid, match="to: has 2 digits") as caught:
        face(service.unix, "send", "12", "x")
    told = caught.value
    assert (told.status, told.field, told.retry_after_s) == (400, "to", None)
    assert told.type == "urn:airpost:problem:number-not-dialable"
    assert (told.title, told.errors[0]["field"]) == ("The number cannot be dialled", "to")
    with pytest.raises(NotFound):
        face(service.unix, "message", "a/b?c")
    with pytest.raises(Unauthorized):
        face(service.tcp, "call", dict, "GET", "/v1/modems")


def test_a_key_comes_from_the_environment_or_a_file(
    service: Service, face: Face, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = service.store.new_key("shop", "read")["Authorization"].removeprefix("Bearer ")
    assert face(service.tcp, "call", dict, "GET", "/v1/modems", key=token)
    (tmp_path / "key").write_text(f"{token}\n")
    monkeypatch.setenv("AIRPOST_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("AIRPOST_URL", service.tcp)
    assert face(None, "call", dict, "GET", "/v1/modems")
    monkeypatch.setenv("AIRPOST_KEY", "ap_wrong")
    with pytest.raises(Unauthorized):
        face(None, "call", dict, "GET", "/v1/modems")


# -- tries -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "first",
    [
        None,
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        problem(503, "stopping", retry_after_s=0),
        problem(429, "rate-limited-key", retry_after_s=0),
        problem(409, "idempotency-running", retry_after_s=0),
    ],
    ids=["lost", "cut", "proxy", "503", "429", "409"],
)
def test_a_message_is_tried_again_with_its_key(first: bytes | None, face: Face) -> None:
    with Breaking([first, ACCEPTED]) as there:
        assert face(there.url, "send", "123", "x")["id"] == "m1"
    keys = [head["idempotency-key"] for head, _ in there.seen]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert there.seen[0][1] == there.seen[1][1] == b'{"to": "123", "text": "x"}'


def test_what_could_happen_twice_is_not_tried_again(face: Face) -> None:
    for call in (("call", dict, "POST", "/v1/modems/a/reset"), ("cancel", "m1")):
        with Breaking([None, ACCEPTED]) as there:
            with pytest.raises(Unreachable, match="no service at"):
                face(there.url, *call)
            assert len(there.seen) == 1
    with Breaking([problem(503, "stopping", retry_after_s=0), ACCEPTED]) as there:
        face(
            there.url, "call", dict, "POST", "/v1/modems/a/reset"
        )  # it was refused: nothing was done
        assert len(there.seen) == 2


def test_who_may_not_use_the_socket_is_told_who_may() -> None:
    told = unreachable("unix:/x.sock", PermissionError(13, "Permission denied"), again=True)
    assert not told.again
    assert told.message.endswith("Permission denied; it is for root and members of group airpost")


def test_patience_has_an_end(face: Face) -> None:
    with Breaking([problem(429, "rate-limited-key", retry_after_s=9)]) as there:
        with pytest.raises(TryLater) as caught:
            face(there.url, "send", "123", "x")
        assert caught.value.retry_after_s == 9
    with Breaking([None]) as there, pytest.raises(Unreachable):
        face(there.url, "send", "123", "x", patience_s=-1)
    with pytest.raises(Unreachable):  # nobody listens there any more
        face(there.url, "call", dict, "GET", "/v1/modems", patience_s=-1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (403, Forbidden), (409, Conflict), (422, Invalid), (429, TryLater),
     (500, Refused), (302, Refused)],
)  # fmt: skip
def test_each_refusal_has_its_class(status: int, kind: type[Refused], face: Face) -> None:
    with Breaking([problem(status, "x")]) as there, pytest.raises(Refused) as caught:
        face(there.url, "send", "123", "x")
    assert type(caught.value) is kind
    assert (caught.value.status, len(there.seen)) == (status, 1)


def test_a_stream_that_breaks_off_goes_on_where_it_was(face: Face) -> None:
    def event(seq: int) -> bytes:
        return b'id: %d\ndata: {"type": "modem.state", "data": {"event": %d}}\n\n' % (seq, seq)

    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    begun = head + b"id: 7\nretry: 2000\n\n"  # nothing has happened yet, and the place is known
    script = [begun, head + b": alive\n\n" + event(8) + event(9) + b"id: 10\nda", head + event(11)]
    with Breaking(script) as there:
        found = face(there.url, "events", "modem.*", take=3)
    assert [each["id"] for each in found] == ["8", "9", "11"]
    assert found[0]["data"] == {"event": 8}
    assert [head.get("last-event-id") for head, _ in there.seen] == [None, "7", "9"]


def test_a_stream_of_the_service_is_refused_as_calls_are(service: Service, face: Face) -> None:
    with pytest.raises(Invalid):
        face(service.unix, "events", "no.such.thing.*.*", take=1)


def test_a_certificate_is_believed_or_not(face: Face) -> None:
    made = certificate("box")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    with Breaking([ACCEPTED, ACCEPTED], tls=context) as there:
        trust = ssl.create_default_context(cafile=str(made[0]))
        assert face(there.url, "send", "123", "x", tls=trust)["id"] == "m1"
        with pytest.raises(Unreachable, match=r"(?i)certificate"):  # at once: it stays so
            face(there.url, "send", "123", "x", patience_s=3600)


# -- only where it blocks --------------------------------------------------------------------------
async def test_it_blocks_in_a_running_loop_too(service: Service) -> None:
    with Client(service.unix) as client:
        client.send("123", "x")
        assert [each["text"] for each in client.messages()] == ["x"]


def test_threads_share_one_client(service: Service) -> None:
    with Client(service.unix) as client:
        threads = [threading.Thread(target=client.send, args=("123", str(n))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(list(client.messages())) == 8


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "x", "http://h:port", "http://h/v1", "unix:"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError):
        Client(url)


# -- types -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "there"),
    [
        (shapes.Message, message_shapes.Message), (shapes.Part, message_shapes.Part),
        (shapes.Outcome, message_shapes.Outcome), (shapes.Inbound, message_shapes.Inbound),
        (shapes.Preview, message_shapes.Preview),
        (shapes.Taken, batch_shapes.Taken), (shapes.Batch, batch_shapes.Batch),
        (shapes.Modem, modem_shapes.Modem),
    ],
    ids=lambda each: each.__name__,
)  # fmt: skip
def test_shapes_are_those_of_the_service(shape: type, there: Any) -> None:
    ours = typing.get_type_hints(shape).keys()
    assert ours == {field.alias or name for name, field in there.model_fields.items()}


def test_it_stays_small() -> None:
    """300 lines, all of it; beside them are its errors, and the types of what is told."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = {str(node.module) for node in named if str(node.module).startswith("airpost")}
    assert ours == {"airpost", "airpost.shapes"}
    assert [a.name for node in named if node.module == "airpost" for a in node.names] == ["errors"]
    assert len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) <= 300


def test_both_do_the_same() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(AsyncClient) == public(Client)
    assert Client.send.__doc__ == AsyncClient.send.__doc__
