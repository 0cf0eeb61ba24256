"""What a value that does not fit is told, in plain words: pydantic's kinds of error as a table.

Pure; knows pydantic's names only, so that configuration and HTTP speak alike. Words follow the name
of a field ("text: is missing") and never hold a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Kind → words; what stands in braces is pydantic's context of that kind: limits, never the value.
_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_long": "has at most {max_length} characters",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a section of its own",
    "too_long": "has at most {max_length} entries",
}


def words(error: Mapping[str, Any]) -> str:
    """Words for one entry of `ValidationError.errors()`."""
    context = error.get("ctx", {})
    match error["type"]:
        case "string_too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "too_short" if context["min_length"] == 1:
            return "must have at least one entry"
        case kind if kind in _WORDS:
            return _WORDS[kind].format(**context)
        case _:
            text = str(error["msg"]).removeprefix("Value error, ")
            return text.replace("Input should be", "must be").replace("String should", "should")
