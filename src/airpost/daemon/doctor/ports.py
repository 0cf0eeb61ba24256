"""Serial ports: is it there, may the service open it, and does somebody else hold it.

Stdlib. `port_facts` looks; the checks are pure.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from airpost.daemon.doctor.finding import Finding, Severity, Share, error, note, warning
from airpost.daemon.doctor.holders import GREEDY, Held, Holder
from airpost.daemon.doctor.roots import Account, Roots

SERIAL_GROUP = "dialout"
GROUP_RW = stat.S_IRGRP | stat.S_IWGRP


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """One port as configured; `device` is what it is in the end. `mode` None: it is not there.

    `open_by_service` is True when the running service has it open, by its own word.
    """

    port: str
    device: str
    lane: str | None
    mode: int | None
    uid: int
    gid: int
    group: str | None
    holders: tuple[Holder, ...]
    open_by_service: bool = False

    @property
    def subject(self) -> str:
        """For people."""
        return f"{self.lane} {self.port}" if self.lane else self.port


def port_facts(
    roots: Roots, held: Held, port: str, lane: str | None, *, open_by_service: bool = False
) -> PortFacts:
    """What there is to know of a port without opening it."""
    device = roots.device_of(port)
    try:
        found = roots.at(port).stat()
    except OSError:
        found = None
    gid = found.st_gid if found else 0
    return PortFacts(
        port=port,
        device=device,
        lane=lane,
        mode=found.st_mode if found else None,
        uid=found.st_uid if found else 0,
        gid=gid,
        group=roots.group_name(gid),
        holders=held.of(device),
        open_by_service=open_by_service,
    )


def check_port(port: PortFacts, *, named: bool = True) -> Iterator[Finding]:
    """A port that is not there; one the configuration has `named` by a name that changes."""
    if port.mode is None:
        yield error(
            "port",
            port.subject,
            "there is no such port; plug the modem in, or correct `port`",
            "ls -l /dev/serial/by-path/",
        )
    elif named and port.port.startswith(("/dev/ttyUSB", "/dev/ttyACM")):
        yield warning(
            "port",
            port.subject,
            "is another stick's after the next plugging or start; name it by its path instead",
            "ls -l /dev/serial/by-path/",
        )


def check_holders(port: PortFacts, *, blind: bool, busy: bool) -> Iterator[Finding]:
    """Other programs that have the port open. `busy`: opening it has failed because of one."""
    strangers = [each for each in port.holders if not each.is_airpost]
    for each in strangers:
        yield error(
            "holder",
            port.subject,
            f"is held by another program: {each.shown}; each of the two gets half of the answers",
            each.stop_line(port.device),
        )
    if busy and not strangers:
        words = "another program holds it"
        words += ", which root alone can name" if blind else ", and it hides from /proc"
        yield error("holder", port.subject, words, f"sudo fuser -v {port.device}")


def check_access(port: PortFacts, user: Account | None, groups: frozenset[int],
                 roots: Roots) -> Iterator[Finding]:  # fmt: skip
    """May `user` open it? `groups` are those the service has besides (SupplementaryGroups=)."""
    if port.mode is None or port.open_by_service or user is None or user.uid == 0:
        return
    if port.uid == user.uid and port.mode & stat.S_IRUSR and port.mode & stat.S_IWUSR:
        return
    if port.mode & stat.S_IROTH and port.mode & stat.S_IWOTH:
        return
    member = port.gid in user.gids | groups
    if member and port.mode & GROUP_RW == GROUP_RW:
        return
    group = port.group or str(port.gid)
    serial_gid = roots.gid_of(SERIAL_GROUP)
    if not member and group != "root":
        yield error(
            "permission",
            port.subject,
            f"the user {user.name} may not open it: it is not in group {group}",
            f"sudo usermod -aG {group} {user.name} && sudo systemctl restart airpost",
        )
        return
    fix = f"sudo chgrp {SERIAL_GROUP} {port.device} && sudo chmod g+rw {port.device}"
    yield Finding(
        check="permission",
        severity=Severity.ERROR,
        subject=port.subject,
        what=f"no group may open it (it is {group}'s, mode {stat.S_IMODE(port.mode):04o}); "
        "the udev rule sets this right at every plugging",
        fix=fix,
        mend=None
        if serial_gid is None
        else Share(path=roots.at(port.device), group=SERIAL_GROUP, gid=serial_gid),
    )


def check_greedy(held: Held, *, ruled: bool) -> Iterator[Finding]:
    """Programs that open every new port; `ruled`: a udev rule keeps them off ours."""
    if "ModemManager" in held.running and not ruled:
        yield warning(
            "holder",
            "ModemManager",
            "runs, and no udev rule keeps it from opening new ports for ten seconds each",
            GREEDY["ModemManager"],
        )
    elif "ModemManager" in held.running:
        yield note("holder", "ModemManager", "runs; the udev rule keeps it off our modems")
