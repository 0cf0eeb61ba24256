"""`airpost preview`."""

from __future__ import annotations

import json

from tests.daemon.cli.conftest import run


def test_a_text_and_what_makes_it_dear() -> None:
    text = run("preview", "“hi”").stdout
    assert text.splitlines() == ["alphabet: ucs2", "units: 4", "parts: 1",
                                 "not in GSM 7-bit: “ ”", "1: “hi”"]  # fmt: skip


def test_json_options_and_standard_input() -> None:
    shown = json.loads(run("preview", "-", "--json", "--concat-bits", "16", text="x" * 161).stdout)
    assert [part["units"] for part in shown["texts"]] == [152, 9]
    assert json.loads(run("preview", "a", "--encoding", "ucs2", "--json").stdout)["alphabet"] == (
        "ucs2"
    )


def test_a_template_and_what_transliteration_saves() -> None:
    asked = ("preview", "--template", "“{{ name }}”", "--value", f"name={'x' * 100}")
    assert "--transliterate always saves 1 part" in run(*asked).stdout
    told = json.loads(run(*asked, "--transliterate", "always", "--json").stdout)
    assert told["sent_text"] == '"' + "x" * 100 + '"'
    assert "line 1" in run("preview", "--template", "{{ a }}", code=1).stderr
    run("preview", "{{ a }}", "--value", "a=1", code=2)
    run("preview", "--template", "a", "--value", "a", code=2)


def test_what_does_not_fit() -> None:
    assert "Error: " in run("preview", "日", "--encoding", "gsm7", code=1).stderr
