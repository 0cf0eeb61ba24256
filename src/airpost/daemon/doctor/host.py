"""The machine itself: clock, disk, udev rule, the service's user and groups.

May import modem.udevrules. `host_facts` looks; the checks are pure.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.daemon.doctor.finding import Finding, Severity, Write, error, warning
from airpost.daemon.doctor.roots import Account, Roots, read
from airpost.modem import udevrules
from airpost.modem.profiles import load_profiles

SERVICE_USER = "airpost"
RULE_NAME = "60-airpost.rules"
RULE_FOLDERS = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
                "/usr/lib/udev/rules.d", "/lib/udev/rules.d")  # fmt: skip
UNITS = ("/etc/systemd/system/airpost.service", "/usr/lib/systemd/system/airpost.service",
         "/lib/systemd/system/airpost.service")  # fmt: skip
FREE_ERROR, FREE_WARNING = 20 * 2**20, 200 * 2**20  # octets: the store, its journal and a backup
EARLIEST = Instant(1_735_689_600 * SECOND_US)  # 2025-01-01: before airpost was written
LATEST = Instant(4_102_444_800 * SECOND_US)  # 2100-01-01
_GROUPS = re.compile(r"^SupplementaryGroups=(.+)$", re.MULTILINE)
_STA_UNSYNC = 5  # TIME_ERROR of adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """Where the store is. `folder` is the nearest one that is there."""

    path: str
    folder: str | None
    free: int  # octets for an ordinary user
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What there is to know of the machine. `synchronised` None: it cannot be asked.

    `rule` is the udev rule that is installed.
    """

    now: Instant
    synchronised: bool | None
    disk: DiskFacts
    rule: str | None
    uhubctl: bool
    under_voltage: bool
    user: Account | None
    groups: frozenset[int]  # SupplementaryGroups= of the unit


def synchronised() -> bool | None:
    """What the kernel says of its clock (adjtimex(2)); None where it does not say."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # struct timex has 208 octets on 64-bit Linux; with modes 0 nothing is changed.
        state = libc.adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _STA_UNSYNC


def host_facts(
    roots: Roots,
    store: Path,
    now: Instant,
    *,
    in_step: Callable[[], bool | None] = synchronised,
    free: Callable[[Path], os.statvfs_result] = os.statvfs,
    which: Callable[[str], str | None] = shutil.which,
) -> HostFacts:
    """Look at the machine; `store` is the file of the store."""
    rule = roots.first(f"{folder}/{RULE_NAME}" for folder in RULE_FOLDERS)
    unit = roots.first(UNITS)
    told = _GROUPS.findall((read(unit) if unit else None) or "")
    names = " ".join(told).split()
    return HostFacts(
        now=now,
        synchronised=in_step(),
        disk=_disk(roots, store, free),
        rule=None if rule is None else roots.named(rule),
        uhubctl=which("uhubctl") is not None,
        under_voltage=_under_voltage(roots),
        user=roots.account(SERVICE_USER),
        groups=frozenset(gid for name in names if (gid := roots.gid_of(name)) is not None),
    )


def _disk(roots: Roots, store: Path, free: Callable[[Path], os.statvfs_result]) -> DiskFacts:
    here = roots.at(store)
    for folder in here.parents:
        try:
            found = free(folder)
        except OSError:
            continue
        return DiskFacts(
            path=str(store),
            folder=roots.named(folder),
            free=found.f_bavail * found.f_frsize,
            read_only=found.f_flag & os.ST_RDONLY != 0,
        )
    return DiskFacts(path=str(store), folder=None, free=0, read_only=False)


def _under_voltage(roots: Roots) -> bool:
    """What small boards say about their own supply (hwmon `rpi_volt`)."""
    try:
        sensors = list((roots.sys / "class" / "hwmon").iterdir())
    except OSError:
        return False
    return any(
        read(each / "name") == "rpi_volt" and read(each / "in0_lcrit_alarm") == "1"
        for each in sensors
    )


# -- checks --------------------------------------------------------------------------------------
def check_clock(host: HostFacts) -> Iterator[Finding]:
    """A clock that is wrong expires messages, or keeps them for ever."""
    if not EARLIEST <= host.now < LATEST:
        yield error(
            "clock",
            "clock",
            f"it says {rfc3339(host.now)[:10]}, which cannot be: messages would expire at once or "
            "never",
            "sudo timedatectl set-ntp true",
        )
    elif host.synchronised is False:
        yield warning(
            "clock",
            "clock",
            "is not synchronised: validity and the times of messages may be wrong",
            "sudo timedatectl set-ntp true",
        )


def check_disk(host: HostFacts) -> Iterator[Finding]:
    """Room for the store."""
    disk = host.disk
    if disk.folder is None:
        yield error("disk", disk.path, "there is no folder to keep the store in")
    elif disk.read_only:
        yield error(
            "disk",
            disk.path,
            f"the file system of {disk.folder} is read-only: no message can be taken. If it became "
            "so by itself, the card or disk is failing",
            f"sudo mount -o remount,rw $(findmnt -no TARGET --target {disk.folder})",
        )
    elif disk.free < FREE_WARNING:
        severity = Severity.ERROR if disk.free < FREE_ERROR else Severity.WARNING
        yield Finding(
            check="disk",
            severity=severity,
            subject=disk.path,
            what=f"{disk.free / 2**20:.0f} MiB are free; a full disk takes no messages",
            fix="sudo journalctl --vacuum-size=100M",
        )


def check_rule(host: HostFacts, roots: Roots) -> Iterator[Finding]:
    """The udev rule: group, no ModemManager, no sleep, names that stay."""
    if host.rule is not None:
        return
    path = f"{RULE_FOLDERS[0]}/{RULE_NAME}"
    yield Finding(
        check="udev",
        severity=Severity.WARNING,
        subject=RULE_NAME,
        what="is not installed: ports may belong to the wrong group, and other programs open them",
        fix=f"{shlex.quote(sys.executable)} -m {udevrules.__name__} | sudo tee {path} >/dev/null "
        "&& sudo udevadm control --reload && sudo udevadm trigger",
        mend=Write(path=roots.at(path), text=udevrules.udev_rules(load_profiles())),
    )


def check_voltage(host: HostFacts) -> Iterator[Finding]:
    """The board's own word on its supply."""
    if host.under_voltage:
        yield error(
            "hub-power",
            "this board",
            "gets too little voltage: modems restart when they send; use a stronger power supply "
            "and a hub with one of its own",
        )
