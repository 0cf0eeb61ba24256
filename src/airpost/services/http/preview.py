"""What sending a text would cost, and what transliteration would save; nothing is stored.

May import codec and L0.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from airpost.codec.transliterate import Transliterate
from airpost.errors import InvalidRequest
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.operations import Example, operation
from airpost.services.http.render import Json, preview_json
from airpost.services.http.schemas import PreviewIn, read_body
from airpost.services.http.settings import HttpSettings
from airpost.services.http.shapes import messages as shapes
from airpost.services.http.texts import cut_text, transliterated
from airpost.services.templates import Template


@operation(
    "previewMessage",
    "Show the parts a text would take",
    words="Nothing is stored. Instead of `text`, `template` and `values` may be given.",
    body=PreviewIn,
    answers={200: shapes.Preview},
    problems=(
        "empty-text",
        "too-many-parts",
        "control-character",
        "not-encodable",
        "invalid-template",
    ),
    example=Example(body={"text": "Kessel 2: 200 °C überschritten"}),
)
async def preview(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/preview`: the parts a text would take."""
    given = read_body(PreviewIn, await read_json(request))
    return answer(previewed(given, request.app[DEPS].settings))


def previewed(given: PreviewIn, settings: HttpSettings) -> Json:
    """The answer; InvalidRequest where the text could not be sent."""
    text = text_of(given.text, given.template, given.values)
    cut = cut_text(text, given, settings)
    return {
        "text": text,
        "sent_text": cut.sent_text,
        **preview_json(text, cut.split),
        "transliteration": _transliteration(text, given, settings),
    }


def text_of(text: str | None, template: str | None, values: dict[str, Any] | None) -> str:
    """A text as it was given, or what a template makes of its values."""
    if template is None:
        if values is not None:
            raise InvalidRequest("values", "belong to a template")
        if text is None:
            raise InvalidRequest("text", "is missing, and so is template", "missing-field")
        return text
    if text is not None:
        raise InvalidRequest("template", "cannot stand beside text")
    return Template(template, "template").render(values or {})


def _transliteration(text: str, given: PreviewIn, settings: HttpSettings) -> Json | None:
    """What goes out with and without it; None where there is nothing to transliterate."""
    told = transliterated(text)
    if not told:
        return None
    ways = {"encoding": None, "transliterate": Transliterate.NEVER}
    plain = given.model_copy(update=ways)
    sizes = []
    for each in (text, told):
        try:
            sizes.append(len(cut_text(each, plain, settings).split.parts))
        except InvalidRequest:  # more parts than are allowed
            return {"text": told, "parts": None, "saves_parts": None}
    return {"text": told, "parts": sizes[1], "saves_parts": max(0, sizes[0] - sizes[1])}
