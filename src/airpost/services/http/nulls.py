"""Null for a field that may be left out is as if it were left out, whatever its type.

May import pydantic. Programs write all fields of a request, those that nobody has set as null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel


def without_nulls(model: type[BaseModel], body: bytes) -> bytes | None:
    """A JSON body without the nulls that may be left out; None where there are none such.

    Also None for what is no JSON or has a name twice: its reader says so.
    """
    if b"null" not in body:
        return None
    try:
        given = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        return None
    kept = _kept(model, given)
    return None if kept == given else json.dumps(kept).encode()


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(name)
        found[name] = value
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _kept(model: type[BaseModel], given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    kept = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is not None and value is None and not field.is_required():
            continue
        inner = None if field is None else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            value = _kept(inner, value)
        kept[name] = value
    return kept
