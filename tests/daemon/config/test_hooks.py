"""`[[hook]]`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from airpost.errors import ConfigError
from airpost.services.hooks_in import HookSettings
from tests.daemon.config.reading import read

MIN = '[[hook]]\nname = "pump"\nto = ["+491701234567"]\ntext = "{{ a }}"\nfrom = ["10.0.0.5"]\n'


def test_little_is_needed() -> None:
    (found,) = read(MIN).hooks
    assert found == HookSettings(
        name="pump", to=("+491701234567",), text="{{ a }}", owner="hook:pump",
        networks=(ipaddress.ip_network("10.0.0.5/32"),),
    )  # fmt: skip


def test_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "pump.token").write_text("0123456789abcdef\n")
    (tmp_path / "pump.hmac").write_text("fedcba9876543210")
    text = (
        MIN
        + """
        class = "{{ c }}"
        dedup = "{{ d }}"
        window = "10m"
        fallback = ["+491701234568", "group:night"]
        owner = "plant"
        route = "alarms"
        max_parts = 5
        token_file = "pump.token"
        hmac_file = "pump.hmac"
        hmac_header = "X-Sig"
        hmac_timestamp = "X-Time"
        """
    )
    text += '[[route]]\nname = "alarms"\nclass = ["alarm"]\ngroups = [{ m-1 = 1 }]\n'
    (found,) = read(text, tmp_path).hooks
    assert (found.class_, found.dedup, found.window_s) == ("{{ c }}", "{{ d }}", 600)
    assert found.fallback == ("+491701234568", "group:night")
    assert (found.owner, found.route, found.max_parts) == ("plant", "alarms", 5)
    assert (found.token, found.hmac) == ("0123456789abcdef", "fedcba9876543210")
    assert (found.hmac_header, found.hmac_timestamp) == ("X-Sig", "X-Time")
    assert "0123456789abcdef" not in repr(found)
    named = MIN.replace('from = ["10.0.0.5"]', 'token_file = "pump.token"\nget = true')
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "pump.token").write_text("from-the-credentials")
    (found,) = read(named, tmp_path, CREDENTIALS_DIRECTORY=str(folder)).hooks
    assert (found.token, found.get) == ("from-the-credentials", True)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (('from = ["10.0.0.5"]', ""), "hook.0"),
        (("10.0.0.5", "10.0.0.300"), "hook.0.from.0"),
        (("{{ a }}", "{{ a"), "hook.0.text"),
        (('"+491701234567"', '"12ab"'), "hook.0.to.0"),
        (
            ("text =", 'fallback = ["+491", "+492"]\nmax_recipients = 1\ntext ='),
            "hook.0.fallback",
        ),
        (('"+491701234567"', '"{{ x }}"'), "hook.0.fallback"),
        (("text =", 'class = "urgent"\ntext ='), "hook.0.class"),
        (("text =", 'fallback = ["{{ x }}"]\ntext ='), "hook.0.fallback.0"),
        (("text =", 'token_file = "none"\ntext ='), "hook.0.token_file"),
        (("text =", 'token_file = "short"\ntext ='), "hook.0.token_file"),
        (("text =", 'hmac_file = "long"\nget = true\ntext ='), "hook.0.get"),
        (("text =", 'tokn = "x"\ntext ='), "hook.0.tokn"),
        (("text =", 'route = "alarms"\ntext ='), "hook.0.route"),
        (("\n", "\n"), ""),
    ],
)
def test_what_cannot_be_is_named(change: tuple[str, str], path: str, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("0123")
    (tmp_path / "long").write_text("0123456789abcdef")
    text = MIN.replace(*change)
    if not path:
        text, path = MIN * 2, "hook.1.name"
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert caught.value.path == path
