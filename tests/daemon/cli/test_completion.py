"""`airpost completion`: the shell's side, and what it is told."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from airpost.daemon.cli.completion import SHELLS
from airpost.daemon.cli.main import main
from tests.daemon.cli.conftest import Service, run


def offered(*words: str) -> list[str]:
    """What is offered for the last word."""
    found = ShellComplete(main, {}, "airpost", "_AIRPOST_COMPLETE")
    return [each.value for each in found.get_completions([*words[:-1]], words[-1])]


def test_commands_options_and_modems(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("mod") == ["modems"]
    assert "--idempotency-key" in offered("send", "--")
    assert offered("send", "--class", "a") == ["alarm"]
    monkeypatch.setenv("AIRPOST_URL", service.unix)
    assert offered("modems", "pause", "ga") == ["gate-1"]
    assert offered("queue", "show", "x") == []
    monkeypatch.setenv("AIRPOST_URL", "unix:/none")
    assert offered("modems", "pause", "ga") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell(shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_AIRPOST_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs the Debian package {shell}")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=60)


def test_bash_completes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "airpost"
    program.write_text(f"#!{sys.executable}\nfrom airpost.daemon.cli.main import main\nmain()\n")
    program.chmod(0o755)
    (folder / "completion").write_text(run("completion", "bash").stdout)
    script = (
        f"PATH={folder}:$PATH; source {folder}/completion; COMP_WORDS=(airpost inb); COMP_CWORD=1; "
        '_airpost_completion airpost; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "inbound", done.stderr
