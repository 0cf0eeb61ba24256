"""The support archive holds no texts, numbers or secrets."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from airpost.clock import Instant
from airpost.daemon.doctor.archive import (
    Archive,
    bare_wire_line,
    harmless,
    harmless_config,
    harmless_log,
)
from airpost.daemon.doctor.finding import note
from airpost.errors import ConfigError

NOW = Instant(1_767_323_045_678_000)
CONFIG = """
[store]
url = "postgresql://air:hunter2@db/airpost"
[[modem]]
name = "gate-1"
port = "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.4:1.2-port0"
pin_file = "sim1.pin"
smsc = "+8613800100500"
number = "+8613912345678"
imei = "490154203237518"
"""


def test_the_configuration_without_its_secrets() -> None:
    shown = harmless_config(CONFIG)
    text = json.dumps(shown)
    for secret in ("hunter2", "13800100500", "13912345678", "490154203237518"):
        assert secret not in text
    (modem,) = shown["modem"]
    assert modem["pin_file"] == "sim1.pin"
    assert modem["port"].endswith("usb-0:1.4:1.2-port0")
    with pytest.raises(ConfigError):
        harmless_config("[store")


def test_values_by_their_keys_and_by_their_looks() -> None:
    given = {"sim": "8949", "to": "1", "imsi": None, "detail": "+491701234567 is busy", "n": 5,
             "ready": True, "list": [{"key_id": "abc"}]}  # fmt: skip
    assert harmless(given) == {
        "sim": "****", "to": "****", "imsi": None, "detail": "+49…67 is busy", "n": 5,
        "ready": True, "list": [{"key_id": "****"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("way", "text", "shown"),
    [
        ("<<", '+CMGR: "REC READ","+49…78","Alice"', '+CMGR: "…","…","…"'),
        ("<<", "meet me at nine", "<15 characters>"),
        ("<<", "OK", "OK"),
        ("<<", "+CMS ERROR: 500", "+CMS ERROR: 500"),
        ("<<", "<20 octets>", "<20 octets>"),
        ("<<", "> ", ">"),
        ("<<", '+CREG: 2,1,"00C3","01A2B3C4",7', '+CREG: 2,1,"…","…",7'),
        ("<<", "UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE WARNNING"),
        (">>", 'AT+CPMS="SM","SM"', 'AT+CPMS="…","…"'),
        (">>", "AT+CSQ", "AT+CSQ"),
        ("--", "gave up waiting", "gave up waiting"),
    ],
)
def test_lines_of_the_wire(way: str, text: str, shown: str) -> None:
    assert bare_wire_line(way, text) == shown


def test_the_log_without_tracebacks() -> None:
    lines = [
        "2026-01-02T03:04:05+0000 box airpost[7]: INFO airpost.unit modem.ready modem=gate-1",
        'ValueError: "meet me at nine"',
        "2026-01-02T03:04:05.678Z WARNING airpost.http http.key_unknown number=+491701234567",
    ]
    text = harmless_log(lines)
    assert "modem.ready" in text
    assert "nine" not in text
    assert "1701234567" not in text


def test_it_is_written_for_its_owner_and_over_nothing(tmp_path: Path) -> None:
    archive = Archive(NOW)
    archive.add_findings([note("sim", "gate-1", "open")])
    archive.add_trace("gate/1", [{"at": "t", "way": "<<", "text": "hello you"}])
    archive.add_text("log.txt", "x\n")
    path = tmp_path / "a.tar.gz"
    archive.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:
        assert tar.getnames() == [
            f"airpost-support/{each}" for each in ("findings.json", "log.txt", "trace/gate_1.txt")
        ]
        member = tar.extractfile("airpost-support/trace/gate_1.txt")
        assert member is not None
        assert member.read() == b"t << <9 characters>\n"
    with pytest.raises(FileExistsError):
        archive.write(path)
