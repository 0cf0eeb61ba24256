"""Every problem has its page, and the viewer asks nothing of anybody else."""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
from pathlib import Path

import pytest

from airpost.services.http.pages import FILES, STATIC
from airpost.services.http.problems import KINDS
from tests.services.http.conftest import Api

SOURCE = Path(__file__).parents[3] / "src" / "airpost"
BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")


def test_a_problem_has_a_page_that_says_what_to_do() -> None:
    written = {path.stem: path.read_text(encoding="utf-8")
               for path in (STATIC / "problems").glob("*.md")}  # fmt: skip
    assert set(written) == set(KINDS)
    for name, kind in KINDS.items():
        head = f"# {kind.title}\n\n`{name}`, HTTP {kind.status}\n\n"
        assert written[name].startswith(head), name
        assert re.search(r"\n\n## What to do\n\n\S.{15,}", written[name]), name


def test_what_the_code_raises_is_a_kind() -> None:
    """A code that is no kind becomes `invalid-request` without a word."""
    raised = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            at = {"Refusal": 0, "InvalidRequest": 2}.get(node.func.id)
            given = [] if at is None else node.args[at : at + 1]
            given += [each.value for each in node.keywords if each.arg in ("code", "kind")]
            if node.func.id in ("Refusal", "InvalidRequest", "Guarded"):
                raised |= {each.value for each in given if isinstance(each, ast.Constant)}
    assert {"blocked", "premium-number", "not-found", "empty-text"} <= raised
    assert raised - set(KINDS) == set()


async def test_each_page_is_served_and_each_problem_leads_to_its_own(api: Api) -> None:
    async with api.http.get("/problems") as response:
        index = await response.text()
    for name, kind in KINDS.items():
        assert f'href="/problems/{name}"' in index
        async with api.http.get(f"/problems/{name}") as response:
            assert response.status == 200
            assert response.content_type == "text/html"
            assert "script-src 'self'" in response.headers["Content-Security-Policy"]
            page = await response.text()
        assert f"<h1>{kind.title}</h1>".replace("'", "&#x27;") in page.replace("'", "&#x27;")
        assert "<h2>What to do</h2>" in page
    async with api.http.get("/v1/messages/none") as response:
        assert response.headers["Link"] == '</problems/not-found>; rel="help"'
    await api.call("GET", "/problems/none", 404)
    await api.call("GET", "/docs/none", 404)
    await api.call("GET", "/docs/..%2Fproblems%2Fblocked.md", 404)


async def test_the_viewer_is_all_here_and_nothing_in_it_is_inline(api: Api) -> None:
    async with api.http.get("/docs") as response:
        page = await response.text()
    assert "<style" not in page
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {
        "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/viewer.js", "/openapi.json",
    }  # fmt: skip
    for name, kind in FILES.items():
        async with api.http.get(f"/docs/{name}") as response:
            assert (response.status, response.content_type) == (200, kind)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            again = {"If-None-Match": response.headers["ETag"]}
        async with api.http.get(f"/docs/{name}", headers=again) as response:
            assert response.status == 304


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs the Debian package chromium-headless-shell")
async def test_a_browser_shows_the_interface_without_network(api: Api, tmp_path: Path) -> None:
    assert BROWSER is not None
    address = str(api.http._base_url)
    command = [
        BROWSER, "--no-sandbox", "--headless", f"--user-data-dir={tmp_path}", "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr",
        "--virtual-time-budget=10000", "--dump-dom", f"{address.rstrip('/')}/docs",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    page, told = (each.decode() for each in await process.communicate())
    assert "Send a message" in page, told
    assert 'id="operations-messages-createMessage"' in page
    # What its policy forbids and what it cannot load, a browser tells its console.
    assert [line for line in told.splitlines() if "CONSOLE" in line] == []
