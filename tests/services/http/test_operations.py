"""What is said beside a handler is found again, and changes nothing about it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from airpost.services.http.operations import described, operation


def test_a_handler_is_itself_and_what_was_said_of_it_is_found_through_wrappers() -> None:
    def handler() -> str:
        return "itself"

    def wrapping(inner: Callable[[], str]) -> Callable[[], str]:
        @functools.wraps(inner)
        def wrapped() -> str:
            return inner()

        return wrapped

    said = operation("doIt", "Do it", answers={204: None}, problems=("blocked",))(handler)
    assert said is handler
    assert described(handler) is described(wrapping(wrapping(handler)))
    found = described(handler)
    assert found is not None
    assert (found.id, found.problems, found.example.body) == ("doIt", ("blocked",), None)
    assert described(wrapping(lambda: "nothing said")) is None
