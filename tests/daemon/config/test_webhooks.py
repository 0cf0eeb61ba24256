"""`[webhooks]`, `[[exec]]` and `[stream]`."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from airpost.services.webhooks.settings import EventSettings, WebhookSettings, parse_allowed
from tests.daemon.config.reading import read


def test_nothing_said_is_the_defaults() -> None:
    assert read("").events == EventSettings()


def test_all_of_it() -> None:
    settings = read(
        """
        [webhooks]
        allow = ["192.168.0.0/16", "erp.example.com:8443"]
        timeout_s = 20
        concurrency = 2
        most = 3
        keep = "4d"
        schedule = ["5s", "30m", "2h"]
        [stream]
        clients = 5
        stall_s = 3
        heartbeat_s = 7
        [[exec]]
        name = "siren"
        command = ["/bin/true", "--on"]
        types = ["alarm.*"]
        """
    )
    allow = tuple(map(parse_allowed, ("192.168.0.0/16", "erp.example.com:8443")))
    assert settings.events.webhooks == WebhookSettings(
        allow=allow, timeout_s=20, concurrency=2, most=3, keep_d=4, schedule_s=(5, 1800, 7200)
    )
    (siren,) = settings.events.execs
    assert (siren.command, siren.types, siren.timeout_s) == (
        ("/bin/true", "--on"), ("alarm.*",), 10,
    )  # fmt: skip
    http = settings.http
    assert (http.stream_clients, http.stream_stall_s, http.stream_heartbeat_s) == (5, 3, 7)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[webhooks]\nallow = ["a b"]', "webhooks.allow.0"),
        ('[webhooks]\nkeep = "3h"', "webhooks.schedule"),
        ("[webhooks]\nkeep = 3", "webhooks.keep"),
        ('[webhooks]\nschedule = ["0s"]', "webhooks.schedule.0"),
        ("[webhooks]\nschedule = []", "webhooks.schedule"),
        ('[webhooks]\nca_file = "none.pem"', "webhooks.ca_file"),
        ('[[exec]]\nname = "x"\ncommand = ["sh"]', "exec.0.command.0"),
        ('[[exec]]\nname = "x"\ncommand = ["/no/such"]', "exec.0.command.0"),
        ('[[exec]]\nname = "x"\ncommand = ["/bin/true"]\ntypes = ["A"]', "exec.0.types.0"),
        ('[[exec]]\nname = "x"\ncommand = ["/bin/true"]\n' * 2, "exec.1.name"),
        ("[stream]\nclients = -1", "stream.clients"),
    ],
)
def test_what_cannot_be_is_named(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.path == path
