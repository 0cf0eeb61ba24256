"""The configuration file: what it gives, and errors that name the place and never a value."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from airpost.daemon.config import (
    STATE_FOLDER,
    Settings,
    check_places,
    load_config,
    parse_config,
    store_path,
)
from airpost.errors import ConfigError
from airpost.pool.credit import CreditSettings
from airpost.pool.selftest import SelfTestSettings
from airpost.services.http.settings import AuthMode, TcpListen, UnixListen

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path("/etc/airpost")


def read(text: str, folder: Path = FOLDER, **env: str) -> Settings:
    return parse_config(text, folder, env)


def test_an_empty_file_is_all_defaults() -> None:
    settings = read("")
    assert settings.store.path == Path("/var/lib/airpost/airpost.db")
    assert settings.http.auth is AuthMode.KEYS
    assert settings.http.listen == (
        TcpListen(host="127.0.0.1", port=8775),
        UnixListen(path=Path("/run/airpost/http.sock")),
    )
    assert (settings.sms.home_region, settings.sms.concat_bits, settings.sms.max_parts) == (
        None,
        8,
        255,
    )
    assert settings.modems == ()


def test_the_example_is_a_configuration_and_shows_the_defaults() -> None:
    settings = load_config(ROOT / "config.example.toml")
    plain = read("")
    assert (settings.store, settings.http, settings.sms) == (plain.store, plain.http, plain.sms)
    assert (settings.modems, settings.discover) == ((), True)


def test_everything_set(tmp_path: Path) -> None:
    (tmp_path / "sim1.pin").write_text("7359\n")
    settings = read(
        """
        [store]
        url = "sqlite:///data/a.db"
        [http]
        listen = ["[::1]:0", "unix:/tmp/a.sock"]
        auth = "none"
        [sms]
        home_region = "CN"
        concat_bits = 16
        max_parts = 10
        [[modem]]
        name = "gate-1"
        port = "/dev/ttyX"
        pin_file = "sim1.pin"
        smsc = "+86 138 0010 0500"
        route = ["default", "otp"]
        number = "+8613912345678"
        baud = 9600
        hang_up = true
        credit = { ussd = "*100#", pattern = '[0-9]*(?P<value>.)', every_h = 12, low = 5 }
        [[modem]]
        name = "gate-2"
        port = "/dev/ttyY"
        [selftest]
        to = "own"
        every_h = 48
        """,
        tmp_path,
    )
    assert settings.store.path == tmp_path / "data" / "a.db"
    assert settings.http.auth is AuthMode.NONE
    assert (settings.http.concat_bits, settings.http.max_parts) == (16, 10)
    assert settings.sms.home_region == "CN"
    one, two = settings.modems
    assert (one.name, one.port, one.pin, one.baud) == ("gate-1", "/dev/ttyX", "7359", 9600)
    assert (one.smsc, one.number) == ("+8613800100500", "+8613912345678")
    assert one.routes == {"default", "otp"}
    assert (two.pin, two.smsc, two.routes, two.baud) == (None, None, {"default"}, 115_200)
    assert (one.hang_up, two.hang_up) == (True, False)
    assert "7359" not in repr(one)
    assert two.credit is None
    assert one.credit == CreditSettings(
        ussd="*100#", pattern="[0-9]*(?P<value>.)", every_h=12, low=5
    )
    assert settings.selftest == SelfTestSettings(to="own", every_h=48, per_month=30)


MODEM = '[[modem]]\nname = "a"\nport = "/dev/a"\n'
CREDIT = MODEM + """credit = { ussd = "*100#", pattern = '(?P<value>[0-9.,]+)' }"""
NAMED = '[[modem]]\nname = "a"\n'


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


def test_none_is_for_loopbacks_and_unix_sockets() -> None:
    read('[http]\nauth = "none"\nlisten = ["127.0.0.1:0", "localhost:1", "unix:/run/x"]')


def test_modems_are_found_by_themselves_unless_it_is_said_not_to() -> None:
    assert read("").discover
    assert read("[modems]\ndiscover = true").discover
    assert not read("[modems]\ndiscover = false").discover


@pytest.mark.parametrize(
    ("key", "value"),
    [("imei", "490154203237518"), ("iccid", "8949020000012345678"), ("usb_path", "1-1.4:1.2")],
)
def test_a_lane_may_be_bound_to_a_modem_a_sim_or_a_place(key: str, value: str) -> None:
    (modem,) = read(f'{NAMED}{key} = "{value}"').modems
    assert getattr(modem, key) == value
    assert modem.port is None


def test_a_port_that_does_not_last_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    read(MODEM)
    assert caplog.text == ""
    read(f'{NAMED}port = "/dev/ttyUSB2"')
    assert "another modem after the next plug" in caplog.text


def test_a_pin_comes_from_credentials_before_the_folder(tmp_path: Path) -> None:
    folder, credentials = tmp_path / "etc", tmp_path / "credentials"
    folder.mkdir()
    credentials.mkdir()
    (folder / "p").write_text("1111")
    text = MODEM + 'pin_file = "p"'
    env = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert read(text, folder, **env).modems[0].pin == "1111"
    (credentials / "p").write_text("2222")
    assert read(text, folder, **env).modems[0].pin == "2222"
    absolute = MODEM + f'pin_file = "{folder / "p"}"'
    assert read(absolute, tmp_path).modems[0].pin == "1111"


def test_a_credential_that_is_loaded_anew_is_not_another_pin(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    text = MODEM + 'pin_file = "p"'

    def mark(start: str, pin: str) -> str:
        """As systemd does it: a new file at every start."""
        credentials = tmp_path / start
        credentials.mkdir()
        (credentials / "p").write_text(pin)
        return read(text, folder, CREDENTIALS_DIRECTORY=str(credentials)).modems[0].pin_mark

    # Its source is somewhere we cannot see.
    assert mark("1", "1111") == mark("2", "1111") == mark("3", "2222")
    # Its source lies beside the configuration.
    (folder / "p").write_text("1111")
    os.utime(folder / "p", (1, 1))
    first = mark("4", "1111")
    assert mark("5", "1111") == first
    os.utime(folder / "p", (2, 2))
    assert mark("6", "2222") != first


@pytest.mark.parametrize("content", [b"12", b"123456789", b"12a4", b"", b"\xff\xff\xff\xff"])
def test_a_pin_that_is_none_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(MODEM + 'pin_file = "p"', tmp_path)
    assert caught.value.path == "modem.0.pin_file"
    assert "does not hold four to eight digits" in caught.value.message
    assert "12a4" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"[store]\n\xff")
    with pytest.raises(ConfigError, match="not UTF-8 at octet 8"):
        load_config(tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(MODEM + 'pin_file = "none"', tmp_path)


def test_a_file_is_read_with_its_own_folder(tmp_path: Path) -> None:
    path = tmp_path / "airpost.toml"
    path.write_text('[store]\nurl = "sqlite:///a.db"')
    assert load_config(path).store.path == tmp_path / "a.db"


def places(path: Path) -> tuple[str, ...]:
    return check_places(read(f'[store]\nurl = "sqlite:///{path}"'))


def test_the_place_of_the_store_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places(tmp_path / "a.db") == ()
    (tmp_path / "file").write_text("")
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "file" / "a.db", "is no folder"),
        (tmp_path / "new" / "a.db", "is not there; make it"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            places(path)
        assert caught.value.path == "store.url"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot write" in places(tmp_path / "a.db")[0]


def test_the_folder_that_systemd_makes_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert "systemd makes it" in places(STATE_FOLDER / "airpost.db")[0]


def test_store_urls() -> None:
    assert store_path("sqlite:////var/a.db", FOLDER) == Path("/var/a.db")
    assert store_path("sqlite:///a.db", FOLDER) == FOLDER / "a.db"
    for url in ("", "sqlite://", "sqlite:///", "a.db"):
        with pytest.raises(ConfigError):
            store_path(url, FOLDER)


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("[http]\nlisten = ['127.0.0.1:1', '127.0.0.1:1']", "http.listen.1", "twice"),
        ("[modem]\nname = 'a'\nport = 'b'", "modem", "[[modem]]"),
    ],
)
def test_mistakes_that_look_right(tmp_path: Path, text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_config(text, tmp_path, {})
    assert told.value.path == path
    assert words in told.value.message
