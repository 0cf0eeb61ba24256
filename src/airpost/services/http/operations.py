"""What a call is, said beside its handler: the OpenAPI document is made of it, and tests run it.

Stdlib only. `@operation(...)` keeps a description and changes nothing about the handler; a test
fails for a route whose handler has none. Bodies, queries and answers are pydantic models, of
`schemas` what comes in and of `shapes` what goes out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An answer that is no JSON: its content type, and what it is in a few words."""

    type: str
    words: str


Answer = type[Any] | Media | None
"""A model of `shapes`; something else than JSON; None: no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request the document shows, and the tests make of a running service.

    `after` names an operation whose example is run before, and what of its answer (a JSON pointer)
    takes the place of which parameter of the path: `("createMessage", {"id": "/id"})`. `status` is
    what comes, None for any of the operation's answers. `body` is JSON, or text for a body
    that is none.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    after: tuple[str, Mapping[str, str]] | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the interface. `id` is unique and stable: clients are generated from it.

    `problems` are names of problem types beyond those that every call with a key, a body, a query
    or a name in its path may be answered with.
    """

    id: str
    summary: str
    answers: Mapping[int, Answer]
    example: Example
    query: type[Any] | None = None
    body: type[Any] | None = None
    body_optional: bool = False
    body_media: str = "application/json"
    body_also: Mapping[str, str] = field(default_factory=dict)  # further media, with what they hold
    headers: Mapping[str, str] = field(default_factory=dict)
    answers_also: Mapping[str, str] = field(default_factory=dict)  # of the first, by media
    problems: tuple[str, ...] = ()
    words: str | None = None  # more than the summary, in CommonMark
    security: tuple[Mapping[str, tuple[str, ...]], ...] | None = None  # None: by the call's scope


_DESCRIBED: dict[Callable[..., Any], Operation] = {}


def operation(
    id_: str,
    summary: str,
    *,
    answers: Mapping[int, Answer],
    example: Example | None = None,
    **more: Any,
) -> Callable[[H], H]:
    """Say what the handler below does; `more` are the further fields of `Operation`."""

    def kept(handler: H) -> H:
        _DESCRIBED[handler] = Operation(
            id=id_, summary=summary, answers=answers, example=example or Example(), **more
        )
        return handler

    return kept


def described(handler: Callable[..., Any]) -> Operation | None:
    """What was said of a handler, also through wrappers that keep `__wrapped__`."""
    found = _DESCRIBED.get(handler)
    if found is None and (inner := getattr(handler, "__wrapped__", None)) is not None:
        return described(inspect.unwrap(inner, stop=lambda each: each in _DESCRIBED))
    return found
