"""The modem and its SIM: answers as they are on record, and what must not become a value."""

from __future__ import annotations

import pytest

from airpost.at import replies
from airpost.at.replies import Activity, Identification, PortUse, SimStatus, Smsc, Tries, Ussd


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["huawei"], "huawei"),
        ([" WAVECOM MODEM"], "WAVECOM MODEM"),
        (['"Motorola CE, Copyright 2000"'], "Motorola CE, Copyright 2000"),
        (["+CGMI: QUALCOMM  INCORPORATED"], "QUALCOMM INCORPORATED"),
        (["Manufacturer: ZTE"], "ZTE"),
        ([], None),
        (["", '""'], None),
    ],
)
def test_manufacturer(lines: list[str], expected: str | None) -> None:
    assert replies.manufacturer(lines) == expected


def test_model_among_bands() -> None:
    told = '"GSM900","GSM1800","GSM1900","GSM850","MODEL=I250-000"'
    assert replies.model([told]) == "I250-000"
    assert replies.model(["+CGMM: myW-7 UMTS"]) == "myW-7 UMTS"
    assert replies.model(["Model:LG-LX265"]) == "LG-LX265"
    assert replies.model(["E1752"]) == "E1752"


def test_revision_over_several_lines() -> None:
    told = ["V 08.62", "24-07-09", "RM-520", "(c) Nokia            "]
    assert replies.revision(told) == "V 08.62 24-07-09 RM-520 (c) Nokia"
    assert replies.revision(["Revision: M26FBR03A06-TTS"]) == "M26FBR03A06-TTS"
    assert replies.revision(["LX265V05, 50571"]) == "LX265V05, 50571"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["235012412595195"], "235012412595195"),
        (['+CGSN: "235012412595195"'], "235012412595195"),
        (["235012412595195,SERIAL123456789012345"], "235012412595195"),
        (["junk", "IMEI: 23501241259519"], "23501241259519"),
        (["0x9235EB52"], None),
        (["OK"], None),
        (["12345678901234567"], None),
        ([], None),
    ],
)
def test_imei(lines: list[str], expected: str | None) -> None:
    assert replies.imei(lines) == expected


def test_imsi_and_iccid() -> None:
    assert replies.imsi(["262011234567890"]) == "262011234567890"
    assert replies.imsi(['+CIMI: "26201123456789"']) == "26201123456789"
    assert replies.imsi(["2620112345678901"]) is None
    for line in ("+CCID: 8949020000012345678F", '+ICCID:"8949020000012345678F"',
                 "^ICCID: 8949020000012345678F", "8949020000012345678F"):  # fmt: skip
        assert replies.iccid([line]) == "8949020000012345678F"
    assert replies.iccid(["+CCID: ERROR"]) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CPIN: READY", SimStatus.READY),
        ('+CPIN: "SIM PIN"', SimStatus.SIM_PIN),
        ("+CPIN:   SIM  PUK ", SimStatus.SIM_PUK),
        ("+CPIN: SIM PIN2", SimStatus.SIM_PIN2),
        ("+CPIN: ph-net pin", SimStatus.PH_NET_PIN),
        ("+CPIN: PH_SIM PIN", SimStatus.PH_SIM_PIN),
        ("+CPIN: NOT READY", SimStatus.NOT_READY),
        ("+CPIN: SIM BUSY", SimStatus.NOT_READY),
        ("+CPIN: NOT INSERTED", SimStatus.NOT_INSERTED),
        ("+CPIN: SIM REMOVED", SimStatus.NOT_INSERTED),
        ("+CPIN: WONDERFUL", None),
        ("+CPIN:", None),
        ("READY", None),
    ],
)
def test_sim_status(line: str, expected: SimStatus | None) -> None:
    assert replies.sim_status([line]) is expected


def test_what_guards_other_things_does_not_stop_messages() -> None:
    usable = {each for each in SimStatus if each.usable}
    assert usable == {SimStatus.READY, SimStatus.SIM_PIN2, SimStatus.SIM_PUK2}


def test_functionality() -> None:
    assert replies.functionality(["+CFUN: 1"]) == 1
    assert replies.functionality(["+CFUN: 19,0"]) == 19
    assert replies.functionality(["+CFUN: (0-1,4-7),(0-1)"]) is None
    assert replies.functionality([]) is None


def test_own_numbers() -> None:
    lines = [
        '+CNUM: "Own","+491711234567",145,7,4',
        'ERROR+CNUM: "","00320033003400350036",129',
        '+CNUM: "Empty","",129',
        "+CNUM: bare,0171,129",
        '+CNUM: "","0049170123456789",129',  # twice four digits are no UCS-2 here
        "+CNUM: alone",
    ]
    assert replies.numbers(lines) == ("+491711234567", "23456", "0171", "0049170123456789")
    assert replies.numbers([]) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CSCA: "+491710760000",145', Smsc(number="+491710760000", toa=145)),
        ('+CSCA: "",129', Smsc(number=None, toa=129)),
        ("+CSCA: 002B003400390031003700310030003700360030,145", Smsc(number="+491710760", toa=145)),
        ('+CSCA: "2b393731353535353135353135",145', Smsc(number="+971555515515", toa=145)),
        ('+CSCA: "393731353535353135353135",145', Smsc(number="971555515515", toa=145)),
        # As many digits as a number may have are a number, though they could be digits of digits.
        ('+CSCA: "39353535353535353535",145', Smsc(number="39353535353535353535", toa=145)),
        ('+CSCA: "12345"', Smsc(number="12345")),
        ("+CSCA:", None),
        ("OK", None),
    ],
)
def test_smsc(line: str, expected: Smsc | None) -> None:
    assert replies.smsc([line]) == expected


