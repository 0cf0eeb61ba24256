"""All profiles together: what is packaged is whole, what is on record is answered."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airpost.errors import ConfigError
from airpost.modem.profile import FOLDER, DeviceMode, Role, Rung, Sign, generic_table
from airpost.modem.profiles import Profiles, load_profiles, parse_modes
from airpost.modem.tables import parse_toml

SOURCE = Path(__file__).resolve().parent.parent.parent / "src" / "airpost"
PACKAGED = load_profiles()
OWN = 'name = "own"\ntitle = "Own"\nevidence = "simulated"\nmatch = [{ vid = "12d1" }]\n'


def records(corpus: Path, name: str) -> Iterator[dict[str, Any]]:
    for line in (corpus / "at" / f"{name}.jsonl").read_text(encoding="ascii").splitlines():
        yield json.loads(line)


# -- what is packaged ------------------------------------------------------------------------------
def test_nothing_packaged_is_refused_and_nothing_is_claimed_twice() -> None:
    assert PACKAGED.refused == ()
    assert len(PACKAGED.families) == len(list(FOLDER.iterdir())) - 2  # generic and modes
    claims = [known for profile in PACKAGED for known in profile.ports]
    assert len(claims) == len(set(claims))
    for profile in PACKAGED:
        for known, roles in profile.ports.items():
            found = [number for number, role in roles.items() if role is Role.AT]
            assert len(found) <= 1, f"{known}: {found}"


def test_a_family_says_nothing_that_the_generic_profile_says_already() -> None:
    base = generic_table()
    same: list[str] = []
    for file in FOLDER.iterdir():
        if file.name in ("generic.toml", "modes.toml"):
            continue
        own = parse_toml(file.read_text(encoding="utf-8"), file.name)
        for key, value in own.items():
            if isinstance(value, dict):
                same += [f"{file.name}: {key}.{inner}" for inner in value
                         if value[inner] == base[key].get(inner)]  # fmt: skip
            elif key not in ("evidence", "match", "ports") and value == base.get(key):
                same.append(f"{file.name}: {key}")
    assert same == []


def test_every_source_is_named_in_a_form_that_can_be_looked_up(corpus: Path) -> None:
    names = ("urc", "responses", "exchanges", "usb-port-roles", "usb-modeswitch")
    known = {record["id"] for name in names for record in records(corpus, name)}
    public = re.compile(r"[\w-]+/[\w-]+(#\d+)?|3GPP TS \d+\.\d+|debian:[\w-]+|manual: .+"
                        r"|linux kernel: .+")  # fmt: skip
    told = [source for profile in PACKAGED for source in profile.sources]
    told += [source for rule in PACKAGED.modes for source in rule.sources]
    recorded = [source for source in told if re.search(r"-[0-9a-f]{8}$", source)]
    assert recorded
    assert [source for source in recorded if source not in known] == []
    others = [source for source in told if source not in recorded]
    assert [source for source in others if not public.fullmatch(source)] == []


@pytest.mark.parametrize("line", ["+WIND: 0", "#QSS: 0", "^SIMST:255,0"])
def test_a_sim_that_goes_is_seen_where_the_family_tells_it_its_own_way(line: str) -> None:
    assert PACKAGED.generic.sign_of(line) is None
    assert any(each.sign_of(line) is Sign.SIM_GONE for each in PACKAGED)


def test_where_the_usb_device_is_not_the_modem_it_is_left_alone() -> None:
    for name in ("simcom-2g", "quectel-m", "wavecom"):
        safe = PACKAGED.named(name).safe
        assert not safe[Rung.USB]
        assert not safe[Rung.HUB_POWER]
        assert safe[Rung.RESET]


# -- ports and modes on record ---------------------------------------------------------------------
ROLES = {"at-primary": Role.AT, "at-secondary": Role.SPARE, "at-ppp": Role.PPP}


def test_every_port_on_record_has_its_role(corpus: Path) -> None:
    checked = 0
    for record in records(corpus, "usb-port-roles"):
        vid, pid = record["usb"].split(":")
        assert PACKAGED.for_modem(vid, pid) is not PACKAGED.generic or is_position(vid, pid)
        for where, told in record["interfaces"].items():
            role = ROLES.get(told) or Role(told)
            if "/" in where:
                _, sub, proto = (int(part, 16) for part in where.split("/"))
                assert PACKAGED.role(vid, "1001", 0, sub, proto) is role, record["usb"]
            else:
                assert PACKAGED.role(vid, pid, int(where, 16)) is role, record["usb"]
            checked += 1
        if (record.get("flags") or {}).get("ID_MM_DEVICE_IGNORE"):
            assert PACKAGED.role(vid, pid, 0) is Role.IGNORE
    assert checked > 300


def is_position(vid: str, pid: str) -> bool:
    return PACKAGED.role(vid, pid, 99) is Role.IGNORE


def test_every_stick_that_is_switched_is_seen_before_and_after(corpus: Path) -> None:
    for record in records(corpus, "usb-modeswitch"):
        vid, pid = record["usb_before"].split(":")
        if not record.get("method"):
            continue  # another of its USB configurations is chosen: it is a modem already
        assert PACKAGED.mode(vid, pid, has_tty=False) is DeviceMode.CDROM, record["usb_before"]
        assert "usb-modeswitch" in str(PACKAGED.remedy(vid, pid, has_tty=False))
        for after in record["usb_after"]:
            if ":" in after:
                now = PACKAGED.mode(*after.split(":"), has_tty=True)
                assert now in (DeviceMode.MODEM, DeviceMode.HILINK, None), after


def test_a_role_needs_what_it_hangs_on() -> None:
    assert PACKAGED.role("12D1", "1506", None, 2, 2) is Role.AT
    assert PACKAGED.role("12d1", "1506", 0, None, None) is None
    assert PACKAGED.role("12d1", "1506", 0, 3, 3) is None
    assert PACKAGED.role("2C7C", "0125", 2) is Role.AT
    assert PACKAGED.role("2c7c", "0125", 7) is None
    assert PACKAGED.role("2c7c", "0125", None) is None
    assert PACKAGED.role(None, None, 0) is None
    assert PACKAGED.role("dead", "beef", 0, 2, 2) is None


@pytest.mark.parametrize(
    ("usb", "has_tty", "mode"),
    [
        ("12d1:1f01", None, DeviceMode.CDROM),
        ("12D1:14DC", None, DeviceMode.HILINK),
        ("12d1:1442", True, DeviceMode.WEB_INBOX),
        ("05c6:9008", True, DeviceMode.DOWNLOAD),
        ("1a86:7523", True, DeviceMode.SERIAL_ADAPTER),
        ("2c7c:0125", True, DeviceMode.MODEM),
        ("12d1:1003", None, DeviceMode.MODEM),  # the same id before and after the switch
        ("12d1:1003", True, DeviceMode.MODEM),
        ("12d1:1003", False, DeviceMode.CDROM),
        ("19d2:1007", True, DeviceMode.MODEM),
        ("19d2:1007", False, DeviceMode.CDROM),
        ("12d1:ffff", True, DeviceMode.MODEM),  # a maker of modems, an id nobody has recorded
        ("12d1:ffff", False, None),
        ("1e2d:005b", False, DeviceMode.MODEM),
        ("1546:01a7", True, None),  # positions only
        ("1d6b:0002", None, None),
    ],
)
def test_modes(usb: str, has_tty: bool | None, mode: DeviceMode | None) -> None:
    vid, pid = usb.split(":")
    assert PACKAGED.mode(vid, pid, has_tty=has_tty) is mode
    told = PACKAGED.remedy(vid, pid, has_tty=has_tty)
    assert (told is None) == (mode in (None, DeviceMode.MODEM))


def test_every_mode_that_is_no_modem_has_ids() -> None:
    assert {rule.mode for rule in PACKAGED.modes} == set(DeviceMode) - {DeviceMode.MODEM}


# -- which fits ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("told", "name"),
    [
        (("12d1", "1506", None, None), "huawei"),
        (("12d1", "1506", "", "E3372"), "huawei"),
        (("12d1", "1001", "huawei", "E172"), "huawei-e172"),
        (("12d1", "1001", "huawei", "E1752"), "huawei"),
        (("12D1", "15B1", "huawei", "E3531"), "huawei-e3531"),
        (("19d2", "0117", "ZTE INCORPORATED", "MF190"), "zte"),
        (("19d2", "0031", "QUALCOMM INCORPORATED", "M6280"), "qualcomm"),
        (("1e0e", "9001", None, None), "simcom-sim7x00"),
        (("1e0e", "9001", "SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H"), "simcom-sim7x00"),
        (("1e0e", "9011", "INCORPORATED", "A7670E-FASE"), "simcom-a76xx"),
        (("1a86", "7523", "SIMCOM_Ltd", "SIMCOM_SIM800L"), "simcom-2g"),
        ((None, None, "SIMCOM_Ltd", "SIMCOM_SIM900"), "simcom-2g"),
        (("10c4", "ea60", "FOXCOM MODEM", "Quectel_M26"), "quectel-m"),
        (("10c4", "ea60", "Quectel_Ltd", "M95"), "quectel-m"),
        (("2c7c", "0125", "Quectel", "EC25"), "quectel"),
        (("1bc7", "1201", "Telit", "LE910C1"), "telit"),
        (("1546", "1102", "u-blox", "SARA-U201"), "u-blox"),
        (("05c6", "908b", None, None), "u-blox"),
        (("1e2d", "0061", "Cinterion", "PLS8-E"), "cinterion"),
        ((None, None, "SIEMENS", "MC35i"), "cinterion"),
        (("1199", "6880", "Sierra Wireless, Inc.", "C885"), "sierra"),
        ((None, None, " WAVECOM MODEM", " MULTIBAND  900E  1800"), "wavecom"),
        (("1c9e", "9603", "Manufacturer", "HSPA USB MODEM"), "longcheer"),
        (("0e8d", "00a1", None, None), "mediatek"),
        (("0bdb", "1906", None, None), "ericsson"),
        (("413c", "8184", None, None), "ericsson"),
        (("413c", "81d9", None, None), "modules"),
        (("0421", "0619", None, None), "nokia-cs"),
        (("1a86", "7523", None, None), "generic"),
        ((None, None, None, None), "generic"),
        (("dead", "beef", "Acme", "X1"), "generic"),
    ],
)
def test_the_family_is_found(told: tuple[str | None, ...], name: str) -> None:
    assert PACKAGED.for_modem(*told).name == name


def test_by_name() -> None:
    assert PACKAGED.named("zte").title == "ZTE sticks"
    assert PACKAGED.named("generic") is PACKAGED.generic
    assert next(iter(PACKAGED)) is PACKAGED.generic
    with pytest.raises(ConfigError, match="no modem profile 'x'"):
        PACKAGED.named("x")


# -- the operator's folder -------------------------------------------------------------------------
def loaded(folder: Path, **files: str) -> Profiles:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return load_profiles(folder)


def test_an_own_profile_goes_before_the_packaged_ones(tmp_path: Path) -> None:
    found = loaded(tmp_path, own=OWN + "[timing]\nboot_s = 99\n")
    assert found.refused == ()
    assert found.for_modem("12d1", "1506").name == "own"
    assert found.for_modem("12d1", "1506").timing.boot_s == 99
    assert found.for_modem("12d1", "1506", "huawei", "E3531").name == "huawei-e3531"


def test_an_own_profile_may_replace_a_packaged_one(tmp_path: Path) -> None:
    found = loaded(tmp_path, zte=OWN.replace('"own"', '"zte"').replace("12d1", "19d2"))
    assert found.named("zte").title == "Own"
    assert len(found.families) == len(PACKAGED.families)


def test_own_modes_go_first(tmp_path: Path) -> None:
    mode = '[[mode]]\nmode = "hilink"\nremedy = "Throw it away."\nids = { 12d1 = ["1f01"] }\n'
    found = loaded(tmp_path, modes=mode)
    assert found.mode("12d1", "1f01") is DeviceMode.HILINK
    assert found.remedy("12d1", "1f01") == "Throw it away."


def test_a_file_with_a_mistake_is_named_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no profile")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    found = loaded(
        tmp_path,
        own=OWN,
        key=OWN.replace('"own"', '"key"') + "[timing]\nboots_s = 1\n",
        value=OWN.replace('"own"', '"value"') + '[sms]\nlist_all = "no"\n',
        toml="name =\n",
        other=OWN,
        never='name = "never"\ntitle = "x"\nevidence = "simulated"\n',
        generic=OWN.replace('"own"', '"generic"'),
        modes='[[mode]]\nmode = "cdrom"\nremedy = "x"\nids = { }\n',
    )
    assert "own" in found.families
    assert len(found.families) == len(PACKAGED.families) + 1
    assert sorted(error.path.removeprefix(f"{tmp_path}/") for error in found.refused) == [
        "folder.toml", "generic.toml: name", "key.toml: timing.boots_s", "latin.toml",
        "modes.toml: mode.0.ids", "never.toml: match", "other.toml: name", "toml.toml",
        "value.toml: sms.list_all",
    ]  # fmt: skip
    assert found.generic == PACKAGED.generic
    assert found.mode("12d1", "1f01") is DeviceMode.CDROM


def test_a_folder_that_is_not_there_is_said_and_the_packaged_ones_load(tmp_path: Path) -> None:
    found = load_profiles(tmp_path / "none")
    assert [str(error) for error in found.refused] == [
        f"{tmp_path}/none: no profiles there: No such file or directory"
    ]
    assert len(found.families) == len(PACKAGED.families)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('mode = [{ mode = "x", remedy = "y", ids = { 0001 = ["0001"] } }]', "mode.0.mode"),
        ('mode = [{ mode = "cdrom", ids = { 0001 = ["0001"] } }]', "mode.0.remedy"),
        ('mode = [{ mode = "cdrom", remedy = "y" }]', "mode.0.ids"),
        ('mode = [{ mode = "cdrom", remedy = "y", ids = { 1 = ["0001"] } }]', "mode.0.ids.1"),
        ('mode = [{ mode = "cdrom", remedy = "y", ids = { 0001 = ["1"] } }]', "mode.0.ids.0001"),
        ("modes = []", "modes"),
    ],
)
def test_a_mistake_in_the_modes_is_named(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_modes(text, "modes.toml")
    assert caught.value.path == f"modes.toml: {path}"


# -- and nowhere else ------------------------------------------------------------------------------
VENDORS = re.compile(
    r"huawei|hisilicon|zte|simcom|simtech|quectel|telit|u-?blox|cinterion|siemens|gemalto|thales"
    r"|sierra|wavecom|longcheer|alcatel|olivetti|nokia|novatel|ericsson|motorola|samsung|qualcomm"
    r"|mediatek|fibocom|foxconn|gosuncn|12d1|19d2|1e0e|2c7c|1bc7|1199",
    re.IGNORECASE,
)
# Names of other things: simulated modems, and drivers of the kernel.
MAY_NAME = {"daemon/demo.py": {"huawei", "quectel", "simcom"}, "modem/devices.py": {"sierra"}}


def named_vendors(code: str) -> list[str]:
    """Vendors in names and texts of the code; what is said in docstrings and comments is free."""
    tree = ast.parse(code)
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in said:
                found += VENDORS.findall(text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                found += VENDORS.findall(name)
    return found


def test_no_code_knows_a_vendor() -> None:
    wrong = {}
    for path in SOURCE.rglob("*.py"):
        name = str(path.relative_to(SOURCE))
        found = set(named_vendors(path.read_text(encoding="utf-8"))) - MAY_NAME.get(name, set())
        if found:
            wrong[name] = found
    assert wrong == {}


def test_the_check_itself_finds_a_vendor() -> None:
    assert named_vendors('"""Huawei."""\nif make == "huawei":  # ZTE\n    pass\n') == ["huawei"]
    assert named_vendors("is_zte = True") == ["zte"]
    assert named_vendors("if modem.telit: pass") == ["telit"]
