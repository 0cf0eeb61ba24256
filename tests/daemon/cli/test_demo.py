"""`airpost demo --once`, as somebody new runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airpost.daemon.demo import REPLY, TEXT


@pytest.mark.slow
def test_all_arrives_and_it_ends_with_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airpost.daemon.cli.main", "demo", "--once", "--modems", "2"],
        capture_output=True, text=True, timeout=70, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "curl" in done.stdout
    for state in ("queued", "sending", "sent", "delivered"):
        assert f"part 3   {state}" in done.stdout
    assert f"the handset shows: {TEXT}" in done.stdout
    assert REPLY in done.stdout
