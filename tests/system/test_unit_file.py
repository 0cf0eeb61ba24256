"""The unit file: what it opens, what it times, and how exposed it leaves the service."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from airpost.daemon.cli.serve import EXIT_CONFIG
from airpost.daemon.config.settings import STATE_FOLDER
from airpost.pool.pool import ON_AIR_STOP_S
from airpost.services.http.server import SHUTDOWN_S
from airpost.services.http.settings import DEFAULT_LISTEN, DEFAULT_SOCKET

FOLDER = Path(__file__).resolve().parent.parent.parent / "systemd"
UNIT = FOLDER / "airpost.service"
SOCKET = FOLDER / "airpost.socket"
DROP_IN = FOLDER / "airpost-usb-reset.conf"
MOST_EXPOSED = 3.0
MEASURED = re.compile(r"exposure level for airpost\.service: ([0-9.]+)")


def settings(path: Path = UNIT) -> dict[str, list[str]]:
    """Every key with all its values, comments and sections left out."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def analyze(*given: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs the Debian package systemd")
    done = subprocess.run(
        ["systemd-analyze", *given], capture_output=True, text=True, timeout=60, check=False
    )
    if "--offline" in done.stderr:
        pytest.skip("the package systemd is older than 250: it measures no files")
    return done


@pytest.mark.parametrize("opened", [False, True], ids=["as it is", "with USB resets"])
def test_the_service_is_little_exposed(tmp_path: Path, opened: bool) -> None:
    shutil.copy(UNIT, tmp_path)
    if opened:
        (tmp_path / "airpost.service.d").mkdir()
        shutil.copy(DROP_IN, tmp_path / "airpost.service.d" / "usb-reset.conf")
    done = analyze("security", "--offline=yes", "--no-pager", str(tmp_path / "airpost.service"))
    found = MEASURED.search(done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= MOST_EXPOSED
    assert ("char-usb_device" in done.stdout) is opened


@pytest.mark.parametrize("unit", [UNIT, SOCKET], ids=["service", "socket"])
def test_systemd_knows_every_key(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    complaints = [
        line for line in done.stderr.splitlines()
        if "airpost" in line and "is not executable" not in line
    ]  # fmt: skip
    assert complaints == []


def test_serial_ports_and_udev_events_are_open_and_nothing_else() -> None:
    held = settings()
    assert held["DevicePolicy"] == ["closed"]
    assert set(held["DeviceAllow"]) == {
        f"char-{group} rw" for group in ("ttyUSB", "ttyACM", "ttyS", "ttyAMA")
    }
    # Groups of modules that are not loaded are not known to DeviceAllow=.
    for key in ("Wants", "After"):
        assert {"modprobe@usbserial.service", "modprobe@cdc_acm.service"} <= set(
            " ".join(held[key]).split()
        )
    assert "AF_NETLINK" in held["RestrictAddressFamilies"][0]
    assert not {"PrivateDevices", "PrivateNetwork", "PrivateUsers"} & held.keys()


def test_the_opening_for_usb_is_no_wider_than_it_must_be() -> None:
    assert settings(DROP_IN) == {
        "ReadWritePaths": ["/sys/devices"],
        "DeviceAllow": ["char-usb_device rw"],
    }


def test_what_the_unit_says_is_what_the_code_does() -> None:
    held = settings()
    assert held["Type"] == ["notify"]
    assert held["RestartPreventExitStatus"] == [str(EXIT_CONFIG)]
    # Twice: aiohttp waits for handlers, then for those it has cancelled.
    assert int(held["TimeoutStopSec"][0]) > ON_AIR_STOP_S + 2 * SHUTDOWN_S
    assert Path("/var/lib") / held["StateDirectory"][0] == STATE_FOLDER
    assert Path("/run") / held["RuntimeDirectory"][0] == Path(DEFAULT_SOCKET).parent
    assert held["ExecStart"][0].split()[:2] == ["/usr/bin/airpost", "serve"]


def test_a_socket_unit_opens_what_the_service_would() -> None:
    found = settings(SOCKET)
    assert found["ListenStream"] == [DEFAULT_SOCKET, "127.0.0.1:8775"]
    assert [f"unix:{DEFAULT_SOCKET}", "127.0.0.1:8775"] == sorted(DEFAULT_LISTEN, reverse=True)
    assert found["SocketMode"] == ["0660"]
    assert settings()["RuntimeDirectoryPreserve"] == ["yes"]  # else a stop removes the socket
