"""Templates: what they can say, and what they cannot do."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.services.templates import BUDGET_S, SOURCE_LIMIT, Template, TemplateFault

ALERT = {
    "status": "firing",
    "items": [1, 2],
    "none": None,
    "alerts": [
        {"name": "Disk", "level": 3, "value": 91.26, "labels": {"host": "db-1"}},
        {"name": "Fan", "level": 1, "value": 0.5, "labels": {"host": "db-2"}},
    ],
}


def made(source: str, **values: Any) -> str:
    return Template(source, "text").render(values or ALERT)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ status|upper }}", "FIRING"),
        (("{% for a in alerts %}{{ loop.index }} {{ a.name }}{% if not loop.last %}, {% endif %}"
         "{% endfor %}"), "1 Disk, 2 Fan"),
        ("{{ alerts|selectattr('level', 'ge', 2)|map(attribute='name')|join('/') }}", "Disk"),
        ("{{ alerts[0].labels.host }} {{ alerts[0]['labels']['host'].split('-')[1] }}", "db-1 1"),
        ("{{ alerts[0].value|round(1) }} {{ '%.0f' % alerts[1].value }}", "91.3 0"),
        ("{{ '%05.1f'|format(alerts[0].value) }}", "091.3"),
        ("{{ items|sum }}{{ none }}.", "3."),  # a member of the data, not a method
        ("{{ nothing.at.all|default('-') }}", "-"),
        ("{{ 'x' if nothing is defined else 'y' }}", "y"),
        ("{{ alerts[1].labels }} {{ true }}", '{"host": "db-2"} true'),
        (("{% for host, all in alerts|groupby('labels.host') %}{{ host }}{{ all|length }} "
         "{% endfor %}"), "db-11 db-21 "),
        (("{% set n = status ~ '!' ~ 1 %}{{ n }}{% for k, v in alerts[0].labels.items() %}"
         "{{ k }}={{ v }}{% endfor %}"), "firing!1host=db-1"),
        ("{# nothing #}<b>&", "<b>&"),
    ],
)  # fmt: skip
def test_what_a_text_needs(source: str, text: str) -> None:
    assert made(source) == text


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{{ alerts[0].nam }}", 2, "'nam' is not there"),
        ("{{ missing }}", 1, "'missing' is not there"),
        ("{{ alerts[5] }}", 1, "not there"),
        ("\n\n{{ 1 / 0 }}", 3, "ZeroDivisionError"),
        ("{% for a in 5 %}{% endfor %}", 1, "TypeError"),
        ("{{ ''.__class__.__mro__ }}", 1, "not there"),
        ("{{ status.format() }}", 1, "'format' is not there"),
        ("{{ alerts.append(1) }}", 1, "'append' is not there"),
        ("{{ self }}", 1, "no value"),
    ],
)
def test_what_fails_is_told_with_its_line(source: str, line: int, words: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        made(source)
    assert (caught.value.field, caught.value.line) == ("text", line)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("{{ a", 1, "end of template"),
        ("\n{% for %}", 2, "Expected"),
        ("{{ a|pprint }}", 1, "pprint"),
        ("{% macro m() %}{% endmacro %}", 1, "macro"),
        ("{% set x %}a{% endset %}", 1, "not available"),
        ("{% include 'x' %}", 1, "include"),
        ("{% for a in b recursive %}{% endfor %}", 1, "recursive"),
        ("(" * 500 + "{{ " + "(" * 500 + "1" + ")" * 500 + " }}", None, "nested"),
        ("{{ " + "9" * 5000 + " }}", None, "number"),
        ("x" * (SOURCE_LIMIT + 1), None, "longer"),
    ],
)
def test_what_cannot_be_read_is_told(source: str, line: int | None, words: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        Template(source, "hook.pump.text")
    assert (caught.value.field, caught.value.line) == ("hook.pump.text", line)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(20000) %}{% for b in range(20000) %}{% endfor %}{% endfor %}",
        ("{% for a in b %}" * 4 + "{% endfor %}" * 4),
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 1000000000 * b }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%*d' % (999999999, 1) }}",
        "{{ '%0999999999d'|format(1) }}",
        "{{ 1.5|round(999999999) }}",
        "{{ range(1000000000)|list }}",
        "{{ b|join('x' * 100000) }}",
        "{{ ('x' * 100000)|replace('x', 'y' * 100000) }}",
        "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 60,
        "{% set a = 'x' %}" + "{% set a = a + a %}" * 60,
        "{% set a = 7 %}" + "{% set a = a * a %}" * 60,
        "{{ b|map('join', 'x' * 10000)|join }}",
    ],
)
def test_nothing_grows_or_goes_on_for_ever(source: str) -> None:
    began_s = time.perf_counter()
    with pytest.raises(TemplateFault):
        Template(source, "text").render({"b": [["y"] * 100] * 200})
    assert time.perf_counter() - began_s < BUDGET_S + 1


def test_what_it_makes_is_bounded_and_no_value_is_told() -> None:
    with pytest.raises(TemplateFault, match="more than 10 characters"):
        Template("{% for a in x %}{{ a }}{% endfor %}", "text").render({"x": "x" * 11}, limit=10)
    with pytest.raises(TemplateFault) as caught:
        Template("{{ x[y] }}", "text").render({"x": {}, "y": "secret"})
    assert "secret" not in str(caught.value)
    with pytest.raises(TemplateFault) as caught:
        Template("{{ x.index(y) }}{{ y|int + x }}", "text").render({"x": ["secret"], "y": "secret"})
    assert "secret" not in str(caught.value)


@given(st.text(alphabet="{}%| abx.()[]'~+*/0123456789,", max_size=60))
def test_any_source_is_a_text_or_a_fault(source: str) -> None:
    try:
        Template(source, "text").render({"a": 1, "b": [{"x": "y"}], "x": "a"})
    except TemplateFault:
        pass
