"""A recorded dialogue, played back by a modem: what was sent is waited for, what came is said.

Stdlib only. A transcript is a list of steps, each an object of one or two of these keys:
`send` what the host wrote (ending in CR, or in Ctrl-Z or ESC at a prompt; `<…>` is anything),
`recv` and `urc` the pieces that the modem wrote, a number among them being a pause in seconds,
`pause_s` a pause, `error` the loss of the port. Other keys are remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT_END, ESC = "\x1a", "\x1b"
_OPEN = re.compile(r"<[^<>]+>")


@dataclass(slots=True, kw_only=True)
class Turn:
    """One thing the host wrote, and what followed: (pause before it in seconds, bytes) in order.

    `pattern` matches what was written without its end; `typed` where it stood at a prompt. `lost`
    where the port was gone afterwards.
    """

    pattern: re.Pattern[str]
    typed: bool = False
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    lost: bool = False


def _turn(send: str) -> Turn:
    words = (re.escape(piece) for piece in _OPEN.split(send.rstrip("\r\n\x1a")))
    return Turn(
        pattern=re.compile(".*".join(words), re.DOTALL), typed=send.endswith((TEXT_END, ESC))
    )


def _pieces(number: int, step: Mapping[str, Any]) -> list[str | float]:
    """What came in one step, pauses in seconds among it."""
    pieces = step.get("recv", step.get("urc", []))
    out = [step.get("pause_s", 0.0), *(pieces if isinstance(pieces, list) else [None])]
    if not all(isinstance(each, (str, int, float)) for each in out):
        raise ValueError(f"step {number}: recv and urc are lists of strings and of pauses in s")
    return out


def read_steps(steps: Iterable[Any]) -> list[Turn]:
    """The turns of a transcript; ValueError names the step that makes no sense.

    The echo is taken out of what came back: whether there is one is the modem's own setting.
    """
    turns: list[Turn] = []
    echo, pause_s = "", 0.0
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Mapping) or not (turns or "send" in step):
            raise ValueError(f"step {number} is no send, and none stands before it")
        if "send" in step:
            turns.append(_turn(str(step["send"])))
            echo, pause_s = str(step["send"]).rstrip(TEXT_END), 0.0
            continue
        turn = turns[-1]
        for piece in _pieces(number, step):
            if isinstance(piece, str):
                text = piece if turn.pieces else piece.removeprefix(echo)
                turn.pieces.append((pause_s, text.encode("latin-1", "replace")))
                pause_s = 0.0
            else:
                pause_s += piece
        turn.lost = turn.lost or "error" in step
    if not turns:
        raise ValueError("a transcript has at least one send")
    return turns