def test_smsc_in_full() -> None:
    assert Smsc(number="6281100000", toa=145).full == "+6281100000"
    assert Smsc(number="+6281100000", toa=145).full == "+6281100000"
    assert Smsc(number="12345", toa=129).full == "12345"
    assert Smsc(number=None, toa=145).full is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('+CUSD: 0,"CF2135487D2E",15', Ussd(m=0, text="CF2135487D2E", dcs=15)),
        ("+CUSD: 5", Ussd(m=5)),
        ("+CUSD:2,", Ussd(m=2)),
        ("+CUSD: 0, 49B41C74", Ussd(m=0, text="49B41C74", quoted=False)),
        ("+CUSD: 0, 49B41C74 , 15", Ussd(m=0, text="49B41C74", dcs=15, quoted=False)),
        ('+CUSD: 0,"till 01.01., "Mega". Dial *111#."', Ussd(m=0,
            text='till 01.01., "Mega". Dial *111#.')),
        ('+CUSD: 1,"Balance\n1) top up\n2) 10,15", 72', Ussd(m=1, dcs=72,
            text="Balance\n1) top up\n2) 10,15")),
        ('+CUSD: 0,"cut off, 12', Ussd(m=0, text="cut off, 12")),
        ('+CUSD: 0,"",', Ussd(m=0)),
        ("+CUSD: ", None),
        ("+CUSD: x", None),
        ("+CUSD: 12", None),
        ("+CUSDX: 1", None),
    ],
)  # fmt: skip
def test_ussd(text: str, expected: Ussd | None) -> None:
    assert replies.ussd(text) == expected


def test_identification_by_label() -> None:
    told = ["Manufacturer: huawei", "Model: E1550", "Revision: 11.608.09.01.21",
            "IMEI: 235012412595195", "+GCAP: +CGSM,+FCLASS,+DS"]  # fmt: skip
    assert replies.identification(told) == Identification(
        text=" ".join(told),
        manufacturer="huawei",
        model="E1550",
        revision="11.608.09.01.21",
        imei="235012412595195",
    )
    nested = ["Manufacturer: +GMI: LG Electronics", "Model: +GMI: LG+GMM: Model:LG-LX265"]
    found = replies.identification(nested)
    assert (found.manufacturer, found.model, found.imei) == ("LG Electronics", "LG-LX265", None)


def test_identification_without_labels() -> None:
    assert replies.identification(["SIM800 R14.18"]) == Identification(text="SIM800 R14.18")
    assert replies.identification([]) == Identification(text=None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["^CPIN: SIM PIN,3,10,2,10,3"], Tries(pin=2, puk=10)),
        (["^CPIN: READY,,10,3,10,3"], Tries(pin=3, puk=10)),
        (["^CPIN: READY"], None),
        (['+QPINC: "SC",1,10', '+QPINC: "P2",3,9'], Tries(pin=1, puk=10)),
        (['+QPINC: "P2",3,10'], None),
        (["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN2,0,3"],
         Tries(pin=3, puk=10)),
        (["#PCT: 0"], Tries(asked=0)),
        (["#PCT:"], None),
        (["+CPIN: SIM PIN"], None),
        ([], None),
    ],
)  # fmt: skip
def test_tries(lines: list[str], expected: Tries | None) -> None:
    assert replies.tries(lines) == expected


def test_tries_for_what_is_asked() -> None:
    assert Tries(pin=2, puk=10).left(SimStatus.SIM_PIN) == 2
    assert Tries(pin=2, puk=10).left(SimStatus.SIM_PUK) == 10
    assert Tries(pin=2, puk=10).left(SimStatus.READY) is None
    assert Tries(asked=1).left(SimStatus.SIM_PIN) == 1
    assert Tries(asked=1).left(SimStatus.SIM_PUK2) is None


def test_activity() -> None:
    assert replies.activity(["+CPAS: 4"]) is Activity.CALL
    assert replies.activity(["+CPAS: 99"]) is None
    assert replies.activity(["4"]) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("^GETPORTMODE: TYPE: WCDMA: huawei,PCUI:0,MDM:1,NDIS:2",
         (PortUse.COMMANDS, PortUse.DATA, PortUse.NETWORK)),
        ("^getportmode: TYPE: WCDMA: huawei ,, 4g_diag: 2, a_shell: 1,mass_two:0",
         (PortUse.CARD, PortUse.SHELL, PortUse.DIAGNOSTICS)),
        ("^GETPORTMODE: TYPE: LTE: ,pcui:1,teapot:2,", (PortUse.COMMANDS, None)),
        ("^GETPORTMODE: TYPE: WCDMA: huawei", ()),
        ("COMMAND NOT SUPPORT", ()),
    ],
)  # fmt: skip
def test_port_uses(line: str, expected: tuple[PortUse | None, ...]) -> None:
    assert replies.port_uses([line]) == expected
