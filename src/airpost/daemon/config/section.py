"""What every section of the file has in common.

A feature's own section stands in a file of its own beside this one: a `Section` that says what may
be written, and a function that makes the feature's settings of it or raises ConfigError. `file.py`
names them all.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"
NAME_WORDS = "has 1 to 64 letters, digits, dots, dashes or underscores, the first no sign"


class Section(BaseModel):
    """Unknown keys are refused, values are never shown: one may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Hours = Annotated[float, Field(ge=1, le=8784)]  # a year
