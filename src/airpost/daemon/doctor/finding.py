"""What a check has found: how grave, of what, in words for people, and the line that mends it.

Stdlib only. A check is a pure function from facts to findings; nothing here looks or changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any


class Severity(Enum):
    """How grave; the order is that of the report."""

    ERROR = "error"  # messages do not go out or come in, or will not soon
    WARNING = "warning"  # they may not
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """`text` into the file at `path`; made with its folder where it is not there."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The device at `path` readable and writable for `group`."""

    path: Path
    group: str
    gid: int


Mend = Write | Share
"""A change that `--fix` may make: it can be taken back, and no modem notices it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`check` names the kind, `subject` whom it is about; `fix` is a line to paste, None for none.

    `mend` is the same for `--fix`, where it is safe; `mended` what became of it.
    """

    check: str
    severity: Severity
    subject: str
    what: str
    fix: str | None = None
    mend: Mend | None = None
    mended: str | None = None

    def after(self, mended: str) -> Finding:
        """The finding after its mend was tried."""
        return replace(self, mended=mended)


def error(check: str, subject: str, what: str, fix: str | None = None) -> Finding:
    """A finding of severity error."""
    return Finding(check=check, severity=Severity.ERROR, subject=subject, what=what, fix=fix)


def warning(check: str, subject: str, what: str, fix: str | None = None) -> Finding:
    """A finding of severity warning."""
    return Finding(check=check, severity=Severity.WARNING, subject=subject, what=what, fix=fix)


def note(check: str, subject: str, what: str) -> Finding:
    """A finding of severity note."""
    return Finding(check=check, severity=Severity.NOTE, subject=subject, what=what)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The gravest first, else as found."""
    ranks = list(Severity)
    return tuple(sorted(findings, key=lambda each: ranks.index(each.severity)))


def finding_json(finding: Finding) -> dict[str, Any]:
    """The finding for `--json` and the support archive."""
    return {
        "check": finding.check,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "what": finding.what,
        "fix": finding.fix,
        "fixed": finding.mended,
    }
