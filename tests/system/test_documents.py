"""The examples of the documents, run as they stand, against the service with simulated modems."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.cli.conftest import run
from tests.system.house import opened

ROOT = Path(__file__).resolve().parent.parent.parent


def blocks(name: str, language: str, heading: str = "") -> list[str]:
    """The examples of a document, of one section of it where that is named."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        assert text, heading
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a service in a thread of its own."""
    up: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def life() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        async with opened(loop, folder, 2, air_s=0.01, report_delay_s=0.05):
            up.set_result((loop, end))
            await end.wait()

    def run() -> None:
        try:
            asyncio.run(life())
        except BaseException as error:  # the test must see why nothing came up
            if not up.done():
                up.set_exception(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    loop, end = up.result(60)
    try:
        yield f"unix:{folder / 'http.sock'}"
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        assert not thread.is_alive()


def test_the_examples_of_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = blocks("docs/CLIENT.md", "python")
    assert len(examples) >= 8
    with serving(tmp_path) as url:
        monkeypatch.setenv("AIRPOST_URL", url)
        names: dict[str, object] = {"__name__": "example"}
        for example in examples:
            exec(compile(example, "docs/CLIENT.md", "exec"), names)
    said = capsys.readouterr().out
    assert "urn:airpost:problem:number-not-dialable to to: has 2 digits" in said
    assert "+491701234568 delivered" in said


def test_the_first_message_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heading = "The first message within a minute"
    (commands,) = blocks("README.md", "sh", heading)
    (program,) = blocks("README.md", "python", heading)
    (curl,) = blocks("README.md", "sh curl", heading)
    script = tmp_path / "airpost"
    script.write_text(f"#!{sys.executable}\nfrom airpost.daemon.cli.main import main\nmain()\n")
    script.chmod(0o755)
    with serving(tmp_path) as url:
        monkeypatch.setenv("AIRPOST_URL", url)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        shown = subprocess.run(["sh", "-ec", commands], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.splitlines()[0].endswith(" delivered, 1 part, ucs2")
        exec(compile(program, "README.md", "exec"), {})
        assert capsys.readouterr().out == "delivered\n"
        if shutil.which("curl") is None:
            pytest.skip("needs the Debian package curl; the rest is seen")
        words = re.search(r"`airpost (keys create [^`]*)`", ROOT.joinpath("README.md").read_text())
        assert words is not None
        made = run(*words[1].split(), "--json").stdout
        monkeypatch.setenv("AIRPOST_KEY", json.loads(made)["token"])
        # What curl would ask at the port of a service is asked at the socket of this one.
        asked = curl.replace("curl -s", f"curl -sS --unix-socket {url.removeprefix('unix:')}")
        lines = subprocess.run(["sh", "-ec", asked], capture_output=True, text=True).stdout
        sent, listed, inbound = (json.loads(each) for each in re.split(r"(?<=})(?={)", lines))
        assert sent.get("state") in ("queued", "sending"), lines
        assert len(listed["items"]) == 1
        assert inbound["items"] == []
