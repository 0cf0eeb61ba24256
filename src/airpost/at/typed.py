"""A command that somebody typed: which lines of what comes are its answer.

Pure. The catalogue in `command.py` knows its answers; here they are told from the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airpost.at.command import Command, Priority, checked
from airpost.errors import LocalProtocolError

TYPED_S = 10.0
_NAME = re.compile(r"[+^*#$%&!_@][A-Za-z][A-Za-z0-9_]*")
_QUOTED = re.compile(r'"[^"]*"?')
# Answers under another name than the command's.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "+CGMM": ("+GMM",),
    "+CCID": ("+ICCID", "^ICCID", "#CCID", "+QCCID"),
    "+CPINR": ("+CPIN",),
}
# What is read has these prefixes unasked for; a set command is not answered by them.
_UNASKED = frozenset({"+CMT", "+CDS", "+CBM", "+CMTI", "+CDSI", "+CUSD", "+CLIP", "+CRING"})
_CONTINUED = frozenset({"+CMGR", "+CMGL", "+CPBR"})
_READ_FORM = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_SECRET = re.compile(r"\+CPIN\d?=|\+CLCK=|\+CPWD=|PIN=|PUK=", re.IGNORECASE)


def typed(text: str, timeout_s: float = TYPED_S) -> Command:
    """The command; LocalProtocolError unless it is printable ASCII that begins with AT.

    Information lines are those with the prefix of a name in it, and those without any prefix that
    an unsolicited line could have.
    """
    text = text.strip()
    if not text.upper().startswith("AT"):
        raise LocalProtocolError("a command begins with AT")
    names = [name.upper() for name in _NAME.findall(_QUOTED.sub('""', text[2:]))]
    asks = text.endswith("?")
    answers = [also for name in names for also in (name, *_ALSO.get(name, ()))]
    if not names:
        answers.append("+GCAP")  # a line of ATI with some makers
    return checked(
        Command(
            text=text,
            answers=tuple(each for each in answers if asks or each not in _UNASKED),
            bare=True,
            continued=any(name in _CONTINUED for name in names),
            read_form=asks and bool(names) and names[-1] in _READ_FORM,
            final_optional=asks and names == ["+CPIN"],
            timeout_s=timeout_s,
            priority=Priority.CARE,
            secret=_SECRET.search(text) is not None,
        )
    )
