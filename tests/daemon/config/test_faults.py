"""Errors name the place, and never a value."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from tests.daemon.config.reading import MODEM, NAMED, read

CREDIT = MODEM + """credit = { ussd = "*100#", pattern = '(?P<value>[0-9.,]+)' }"""


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("x = ", "", "is not valid TOML"),
        ('[stroe]\nurl = "x"', "stroe", "did you mean 'store'?"),
        ('[http]\nlisen = ["x"]', "http.lisen", "did you mean 'listen'?"),
        ("[http]\nzzz = 1", "http.zzz", "is no known key"),
        (MODEM + 'prt = "x"', "modem.0.prt", "did you mean 'port'?"),
        (MODEM + 'imei = "490154203237518"', "modem.0.imei", "port and imei is given"),
        ('[[modem]]\nname = "a"', "modem.0.port", "one of port, imei, iccid, usb_path"),
        (NAMED + 'imei = "49015420323751"', "modem.0.imei", "15 digits"),
        (NAMED + 'iccid = "12345"', "modem.0.iccid", "begin with 89"),
        (NAMED + 'usb_path = "/dev/x"', "modem.0.usb_path", "no place of a USB device"),
        (NAMED + 'usb_pth = "1-1"', "modem.0.usb_pth", "did you mean 'usb_path'?"),
        ('[modems]\nprofiles = "nowhere"', "modems.profiles", "there is no folder"),
        ("[selftest]\nevery_h = 2", "selftest.to", "is missing"),
        ('[selftest]\nto = "me"', "selftest.to", '"own", another SIM of ours'),
        ('[selftest]\nto = "own"\nevery_h = 0.5', "selftest.every_h", "must be at least 1"),
        ('[selftest]\nto = "own"\nper_month = 0', "selftest.per_month", "must be at least 1"),
        (MODEM + 'credit = { pattern = "x" }', "modem.0.credit.ussd", "is missing"),
        (CREDIT.replace("*100#", "ABC"), "modem.0.credit.ussd", "such as *100#"),
        (CREDIT.replace("value", "v"), "modem.0.credit.pattern", "(?P<value>[0-9.,]+)"),
        (CREDIT.replace(")", "("), "modem.0.credit.pattern", "is no regular expression"),
        (CREDIT.replace(")", ")+"), "modem.0.credit.pattern", "must not repeat a group"),
        (CREDIT.replace("}", ", low = nan }"), "modem.0.credit.low", "finite"),
        (CREDIT.replace("}", ", lo = 3 }"), "modem.0.credit.lo", "did you mean 'low'?"),
        ('[[modem]]\nname = "a b"\nport = "x"', "modem.0.name", "has 1 to 64"),
        (MODEM + MODEM, "modem.1.name", "is that of modem.0 already"),
        (MODEM + MODEM.replace('"a"', '"b"'), "modem.1.port", "is that of modem.0 already"),
        (MODEM + 'smsc = "x"', "modem.0.smsc", "cannot be dialled"),
        (MODEM + "route = []", "modem.0.route", "must have at least one entry"),
        (MODEM + 'baud = "9600"', "modem.0.baud", "must be a whole number"),
        (MODEM.replace("/dev/a", ""), "modem.0.port", "must not be empty"),
        (MODEM + "baud = 1", "modem.0.baud", "must be at least 300"),
        (MODEM + "hang_up = 1", "modem.0.hang_up", "must be true or false"),
        ("modem = [3]", "modem.0", "[[modem]]"),
        ("store = 3", "store", "write [store]"),
        ("[limits]\nplant = 3", "limits.plant", "write [limits.plant]"),
        (
            "[retention.classes]\nbulk = 3",
            "retention.classes.bulk",
            "write [retention.classes.bulk]",
        ),
        ("classes = 3", "classes", "a table of names"),
        ('[[route]]\nname = "a"\ngroups = [3]', "route.0.groups.0", "{ name = … }"),
        (MODEM + "credit = 3", "modem.0.credit", "credit = { … }"),
        ('[hook]\nname = "a"', "hook", "write [[hook]]"),
        ('[store]\nurl = "postgresql://u:hunter2@h/d"', "store.url", "SQLite only"),
        ('[store]\nurl = "/var/hunter2"', "store.url", "must be a file"),
        ("[http]\nlisten = []", "http.listen", "must have at least one entry"),
        ('[http]\nlisten = "x"', "http.listen", "must be a list"),
        ('[http]\nlisten = ["8775"]', "http.listen.0", "is neither"),
        ('[http]\nauth = "hunter2"', "http.auth", "must be 'keys' or 'none'"),
        ('[http]\nauth = "none"\nlisten = ["0.0.0.0:80"]', "http.auth", "loopback"),
        ("[sms]\nconcat_bits = 7", "sms.concat_bits", "must be 8 or 16"),
        ("[sms]\nmax_parts = 256", "sms.max_parts", "must be at most 255"),
        ('[sms]\nhome_region = "China"', "sms.home_region", "ISO 3166"),
        ('[sms]\nhome_region = "UK"', "sms.home_region", "did you mean 'GB'?"),
        ("[modems]\ndiscover = 1", "modems.discover", "must be true or false"),
    ],
)
def test_errors_name_the_place(text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.path == path
    assert words in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read("[http]\nzzz = 1\n[sms]\nmax_parts = 0")
    assert caught.value.path == "http.zzz"
    assert "sms.max_parts" in caught.value.message


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("[http]\nlisten = ['127.0.0.1:1', '127.0.0.1:1']", "http.listen.1", "twice"),
        ("[modem]\nname = 'a'\nport = 'b'", "modem", "[[modem]]"),
    ],
)
def test_mistakes_that_look_right(text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        read(text)
    assert told.value.path == path
    assert words in told.value.message
