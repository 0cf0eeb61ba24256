"""`airpost serve` as a process: mistakes, signals, exit statuses."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpost.daemon.cli.serve import _spare_threads, _use_all_descriptors
from tests.system.processes import Service, wait_for


def serve(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airpost.daemon.cli.main", "serve", "--config", str(config)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[stor]\n", "stor: is no known key; did you mean 'store'?"),
        ("[[modem]]\nname = 'a'\n", "modem.0.port: which modem it is"),
        ("[http]\nlisten = ['0.0.0.0:1']\nauth = 'none'\n", "http.auth"),
        ("[store\n", "not valid TOML"),
    ],
)
def test_a_mistake_is_refused_with_its_path(tmp_path: Path, text: str, words: str) -> None:
    config = tmp_path / "airpost.toml"
    config.write_text(text)
    done = serve(config)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    done = serve(path)
    assert done.returncode == 2
    assert done.stderr == f"airpost: {path}: cannot be read: No such file or directory\n"


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """600 of them; the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_all_descriptors_are_used(few_descriptors: int, caplog: pytest.LogCaptureFixture) -> None:
    _use_all_descriptors(500)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == few_descriptors
    assert caplog.messages == []


@pytest.mark.usefixtures("few_descriptors")
@pytest.mark.parametrize("error", [ValueError, PermissionError])
def test_connections_that_could_take_them_all_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(resource, "setrlimit", refuse)
        _use_all_descriptors(100)
        assert caplog.messages == []
        _use_all_descriptors(500)
    (told,) = caplog.messages
    assert told.startswith("serve.few_descriptors limit=600 http.max_connections=500")


@pytest.mark.slow
def test_a_missing_port_is_shown_and_sigterm_ends_it(tmp_path: Path) -> None:
    service = Service(tmp_path, [str(tmp_path / "nowhere")])
    try:
        service.start()
        (modem,) = wait_for(lambda: service.client.get("/v1/modems")["items"])
        assert modem["state"] == "absent"
        assert "plug the modem in" in modem["detail"]
        assert service.client.get("/health/ready")["status"] == "degraded"
        assert service.stop() == 0
    finally:
        service.close()


@pytest.mark.slow
def test_the_abort_of_a_watchdog_shows_where_every_thread_stands(tmp_path: Path) -> None:
    service = Service(tmp_path, [])
    try:
        service.start()
        wait_for(lambda: service.client.get("/health/live"))
        service.process.send_signal(signal.SIGABRT)
        assert service.process.wait(30) == -signal.SIGABRT
        log = service.log()
        assert "Fatal Python error: Aborted" in log
        assert log.count("store/thread.py") >= 2  # its writer and its reader
        assert "base_events.py" in log  # the loop
    finally:
        service.close()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python does so by itself")
def test_no_thread_waits_for_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = asyncio.get_event_loop_policy()
    monkeypatch.setattr(policy, "_watcher", None)
    _spare_threads()

    async def run() -> int:
        process = await asyncio.create_subprocess_exec("true")
        assert not [each for each in threading.enumerate() if each.name.startswith("waitpid")]
        return await process.wait()

    with asyncio.Runner() as runner:
        assert runner.run(run()) == 0
