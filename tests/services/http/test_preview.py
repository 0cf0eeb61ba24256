"""A preview: what a text would cost, rendered, transliterated, and stored nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.http.conftest import Api


async def shown(api: Api, **asked: Any) -> dict[str, Any]:
    body = await api.call("POST", "/v1/preview", json=asked)
    assert api.store.news == []
    return body


async def test_a_preview_stores_nothing(api: Api) -> None:
    body = await shown(api, text="“hi”")
    assert (body["text"], body["sent_text"]) == ("“hi”", None)
    assert (body["alphabet"], body["units"], body["parts"]) == ("ucs2", 4, 1)
    assert body["offenders"] == ["“", "”"]
    assert body["transliteration"] == {"text": '"hi"', "parts": 1, "saves_parts": 0}


async def test_what_transliteration_would_save_and_does(api: Api) -> None:
    text = "“" + "x" * 200 + "”"
    body = await shown(api, text=text)
    assert (body["parts"], body["transliteration"]["saves_parts"]) == (4, 2)
    body = await shown(api, text=text, transliterate="if_it_saves_a_part")
    assert (body["parts"], body["sent_text"]) == (2, '"' + "x" * 200 + '"')
    assert body["offenders"] == ["“", "”"]
    assert (await shown(api, text="plain"))["transliteration"] is None


async def test_a_template_and_its_values(api: Api) -> None:
    body = await shown(api, template="Hi {{ name }}, {{ n + 1 }}!", values={"name": "Jo", "n": 1})
    assert body["text"] == "Hi Jo, 2!"
    assert body["texts"] == [{"seq": 1, "units": 9, "text": "Hi Jo, 2!"}]


@pytest.mark.parametrize(
    ("problem", "field", "asked"),
    [
        ("empty-text", "text", {"text": ""}),
        ("missing-field", "text", {}),
        ("invalid-request", "template", {"text": "a", "template": "b"}),
        ("invalid-request", "values", {"text": "a", "values": {}}),
        ("invalid-request", "values", {"template": "a", "values": []}),
        ("invalid-template", "template", {"template": "{{ name }}"}),
        ("invalid-template", "template", {"template": "{% if %}"}),
        ("empty-text", "text", {"template": "{# nothing #}"}),
    ],
)
async def test_what_cannot_be(api: Api, problem: str, field: str, asked: dict[str, Any]) -> None:
    body = await api.call("POST", "/v1/preview", 400, json=asked)
    assert body["type"].endswith(f":{problem}")
    assert body["field"] == field
