"""How numbers are compared: by their last eight digits.

Stdlib only. Networks give the number of a report or an answer in another form than it was dialled:
with or without country code, "+" or "00", type of number 0, 1 or 2.
"""

from __future__ import annotations

import re

TAIL_DIGITS = 8
_DIGITS = re.compile("[0-9]+")


def tail_of(number: str) -> str:
    """The last eight digits, or all where there are fewer; "" when there are none."""
    return "".join(_DIGITS.findall(number))[-TAIL_DIGITS:]
