"""What can be done and seen in the virtual machine; the run ends where it is not as wanted."""

from __future__ import annotations

import re
import time

from tests.system.vm.machine import Machine

STEP_S = 900.0
JOURNAL = """journalctl -q -o short-unix --no-pager \
  _TRANSPORT=kernel + _SYSTEMD_UNIT=airpost.service + UNIT=airpost.service"""

ANCHOR = """python3 -c 'import json
row = json.loads(input())
print("audit.anchor n={n} hash={hash}".format(**row))'"""


class House:
    """What can be done and seen in the machine; SystemExit where it is not as wanted."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def do(self, script: str, wanted: str = "") -> str:
        """What a script printed; it must end well, or print `wanted` where that is given."""
        status, out = self.machine.run(f"set -e; cd /root/airpost\n{script}", within_s=STEP_S)
        if not re.search(wanted, out) or (status and not wanted):
            raise self.failed(f"{status}, not {wanted!r}: {script}\n{out}")
        return out.strip()

    def failed(self, words: str) -> SystemExit:
        """The end of the run, to be raised."""
        return SystemExit(f"FAILED: {words}")

    def now(self) -> float:
        """Its clock."""
        return float(self.do("date +%s.%N"))

    def when(self, pattern: str, since: float) -> tuple[float, str]:
        """Time and first group (else the match) of the first such line of its journal; waits."""
        ends = time.monotonic() + STEP_S
        while time.monotonic() < ends:
            for line in self.do(f"{JOURNAL} --since @{int(since)}").splitlines():
                found = re.search(pattern, line)
                if found and float(line.split()[0]) >= since:
                    return float(line.split()[0]), found[found.re.groups and 1]
            time.sleep(0.5)
        raise self.failed(f"no {pattern!r} within {STEP_S:.0f} s")

    def ready(self, socket: int, since: float) -> tuple[float, str]:
        """How long after its port was there the modem in a socket was ready, and its lane."""
        there, _ = self.when(rf"usb 1-{socket}: .* now attached", since)
        _, lane = self.when(rf"modem\.moved modem=(\S+) is on /dev/airpost/1-{socket}-", there)
        then, _ = self.when(rf"modem\.ready modem={lane} ready", there)
        return then - there, lane

    def send(self, text: str) -> None:
        """A message, until it is delivered."""
        self.do(f"airpost send +491701234567 '{text}' --wait", " delivered,")


def say(step: str, seen: str) -> None:
    print(f"{step:32} {seen}", flush=True)
