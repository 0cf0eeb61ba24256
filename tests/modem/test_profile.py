"""Profiles: the packaged one, and what is refused."""

from __future__ import annotations

from importlib import resources

import pytest

from airpost.errors import ConfigError
from airpost.modem.profile import Evidence, Sign, load_profile, parse_profile

GENERIC = resources.files("airpost.modem").joinpath("profiles", "generic.toml").read_text()


def test_the_generic_profile_waits_as_long_as_the_network_may_need() -> None:
    profile = load_profile()
    assert profile.evidence is Evidence.PUBLIC_RECORD
    assert (profile.timing.probe_s, profile.timing.cmgs_s) == (15, 120)
    assert profile.sms.stores[0] == "SM"


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
        ('+CMTI: "SM",1', None),
    ],
)
def test_signs(line: str, sign: Sign | None) -> None:
    assert load_profile().sign_of(line) is sign


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("probe_s = 15 ", "prob_s = 15 ", "generic.timing.prob_s"),
        ("cmgs_s = 120 ", "", "generic.timing.cmgs_s"),
        ("cmgs_s = 120 ", "cmgs_s ", "profile"),
        ('evidence = "public record"', 'evidence = "hearsay"', "generic.evidence"),
        ("list_all = true", "list_all = 1", "generic.sms.list_all"),
        ("boot_s = 25 ", "# ", "generic.timing.boot_s"),
        ("[urc]", "[urcs]", "profile.urcs"),
    ],
)
def test_a_mistake_is_named(before: str, after: str, path: str) -> None:
    assert before in GENERIC
    with pytest.raises(ConfigError) as caught:
        parse_profile(GENERIC.replace(before, after))
    assert caught.value.path == path


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigError, match="no modem profile 'none'"):
        load_profile("none")
