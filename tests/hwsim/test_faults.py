from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from hwsim.catalogue import KINDS
from hwsim.faults import Faults


def test_the_names_asked_for_are_there() -> None:
    wanted = ("bytewise slow_output late_final no_final urc_inside urc_before_echo no_prompt "
              "stuck_prompt bare_prompt garbage echo_on hangup_mid_pdu cms_error silence "
              "report_early glued ok_without_mr spontaneous_restart not_registered sim_removed "
              "store_full")  # fmt: skip
    assert set(wanted.split()) <= set(KINDS)


def test_count_is_used_up_and_told() -> None:
    told: list[tuple[str, bool]] = []
    faults = Faults(Random(1), lambda fault, active: told.append((fault.name, active)))
    faults.set("cms_error", code=41, count=2)
    assert [faults.take("cms_error") is not None for _ in range(3)] == [True, True, False]
    assert told == [("cms_error", True), ("cms_error", False)]
    assert faults.active() == {}


def test_only_for_one_verb() -> None:
    faults = Faults(Random(1))
    faults.set("no_final", verb="+cmgl")
    assert faults.take("no_final", "+CMGS") is None
    fault = faults.take("no_final", "+CMGL")
    assert fault is not None
    assert fault.struck == 1


def test_chance_is_repeated_by_the_seed() -> None:
    def draw(seed: int) -> list[bool]:
        faults = Faults(Random(seed))
        faults.set("garbage", chance=0.5)
        return [faults.take("garbage") is not None for _ in range(200)]

    assert draw(3) == draw(3) != draw(4)
    assert 60 < sum(draw(3)) < 140


def test_defaults_and_clear() -> None:
    faults = Faults(Random(1))
    assert faults.set("cms_error").number("code") == 38
    faults.set("silence")
    faults.clear("silence")
    faults.clear("silence")
    assert list(faults.active()) == ["cms_error"]
    faults.clear()
    assert faults.get("cms_error") is None


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("gremlin", {}),
        ("cms_error", {"delay": 3}),
        ("cms_error", {"code": "38"}),
        ("cms_error", {"code": True}),
        ("cms_error", {"after_s": -1.0}),
        ("cms_error", {"carried": 1}),
        ("cms_error", {"count": 0}),
        ("cms_error", {"count": 1.5}),
        ("cms_error", {"count": "many"}),
        ("cms_error", {"chance": 2}),
        ("cms_error", {"chance": "often"}),
        ("hangup_mid_pdu", {"at": "start"}),
        ("hangup_mid_pdu", {"back_s": "soon"}),
        ("no_final", {"whole": "yes"}),
        ("spontaneous_restart", {"when": "later"}),
    ],
)
def test_mistakes_are_named(name: str, params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=name):
        Faults(Random(1)).set(name, **params)  # type: ignore[arg-type]


def test_clearing_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="gremlin"):
        Faults(Random(1)).clear("gremlin")


def test_a_parameter_that_is_no_number() -> None:
    fault = Faults(Random(1)).set("no_final")
    with pytest.raises(TypeError, match="whole"):
        fault.number("whole")


def test_the_readme_names_each() -> None:
    readme = (Path(__file__).parents[2] / "hw-sim" / "README.md").read_text(encoding="utf-8")
    assert [name for name in KINDS if f"`{name}`" not in readme] == []
