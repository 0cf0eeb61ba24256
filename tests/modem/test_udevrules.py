"""The udev rules: up to date, well-formed, of one mind with the profiles, and applied by udev."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from airpost.modem.profile import DeviceMode
from airpost.modem.profiles import load_profiles
from airpost.modem.udevrules import udev_rules
from tests.modem.testbed import DESCRIPTIONS, describe, skip_without_umockdev, sys_paths

PROFILES = load_profiles()
FILE = Path(__file__).resolve().parents[2] / "udev" / "60-airpost.rules"
RULES = [line for line in FILE.read_text(encoding="ascii").splitlines()
         if line and not line.startswith("#")]  # fmt: skip
WORD = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?\s*(==|!=|\+=|:=|=)\s*"([^"]*)"')
MATCHES = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "ENV", "ATTRS", "TEST"}
SETS = {"ENV", "GROUP", "MODE", "ATTR", "SYMLINK", "GOTO", "LABEL"}


def words(rule: str) -> list[tuple[str, str, str, str]]:
    """(key, {attribute}, operator, value) of one rule; everything in it must be read."""
    found = WORD.findall(rule)
    assert re.sub(r"[\s,]", "", WORD.sub("", rule)) == "", rule
    return found


# -- the file ------------------------------------------------------------------------------------


def test_the_file_is_what_the_profiles_say() -> None:
    text = FILE.read_text(encoding="ascii")
    assert text == udev_rules(PROFILES), "python -m airpost.modem.udevrules > udev/60-airpost.rules"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[:60])
def test_every_rule_has_known_keys_with_operators_that_fit(rule: str) -> None:
    for key, attribute, operator, value in words(rule):
        assert key in (MATCHES if operator in ("==", "!=") else SETS), rule
        assert bool(attribute) == (key in ("ENV", "ATTR", "ATTRS")), rule
        assert operator in (("+=",) if key == "SYMLINK" else ("==", "!=", "=")), rule
        assert value or (key == "ENV"), rule
    assert len(rule) < 1000


def test_every_jump_has_its_label_further_down() -> None:
    for at, rule in enumerate(RULES):
        targets = [value for key, _, _, value in words(rule) if key == "GOTO"]
        below = [value for each in RULES[at:] for key, _, _, value in words(each) if key == "LABEL"]
        assert set(targets) <= set(below)


def roles_by_rules(usb_id: str, interface: str, usb_class: str) -> str:
    """What the rules leave in AIRPOST_ROLE, by the lines that match on nothing else."""
    facts = {".AIRPOST_ID": usb_id, ".AIRPOST_IF": interface, ".AIRPOST_CLASS": usb_class}
    role = ""
    for rule in RULES:
        *conditions, (key, attribute, operator, value) = words(rule)
        if (key, attribute, operator) != ("ENV", "AIRPOST_ROLE", "="):
            continue
        assert all(each[1] in facts for each in conditions)
        if all(any(fnmatchcase(facts[attribute], each) for each in value.split("|"))
               for _, attribute, _, value in conditions):  # fmt: skip
            role = value
    return role


def test_the_rules_and_the_profiles_are_of_one_mind_about_every_port() -> None:
    tables = {ids: roles for family in PROFILES.families.values()
              for ids, roles in family.ports.items()}  # fmt: skip
    assert len(tables) > 100
    for vid, pid in [*tables, ("12d1", "1506"), ("12d1", "ffff"), ("abcd", "0001")]:
        for interface in range(14):
            for subclass, protocol in ((1, 1), (2, 2), (6, 20), (0, 0)):
                known = PROFILES.role(vid, pid, interface, subclass, protocol)
                tagged = roles_by_rules(
                    f"{vid}:{pid}", f"{interface:02x}", f"ff/{subclass:02x}/{protocol:02x}"
                )
                assert tagged == (known.value if known else ""), (vid, pid, interface)


def is_ours(usb_id: str) -> bool:
    ours = [rule for rule in RULES if rule.endswith('ENV{AIRPOST_MODEM}="1"')]
    ids = [each for rule in ours for each in words(rule)[0][3].split("|")]
    return any(fnmatchcase(usb_id, each) for each in ids)


def test_modems_are_ours_and_adapters_and_mice_are_not() -> None:
    for family in PROFILES.families.values():
        for vid, pid in family.ports:
            assert is_ours(f"{vid}:{pid}") or PROFILES.mode(vid, pid) is not DeviceMode.MODEM
    assert is_ours("12d1:1506")
    assert not any(map(is_ours, ("1a86:7523", "0403:6001", "10c4:ea60", "046d:c31c", "1d6b:0002")))


# -- udev itself ---------------------------------------------------------------------------------

# Rules are looked for in /etc and links are made in /dev: both are this process's own meanwhile.
OWN_WORLD = """
set -e
mkdir "$1/pts" "$1/rules"
cp "$2" "$1/rules/60-airpost.rules"
[ -z "$3" ] || printf '%s\\n' "$3" > "$1/rules/59-local.rules"
touch "$1/null"
mount --rbind /dev/pts "$1/pts"
mount --bind /dev/null "$1/null"
mount -t tmpfs none /run
mount --bind "$1/rules" /etc/udev/rules.d
mount -t tmpfs none /dev
mkdir /dev/pts
touch /dev/null
mount --move "$1/pts" /dev/pts
mount --move "$1/null" /dev/null
ln -s pts/ptmx /dev/ptmx
shift 3
exec "$@"
"""
UNSHARE = ["unshare", "--map-root-user", "--mount", "--propagation", "private"]


def applied(folder: Path, name: str, path: str, own_rule: str = "") -> dict[str, str]:
    """The properties udev gives a device of a description, by `udevadm test`."""
    skip_without_umockdev()
    if shutil.which("udevadm") is None:
        pytest.skip("needs the Debian package udev")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets nobody have a mount namespace of his own")
    devices = [f"--device={DESCRIPTIONS / each}.umockdev" for each in ("hub", name)]
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", OWN_WORLD, "sh", str(folder), str(FILE), own_rule,
         "umockdev-run", *devices, "--", "udevadm", "test", "--action=add", f"/sys{path}"],
        capture_output=True, text=True, timeout=30, check=False,
        env=os.environ | {"SYSTEMD_LOG_LEVEL": "debug"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = dict(
        line.split("=", 1) for line in done.stdout.splitlines() if re.match(r"[\w.]+=", line)
    )
    complaints = [line for line in done.stderr.splitlines() if "60-airpost.rules:" in line
                  and re.search("nvalid|gnor|nknown|ailed", line)]  # fmt: skip
    assert complaints == []
    return told | {"log": done.stderr}


def tty_of(name: str, interface: int) -> str:
    return next(path for path in sys_paths(describe(name))
                if f":1.{interface}/" in path and re.search(r"/tty/tty\w+$", path))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "interface", "role", "link"),
    [
        ("huawei-e3131", 2, "at", "1-1.1-if02"),
        ("zte-mf190", 1, "spare", "1-1.2-if01"),
        ("quectel-ec25", 0, "diag", "1-1.3-if00"),
        ("simcom-sim7600", 2, "at", "1-1.4-if02"),
        ("telit-le910c1", 6, "ignore", "1-1.5-if06"),
    ],
)
def test_udev_names_and_tags_a_port_of_a_modem(
    tmp_path: Path, name: str, interface: int, role: str, link: str
) -> None:
    told = applied(tmp_path, name, tty_of(name, interface))
    assert told["AIRPOST_ROLE"] == role
    assert told["AIRPOST_ROLE_BY"] == "airpost"
    assert told["ID_MM_DEVICE_IGNORE"] == "1"
    assert f"/dev/airpost/{link}" in told["DEVLINKS"].split()
    assert re.search(r"60-airpost.rules:\d+ MODE 0660", told["log"])


def test_udev_names_an_adapter_and_leaves_it_to_whom_it_belongs(tmp_path: Path) -> None:
    told = applied(tmp_path, "adapter-ch340", tty_of("adapter-ch340", 0))
    assert "/dev/airpost/1-1.6-if00" in told["DEVLINKS"].split()
    assert not {"AIRPOST_ROLE", "AIRPOST_ROLE_BY", "ID_MM_DEVICE_IGNORE"} & set(told)


def test_udev_keeps_a_modem_awake_and_modemmanager_away(tmp_path: Path) -> None:
    device = sys_paths(describe("quectel-ec25"))[0]
    told = applied(tmp_path, "quectel-ec25", device)
    assert told["ID_MM_DEVICE_IGNORE"] == "1"
    assert re.search(r"60-airpost.rules:\d+ ATTR.*power/control.*'?on", told["log"])


def test_a_hub_is_left_alone(tmp_path: Path) -> None:
    told = applied(tmp_path, "adapter-ch340", sys_paths(describe("hub"))[1])
    assert not {"AIRPOST_MODEM", "ID_MM_DEVICE_IGNORE"} & set(told)
    assert "power/control" not in told["log"]


def test_a_rule_of_the_operator_goes_first(tmp_path: Path) -> None:
    keep = 'SUBSYSTEMS=="usb", ATTRS{idVendor}=="2c7c", ENV{AIRPOST_MODEM}="0"'
    (tmp_path / "a").mkdir()
    told = applied(tmp_path / "a", "quectel-ec25", tty_of("quectel-ec25", 2), keep)
    assert not {"AIRPOST_ROLE", "ID_MM_DEVICE_IGNORE"} & set(told)
    assert "/dev/airpost/" not in told.get("DEVLINKS", "")
    better = 'SUBSYSTEM=="tty", KERNELS=="1-1.3:1.2", ENV{AIRPOST_ROLE}="spare"'
    (tmp_path / "b").mkdir()
    told = applied(tmp_path / "b", "quectel-ec25", tty_of("quectel-ec25", 2), better)
    assert told["AIRPOST_ROLE"] == "spare"
    assert "AIRPOST_ROLE_BY" not in told


def test_udev_finds_no_mistake_in_the_file() -> None:
    if shutil.which("udevadm") is None:
        pytest.skip("needs the Debian package udev")
    version = subprocess.run(["udevadm", "--version"], capture_output=True, text=True, check=True)
    if int(re.match(r"\d+", version.stdout)[0]) < 254:  # type: ignore[index]
        pytest.skip("udevadm verify came with systemd 254")
    done = subprocess.run(["udevadm", "verify", "--no-style", str(FILE)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
