"""The demonstration's own words; `airpost demo --once` is run in cli/test_demo.py."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from airpost.codec.split import split
from airpost.daemon.demo import REPLY, TEXT, Addresses


def test_the_text_is_long_chinese_with_an_emoji() -> None:
    assert len(split(TEXT).parts) == 3
    assert any(ord(char) > 0xFFFF for char in TEXT)
    assert any("\u4e00" <= char <= "\u9fff" for char in TEXT + REPLY)


def test_the_curl_line_is_one_a_shell_takes() -> None:
    at = Addresses(http="http://127.0.0.1:1", unix="unix:/s", modems=Path("/m"))
    *_, body = shlex.split(at.curl)
    assert set(json.loads(body)) == {"to", "text"}
