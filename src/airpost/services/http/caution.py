"""Which AT commands only ask, and which would get between the service and its modem.

Pure, stdlib only. What asks goes through; what sets, sends, deletes or restarts is told apart by
its form (ITU-T V.250 5.4: `?` reads, `=?` tests), because no list of all makers' commands is ever
complete.
"""

from __future__ import annotations

import re

_EXTENDED = "+^#$*%!_@&"
_NAME = re.compile(r"[+^#$*%!_@][A-Za-z][A-Za-z0-9_]*|&[A-Za-z]|[A-Za-z]")
# Commands that tell something where they stand alone.
_TELL = frozenset(
    """
    I +CGMI +CGMM +CGMR +CGSN +GMI +GMM +GMR +GSN +GCAP +CIMI +CCID +ICCID +QCCID ^ICCID #CCID
    +CNUM +CLAC +CPAS +CSQ +CESQ +CIND +CPINR +CPINC +SPIC ^SPIC #PCT +UPINCNT +QCSQ +QNWINFO
    ^HCSQ ^SYSINFO ^SYSINFOEX ^VERSION +CPSI +CBC +QENG +NWINFO
    """.split()  # noqa: SIM905 - a block is easier to read than thirty quoted names
)
# Commands that bring a prompt, for a text that nobody could type here.
_WANT_TEXT = frozenset({"+CMGS", "+CMGW", "+CMGC"})
# Commands whose `=…` asks.
_ASK_BY_SETTING = frozenset({"+CPINR", "+CMGR", "+CGSN"})
# Questions that take the modem off the air, or hang some: AT+COPS=? blocks for minutes.
_SLOW = frozenset({("+COPS", "=?"), ("+CSIM", "=?"), ("^RESET", "=?")})


def commands(line: str) -> list[tuple[str, str]]:
    """(name, what follows it) of each command of a line, names in upper case.

    `ATE0Z` are two, `AT+CSQ;+CFUN=1,1` too; what stands in quotes separates nothing.
    """
    rest = line.strip()[2:]
    found: list[tuple[str, str]] = []
    while rest:
        if rest[0] in "; ":
            rest = rest[1:]
            continue
        name = _NAME.match(rest)
        if name is None:
            found.append(("?", rest))
            break
        begins = name[0].upper()
        end = _end(begins, rest, name.end())
        found.append((begins, rest[name.end() : end].strip()))
        rest = rest[end:]
    return found


def _end(name: str, rest: str, at: int) -> int:
    """Where the command that begins `rest` ends."""
    if name == "D":
        return len(rest)  # what is dialled goes to the end of the line
    if name[0] in _EXTENDED and name[0] != "&":
        quoted = False
        for place in range(at, len(rest)):
            quoted ^= rest[place] == '"'
            if rest[place] == ";" and not quoted:
                return place
        return len(rest)
    while at < len(rest) and (rest[at].isdigit() or (name == "S" and rest[at] in "=?")):
        at += 1
    return at


def objection(line: str) -> str | None:
    """Why the service would rather not see this line typed; None for one that only asks."""
    for name, rest in commands(line):
        if name == "?":
            return f"AT{rest} is no command that can be read here"
        shown = f"AT{name}"
        if (name, rest) in _SLOW:
            return f"{shown}{rest} keeps the modem busy for minutes"
        if rest in ("?", "=?") or (name == "S" and re.fullmatch(r"\d+\?", rest)):
            continue
        if rest.startswith("=") and name in _ASK_BY_SETTING:
            continue
        if name in _TELL and (not rest or rest.isdigit()):
            continue
        return f"{shown} changes, sends or deletes something that the service has to know of"
    return None


def ussd_head(code: str) -> str:
    """A USSD code for logs: behind its service code may stand a PIN, a number, a voucher."""
    found = re.match(r"[*#]+\d{0,3}", code)
    head = found[0] if found else ""
    return code if len(code) <= len(head) + 1 else f"{head}…"


def wants_text(line: str) -> bool:
    """True for a line that would be answered by a prompt: no force helps that."""
    return any(
        name in _WANT_TEXT and rest.startswith("=") and rest != "=?"
        for name, rest in commands(line)
    )


def command_head(line: str) -> str:
    """The names in a line, for logs: what is set may be a PIN or a number."""
    return ";".join(name + ("=" if rest.startswith("=") else "") for name, rest in commands(line))
