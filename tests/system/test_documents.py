"""The examples of the documents, run as they stand, against the service with simulated modems."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

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
