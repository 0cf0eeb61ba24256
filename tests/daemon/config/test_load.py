"""The configuration file as a whole: defaults, every key once, files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.daemon.config.load import load_config, store_path
from airpost.errors import ConfigError
from airpost.pool.credit import CreditSettings
from airpost.pool.selftest import SelfTestSettings
from airpost.services.http.settings import AuthMode, TcpListen, UnixListen
from airpost.store.people import PeopleLimits
from tests.daemon.config.reading import FOLDER, MODEM, read

ROOT = Path(__file__).resolve().parents[3]


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
        10,
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
        max_connections = 9
        idle_s = 1.5
        body_s = 2
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
    http = settings.http
    assert (http.max_connections, http.idle_s, http.body_s) == (9, 1.5, 2)
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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_connections = 0", "http.max_connections: must be at least 1"),
        ("max_connections = 70000", "http.max_connections: must be at most 65536"),
        ("idle_s = 0.5", "http.idle_s: must be at least 1"),
        ("body_s = inf", "http.body_s: must be a finite number"),
    ],
)
def test_limits_of_callers_have_bounds(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(f"[http]\n{line}")


def test_none_is_for_loopbacks_and_unix_sockets() -> None:
    read('[http]\nauth = "none"\nlisten = ["127.0.0.1:0", "localhost:1", "unix:/run/x"]')


def test_modems_are_found_by_themselves_unless_it_is_said_not_to() -> None:
    assert read("").discover
    assert read("[modems]\ndiscover = true").discover
    assert not read("[modems]\ndiscover = false").discover


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


def test_store_urls() -> None:
    assert store_path("sqlite:////var/a.db", FOLDER) == Path("/var/a.db")
    assert store_path("sqlite:///a.db", FOLDER) == FOLDER / "a.db"
    for url in ("", "sqlite://", "sqlite:///", "a.db"):
        with pytest.raises(ConfigError):
            store_path(url, FOLDER)


def test_limits_of_people() -> None:
    assert read("").http.people == PeopleLimits()
    text = "[people]\nmax_contacts = 1\nmax_groups = 2\nmax_members = 100_000"
    limits = PeopleLimits(max_contacts=1, max_groups=2, max_members=100_000)
    assert read(text).http.people == limits
    assert read(text).http.groups_limit == 3_200_000
    for name, value in (("max_contacts", 0), ("max_groups", 0), ("max_members", 100_001)):
        with pytest.raises(ConfigError) as caught:
            read(f"[people]\n{name} = {value}")
        assert caught.value.path == f"people.{name}"
