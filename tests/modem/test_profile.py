"""One profile: what a file says, what it inherits, and what is refused."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from airpost.modem.profile import (
    FOLDER,
    Evidence,
    Match,
    PinTries,
    Role,
    Rung,
    Sign,
    UssdCoding,
    generic_table,
    load_profile,
    parse_profile,
)

GENERIC = FOLDER.joinpath("generic.toml").read_text(encoding="utf-8")
HEAD = 'name = "own"\ntitle = "Own"\nevidence = "simulated"\n'


def family(text: str = "") -> str:
    return f'{HEAD}match = [{{ vid = "ffff" }}]\n{text}'


def test_the_generic_profile_waits_as_long_as_the_network_may_need() -> None:
    profile = load_profile()
    assert profile.evidence is Evidence.PUBLIC_RECORD
    assert (profile.timing.probe_s, profile.timing.cmgs_s) == (15, 120)
    assert profile.sms.stores[0] == "SM"
    assert profile.timing.guard_ms == 0
    assert profile.init == ()
    assert all(profile.safe[rung] for rung in Rung)


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("RDY", Sign.RESTART),
        ("^SYSSTART", Sign.RESTART),
        ("+CFUN: 1", Sign.RESTART),
        ("+CFUN: 0", None),
        ("SMS Ready", Sign.WOKEN),
        ('+QIND: SMS,"full"', Sign.STORE_FULL),
        ('^SMMEMFULL:"SM"', Sign.STORE_FULL),
        ("+SIM: Removed", Sign.SIM_GONE),
        ("UNDER-VOLTAGE WARNNING", Sign.POWER),
        ("OVER_VOLTAGE POWER DOWN", Sign.POWER),
        ('+CMTI: "SM",1', None),
    ],
)
def test_signs(line: str, sign: Sign | None) -> None:
    assert load_profile().sign_of(line) is sign


def test_what_floods_and_what_stops_it() -> None:
    profile = load_profile()
    assert profile.silenced_by("^BOOT:27710117,0,0,0,75") == "AT^CURC=0"
    assert profile.silenced_by("+zusimr:2") == "AT+CPMS?"
    assert profile.silenced_by("*PSUTTZ: 2020,1,1") is None
    assert profile.silenced_by('+CMTI: "SM",1') is None


def test_no_sign_is_silenced() -> None:
    profile = load_profile()
    assert [start for start in profile.silence if profile.sign_of(start) is not None] == []


def test_a_family_differs_key_by_key_and_inherits_the_rest() -> None:
    text = family(
        'init = ["AT+X=1"]\n[timing]\nboot_s = 40\n[safe]\nusb = false\n[sms]\nlist_all = false\n'
        "[urc]\nsim_gone = ['#qss: 0']\n[flags]\nussd = 'packed'\n"
    )
    profile, generic = parse_profile(text, "own.toml", generic_table()), load_profile()
    assert profile.timing.boot_s == 40
    assert profile.timing.cmgs_s == generic.timing.cmgs_s
    assert profile.sms.list_all is False
    assert profile.sms.cnmi_ds == generic.sms.cnmi_ds
    assert profile.safe == {**generic.safe, Rung.USB: False}
    assert profile.urc == {**generic.urc, Sign.SIM_GONE: ("#QSS: 0",)}
    assert profile.flags.ussd is UssdCoding.PACKED
    assert profile.flags.hang_up == generic.flags.hang_up
    assert profile.init == ("AT+X=1",)
    assert profile.reset == generic.reset


def test_what_a_family_says_of_itself_is_never_inherited() -> None:
    profile = parse_profile(family(), "own.toml", generic_table())
    assert profile.sources == profile.unproven == profile.models == ()
    with pytest.raises(ConfigError, match=r"own\.toml: title: is missing"):
        parse_profile(family().replace('title = "Own"\n', ""), "own.toml", generic_table())


def test_roles_by_interface_and_by_class() -> None:
    ports = (
        'ports = [\n{ vid = "1111", pids = ["0001-0002"], roles = { 00 = "diag", 0a = "at" } },\n'
        '{ vid = "1111", pids = ["0003"], roles = { others = "ignore" } },\n'
        '{ vid = "2222", classes = { "01/14" = "nmea" } },\n]\n'
    )
    profile = parse_profile(HEAD + ports, "own.toml", generic_table())
    assert profile.ports["1111", "0002"] == {0: Role.DIAG, 10: Role.AT}
    assert profile.ports["1111", "0003"] == {None: Role.IGNORE}
    assert profile.classes == {"2222": {(1, 0x14): Role.NMEA}}


def rule(**fields: object) -> Match:
    given = {"vid": None, "pids": frozenset(), "manufacturer": (), "model": (), **fields}
    return Match(**given)  # type: ignore[arg-type]


def test_every_field_of_a_rule_must_fit() -> None:
    told = ("12d1", "1506", ' "huawei" ', "E3372")
    assert rule(vid="12d1").weight(*told) == (False, False, False, True)
    assert rule(vid="12d1", pids=frozenset({"1506"})).weight(*told) == (False, True, False, True)
    assert rule(manufacturer=("HUAWEI*",)).weight(*told) == (False, False, True, False)
    assert rule(model=("e33*",), vid="12d1").weight(*told) == (True, False, False, True)
    assert rule(vid="12d1", model=("E17*",)).weight(*told) is None
    assert rule(vid="19d2").weight(*told) is None
    assert rule(vid="12d1", pids=frozenset({"1001"})).weight(*told) is None


def test_a_name_that_is_not_told_fits_no_rule_that_wants_one() -> None:
    assert rule(model=("*",)).weight("12d1", "1506", None, None) is None
    assert rule(manufacturer=("*",)).weight("12d1", "1506", "", "E3372") is None


@pytest.mark.parametrize(
    ("tries", "lines", "left"),
    [
        (PinTries(ask="AT^CPIN?", answer="^CPIN", pin=3), ("^CPIN: READY,10,10,3,6,0",), 3),
        (PinTries(ask="AT^CPIN?", answer="^CPIN", pin=3), ("^CPIN: SIM PIN,,10,2,10,3",), 2),
        (PinTries(ask="AT#PCT", answer="#PCT", pin=0), ("#PCT: 1",), 1),
        (
            PinTries(ask="AT+QPINC?", answer="+QPINC", pin=1),
            ('+QPINC: "SC",3,10', '+QPINC: "P2",0,10'),
            3,
        ),
        (PinTries(ask="AT#PCT", answer="#PCT", pin=0), ("#PCT:",), None),
        (PinTries(ask="AT#PCT", answer="#PCT", pin=0), (), None),
    ],
)
def test_the_tries_left_are_read(tries: PinTries, lines: tuple[str, ...], left: int | None) -> None:
    assert tries.read(lines) == left


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("probe_s = 15 ", "prob_s = 15 ", "timing.prob_s"),
        ("cmgs_s = 120 ", "", "timing.cmgs_s"),
        ("poll_s = 60 ", "poll_s = 0 ", "timing.poll_s"),
        ("poll_s = 60 ", "poll_s = nan ", "timing.poll_s"),
        ('evidence = "public record"', 'evidence = "hearsay"', "evidence"),
        ('evidence = "public record"', 'evidence = "hardware"\nmodel = "x"', "model"),
        ("list_all = true", "list_all = 1", "sms.list_all"),
        ("cnmi_ds = [1, 2, 0]", "cnmi_ds = [4]", "sms.cnmi_ds"),
        ('stores = ["SM", "ME", "MT"]', "stores = []", "sms.stores"),
        ("boot_s = 25 ", "# ", "timing.boot_s"),
        ("[urc]", "[urcs]", "urcs"),
        ('power = ["', 'power = ["", "', "urc.power"),
        ("usb = true", 'usb = "yes"', "safe.usb"),
        ("hub_power = true", "hub = true", "safe.hub"),
        ('ussd = "plain"', 'ussd = "hex"', "flags.ussd"),
        ('reinit = ["ATZ"] ', 'reinit = ["Z"] ', "reinit"),
        ('reinit = ["ATZ"] ', "reinit = ['AT+CPIN=\"1234\"'] ", "reinit"),
        ('reinit = ["ATZ"] ', 'reinit = ["AT+CMGD=1,4"] ', "reinit"),
        ('reinit = ["ATZ"] ', 'reinit = ["AT\\rAT"] ', "reinit"),
        ('"^BOOT" = "AT^CURC=0"', '"^BOOT" = "CURC"', "silence.^BOOT"),
        ('"^BOOT" = ', '"" = ', "silence"),
        ("pin = 1", "pin = -1", "flags.pin_tries.pin"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(before: str, after: str, path: str) -> None:
    assert before in GENERIC
    with pytest.raises(ConfigError) as caught:
        parse_profile(GENERIC.replace(before, after, 1), "generic.toml")
    assert caught.value.path == f"generic.toml: {path}"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("match = [{ }]", "match.0."),
        ('match = [{ pids = ["0001"] }]', "match.0.vid"),
        ('match = [{ vid = "1" }]', "match.0.vid"),
        ('match = [{ vid = "0001", name = "x" }]', "match.0.name"),
        ('ports = [{ vid = "0001" }]', "ports.0."),
        ('ports = [{ vid = "0001", pids = ["0001"] }]', "ports.0."),
        ('ports = [{ vid = "0001", pids = ["0001"], roles = { 0 = "at" } }]', "ports.0.roles.0"),
        ('ports = [{ vid = "0001", pids = ["0001"], roles = { 00 = "x" } }]', "ports.0.roles.00"),
        ('ports = [{ vid = "0001", classes = { 01 = "at" } }]', "ports.0.classes.01"),
        (
            """ports = [
                { vid = "0001", pids = ["0001"], roles = { 00 = "at" } },
                { vid = "0001", pids = ["0001"], roles = { 01 = "at" } },
            ]""",
            "ports.1.pids",
        ),
        ('sources = "x"', "sources"),
        ('timing = "long"', "timing"),
    ],
)
def test_a_mistake_in_a_family_is_named(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_profile(f"{HEAD}{text}\n", "own.toml", generic_table())
    assert caught.value.path == f"own.toml: {path}".rstrip(".")


def test_a_claim_without_a_source_is_refused() -> None:
    text = family().replace('"simulated"', '"hardware"')
    with pytest.raises(ConfigError, match=r"own\.toml: sources: must say where the hardware is"):
        parse_profile(text, "own.toml", generic_table())


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigError, match="no modem profile 'none'"):
        load_profile("none")
    assert load_profile("telit").timing.guard_ms == 20
