"""The changes `--fix` makes: one file written, or one device given to a group. Nothing else.

Stdlib. Only what a finding offers is done; what came of it is said in the finding.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from airpost.daemon.doctor.finding import Finding, Mend, Share, Write

FILE_MODE = 0o644


def mended(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with what can be mended tried."""
    return tuple(each if each.mend is None else each.after(_tried(each.mend)) for each in findings)


def _tried(mend: Mend) -> str:
    try:
        return _write(mend) if isinstance(mend, Write) else _share(mend)
    except OSError as error:
        return f"not done: {error.strerror or error}"


def _write(mend: Write) -> str:
    created = not mend.path.exists()
    if created:
        mend.path.parent.mkdir(parents=True, exist_ok=True)
    mend.path.write_text(mend.text, encoding="utf-8")
    if created:
        mend.path.chmod(FILE_MODE)
    return f"done: {mend.path} written"


def _share(mend: Share) -> str:
    found = mend.path.stat()
    if not stat.S_ISCHR(found.st_mode):
        return "not done: it is no device"
    os.chown(mend.path, -1, mend.gid)
    mend.path.chmod(stat.S_IMODE(found.st_mode) | stat.S_IRGRP | stat.S_IWGRP)
    return f"done: group {mend.group} may use {Path(mend.path).name}"
