from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwsim.cli import main, request_of


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A started hw-sim with two modems: its directory and the lines it printed."""
    command = [sys.executable, "-m", "hwsim.cli", "--modems", "2", "--dir", str(tmp_path),
               "--air-ms", "10", "--report-ms", "10", "--usb", "--events"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [each["kind"] for each in events] == ["plugged", "plugged"]
        lines = [process.stdout.readline() for _ in range(2)]
        yield tmp_path, lines
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert not list(tmp_path.iterdir())


def test_start_and_talk(
    running: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lines = running
    assert [line.split()[0] for line in lines] == [str(folder / f"modem{n}") for n in (0, 1)]
    host = os.open(folder / "modem0", os.O_RDWR | os.O_NOCTTY)
    os.write(host, b"ATE0\r")
    got = b""
    while not got.endswith(b"OK\r\n"):
        got += os.read(host, 100)
    ctl = ["ctl", "--dir", str(folder)]
    assert main([*ctl, "fault", "modem1", "cms_error", "code=41", "count=2"]) == 0
    assert json.loads(capsys.readouterr().out)["params"]["code"] == 41
    assert main([*ctl, "modems"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown[1]["faults"] == ["cms_error"]
    (port,) = shown[1]["ports"]
    assert (port["role"], port["usb"]) == ("at", "1-1.2")
    assert Path(port["path"]).resolve() == Path(shown[1]["device"])
    assert main([*ctl, "fault", "modem1", "unplug", "back_s=0.1"]) == 0
    assert main([*ctl, "never"]) == 0
    capsys.readouterr()
    assert main([*ctl, "reply", "+491701", "hello", shown[0]["number"]]) == 0
    assert main([*ctl, "clear", "modem1"]) == 0
    capsys.readouterr()
    assert main([*ctl, "unplug", "modem9"]) == 1
    assert "modem0, modem1" in capsys.readouterr().err
    assert main(["--dir", str(folder)]) == 1
    assert "running in" in capsys.readouterr().err
    assert main([*ctl, "time"]) == 0  # the second start has left the first alone
    os.close(host)


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ctl", "--dir", str(tmp_path), "time"]) == 3
    assert f"hw-sim --modems 1 --dir {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments", "request_"),
    [
        ("modems", [], {"do": "modems"}),
        ("inbox", ["+49"], {"do": "inbox", "number": "+49"}),
        ("fault", ["modem0", "garbage", "octets=3", "chance=0.5", "verb=+CSQ"],
         {"do": "fault", "modem": "modem0", "name": "garbage",
          "params": {"octets": 3, "chance": 0.5, "verb": "+CSQ"}}),
        ("network", ["air_s=null"], {"do": "network", "params": {"air_s": None}}),
        ("reply", ["+49", "a = b"], {"do": "reply", "number": "+49", "text": "a = b"}),
    ],
)  # fmt: skip
def test_requests(command: str, arguments: list[str], request_: dict[str, object]) -> None:
    assert request_of(command, arguments) == request_


@pytest.mark.parametrize(
    "arguments",
    [
        ["ctl", "--dir", "/d", "dance"],
        ["ctl", "--dir", "/d", "plug"],
        ["ctl", "--dir", "/d", "plug", "modem0", "more"],
        ["ctl", "--dir", "/d", "fault", "modem0", "silence", "now"],
        ["--dir", "/d", "--modems", "0"],
        ["--dir", "/d", "--air-ms", "-1"],
        ["--dir", "/d", "--personality", "nokia"],
        [],
    ],
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_recordings_are_read_from_a_file(tmp_path: Path) -> None:
    steps = [{"send": "AT\r"}, {"recv": ["OK\r\n"]}]
    file = tmp_path / "recorded.json"
    for whole in (steps, {"id": "a", "steps": steps}):
        file.write_text(json.dumps(whole))
        assert request_of("replay", ["modem0", str(file)]) == {
            "do": "replay", "modem": "modem0", "steps": steps,
        }  # fmt: skip
    file.write_text("\n".join(json.dumps({"id": name, "steps": steps[:1]}) for name in "ab"))
    assert request_of("replay", ["modem0", str(file), "b"])["steps"] == steps[:1]
    with pytest.raises(ValueError, match="2 recordings; name one"):
        request_of("replay", ["modem0", str(file)])
    with pytest.raises(OSError, match="nowhere"):
        request_of("replay", ["modem0", "nowhere"])


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ctl", "--help"])
    assert "unplug MODEM" in capsys.readouterr().out


def test_a_directory_that_cannot_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--dir", str(tmp_path / "file" / "d")]) == 1
    assert "name a folder" in capsys.readouterr().err
    long = tmp_path / ("d" * 100)
    assert main(["--dir", str(long)]) == 1
    assert "107 bytes" in capsys.readouterr().err
    assert list(long.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--dir"),
        (["--dir", "d", "--modems", "0"], "--modems must be at least 1"),
        (["--dir", "d", "--modems", "x"], "--modems: invalid int"),
        (["--dir", "d", "--air-ms", "-1"], "--air-ms cannot be negative"),
        (["--dir", "d", "--report-ms", "-1"], "--report-ms cannot be negative"),
        (["--dir", "d", "--boot-ms", "-1"], "--boot-ms cannot be negative"),
        (["--dir", "d", "--personality", "nokia"], "huawei-e3372-like"),
    ],
)
def test_mistakes_in_starting(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
