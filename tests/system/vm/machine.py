"""A Debian in QEMU: its disk image, its USB sockets, and commands in it through its guest agent."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

ACCEL = os.environ.get("AIRPOST_VM_ACCEL", "tcg")  # or kvm, where it works
BOOT_S = 900.0  # without KVM it takes its time
ANSWER_S = 900.0  # the machine under it may stand still for a while


class Machine:
    """One virtual machine with one processor, no network and an xHCI controller `usb`.

    `folder` holds `disk.img`, `vmlinuz` and `initrd`; while it runs, its sockets and console too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._qemu: subprocess.Popen[bytes] | None = None
        self._qmp = self._agent = socket.socket()

    def start(self) -> None:
        """Switch it on and wait until its agent answers; TimeoutError."""
        folder = self._folder
        self._qemu = subprocess.Popen([
            "qemu-system-x86_64", "-machine", f"q35,accel={ACCEL}", "-cpu", "max", "-m", "1G",
            "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd",
            "-append", "root=/dev/vda rw console=ttyS0", "-display", "none", "-nic", "none",
            "-drive", f"file={folder}/disk.img,format=raw,if=virtio,cache=unsafe",
            "-serial", f"file:{folder}/console.log", "-device", "qemu-xhci,id=usb,p2=8,p3=8",
            "-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off", "-device", "virtio-serial",
            "-chardev", f"socket,id=agent,path={folder}/agent.sock,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ])  # fmt: skip
        self._qmp = _connected(folder / "qmp.sock")
        _line(self._qmp)
        self.qmp("qmp_capabilities")
        self._agent = _connected(folder / "agent.sock")
        self.wait_up()

    def wait_up(self) -> None:
        """Wait until the agent answers; TimeoutError, ChildProcessError."""
        ends = time.monotonic() + BOOT_S
        while time.monotonic() < ends:
            if self._qemu is not None and self._qemu.poll() is not None:
                raise ChildProcessError("QEMU has ended")
            try:
                self._ask(self._agent, "guest-sync", {"id": int(time.monotonic() * 1000)}, 3.0)
                return
            except (TimeoutError, ValueError):
                continue
        raise TimeoutError(f"no agent after {BOOT_S:.0f} s; see {self._folder}/console.log")

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Ask QEMU; RuntimeError with its words when it refuses."""
        return self._ask(self._qmp, command, arguments, ANSWER_S)

    def plug(self, name: str, chardev: str, port: int) -> None:
        """A serial adapter into the socket `port`, its far end at the chardev."""
        self.qmp(
            "device_add", driver="usb-serial", id=name, chardev=chardev, bus="usb.0", port=str(port)
        )

    def unplug(self, name: str) -> None:
        """Pull it out."""
        self.qmp("device_del", id=name)

    def terminal(self, chardev: str, path: str) -> None:
        """Give QEMU the pseudo-terminal `path` under the name `chardev`."""
        backend = {"type": "serial", "data": {"device": path}}
        self.qmp("chardev-add", id=chardev, backend=backend)

    def run(self, script: str, *, within_s: float = 60.0) -> tuple[int, str]:
        """Exit status and output of a shell script, run as root in it."""
        given = {"path": "/bin/sh", "arg": ["-c", f"exec 2>&1\n{script}"], "capture-output": True}
        pid = self._ask(self._agent, "guest-exec", given, ANSWER_S)["pid"]
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            done = self._ask(self._agent, "guest-exec-status", {"pid": pid}, ANSWER_S)
            if done["exited"]:
                out = base64.b64decode(done.get("out-data", "")).decode(errors="replace")
                return done.get("exitcode", -1), out
            time.sleep(0.3)
        raise TimeoutError(f"still running after {within_s:.0f} s: {script}")

    def reboot(self) -> None:
        """As a person does, and wait until its agent answers again; TimeoutError."""
        self._ask(self._agent, "guest-exec", {"path": "reboot"}, ANSWER_S)
        self._qmp.settimeout(BOOT_S)
        while json.loads(_line(self._qmp)).get("event") != "RESET":
            pass
        self.wait_up()

    def stop(self) -> None:
        """Switch it off at once."""
        if self._qemu is not None:
            self._qemu.terminate()
            self._qemu.wait()

    def _ask(self, line: socket.socket, command: str, given: dict[str, Any], limit_s: float) -> Any:
        line.settimeout(limit_s)
        line.sendall(json.dumps({"execute": command, "arguments": given}).encode() + b"\n")
        while True:
            answer = json.loads(_line(line))
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer and (command != "guest-sync" or answer["return"] == given["id"]):
                return answer["return"]


def _line(line: socket.socket) -> bytes:
    got = b""
    while not got.endswith(b"\n"):
        octet = line.recv(1)
        if not octet:
            raise ConnectionError("QEMU is gone")
        got += octet
    return got.lstrip(b"\xff")


def _connected(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    ends = time.monotonic() + 10.0
    while True:
        try:
            line.connect(str(path))
            return line
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
