"""What is wrong with a file, in words that name the key. A value never stands in them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from airpost.daemon.config.file import File
from airpost.daemon.config.section import NAME_WORDS
from airpost.errors import ConfigError
from airpost.pool.facade import OWN
from airpost.services.http.words import words

_FORMS: Mapping[str | int, str] = {
    "ussd": "is a code of digits, * and #, such as *100#",
    "to": f'is "{OWN}", another SIM of ours, or a number of + and digits',
}


_LISTS = ("modem", "route", "hook", "exec")


def config_error(error: ValidationError) -> ConfigError:
    """All that is wrong at once: the path of the first fault, then the others in its words."""
    found = []
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(str(step) for step in each["loc"])
        found.append((where, _words(each)))
    (first, said), *others = found
    also = "".join(f"; {where}: {more}" for where, more in others)
    return ConfigError(first, said + also)


def _words(error: Mapping[str, Any]) -> str:
    place: tuple[str | int, ...] = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            key = str(place[-1])
            near = difflib.get_close_matches(key, _known(place[:-1]), n=1, cutoff=0.5)
            return f"is no known key; did you mean {near[0]!r}?" if near else "is no known key"
        case "string_pattern_mismatch":
            return _FORMS.get(place[-1], NAME_WORDS)
        case "list_type" | "model_type" if place[0] in _LISTS and len(place) <= 2:
            return f"is a list of sections: write [[{place[0]}]], one for each"
        case "model_type" if any(isinstance(step, int) for step in place):
            return f"is a table: {place[-1]} = {{ … }}"
        case "model_type":
            return f"is a section: write [{'.'.join(map(str, place))}]"
        case "dict_type":
            return "is a table of names, each with what it stands for: { name = … }"
        case _:
            return words(error)


def _known(place: tuple[str | int, ...]) -> list[str]:
    """The keys of the section at `place`."""
    model: type[BaseModel] = File
    for step in place:
        if isinstance(step, str) and (info := model.model_fields.get(step)) is not None:
            model = _section(info) or model
    return [info.alias or name for name, info in model.model_fields.items()]


def _section(info: FieldInfo) -> type[BaseModel] | None:
    for kind in (info.annotation, *get_args(info.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
