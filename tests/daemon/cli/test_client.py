"""The client: both ways to a service, its refusals, and a service that is not there."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import click
import pytest

from airpost.daemon.cli.client import Client, Refused, Unreachable, pause, segment
from tests.daemon.cli.conftest import Service, run


def test_over_a_unix_socket_and_over_tcp(service: Service) -> None:
    assert Client(service.unix).get("/v1/messages")["items"] == []
    with pytest.raises(Refused) as caught:
        Client(service.tcp).get("/v1/messages")
    assert (caught.value.status, caught.value.exit_code) == (401, 1)
    header = service.store.new_key("shop", "read")["Authorization"]
    token = header.removeprefix("Bearer ")
    assert Client(service.tcp, token).get("/v1/messages", {"tag": None})["items"] == []


def test_all_pages(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airpost.daemon.cli.client.MAX_PAGE", 2)
    client = Client(service.unix)
    ids = [client.post("/v1/messages", {"to": "123", "text": str(n)})["id"] for n in range(5)]
    assert [item["id"] for item in client.items("/v1/messages", {})] == ids


def test_a_refusal_says_what_is_wrong(service: Service) -> None:
    with pytest.raises(Refused, match="to: has 2 digits") as caught:
        Client(service.unix).post("/v1/messages", {"to": "12", "text": "x"})
    assert caught.value.problem["field"] == "to"


@pytest.mark.parametrize("url", ["ftp://x", "http://", "x", "http://h:port", "http://h/v1"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(click.UsageError):
        Client(url).get("/v1/messages")
    run("modems", "--url", url, code=2)


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        Client(f"unix:{tmp_path / 'none'}").get("/v1/messages")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert url in run("modems", "--url", url, code=3).stderr


def test_the_address_and_the_key_from_the_environment(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = service.store.new_key("shop", "read")["Authorization"]
    monkeypatch.setenv("AIRPOST_URL", service.tcp)
    run("modems", code=1)
    monkeypatch.setenv("AIRPOST_KEY", header.removeprefix("Bearer "))
    run("modems")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", None),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 5\r\n\r\n<p>no", Refused),
        (b"SSH-2.0-x\r\n", Unreachable),
        (b"", Unreachable),
    ],
)
def test_something_else_answers(
    tmp_path: Path, answer: bytes, error: type[Exception] | None
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        client = Client(f"unix:{tmp_path / 's'}")
        if error is None:
            assert client.get("/x") == {"detail": "the answer is no JSON object"}
        else:
            with pytest.raises(error):
                client.get("/x")
        thread.join(10)


def test_steps_of_a_path_and_pauses() -> None:
    assert segment("a/b ?") == "a%2Fb%20%3F"
    pause(0)
