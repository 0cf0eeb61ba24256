"""The audit log as a chain of rows, each of which seals all before it, and how one is verified.

L0: stdlib and clock. The hash of a row is the SHA-256 of the one before in hex (64 zeros before the
first), a line feed, and the row as JSON without its hash: keys in order, no space. So whoever has
the rows can verify them without airpost: docs/SECURITY.md shows it with jq and sha256sum.

An anchor is the number and the hash of the newest row, kept where the log is not. A chain that was
written anew from somewhere on, or that ends too early, contradicts the first anchor behind that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from airpost.clock import SECOND_US, Instant, rfc3339

Value = str | int | bool | None
MAX_TEXT = 200  # characters of one value: none is content
MAX_DETAILS = 16
DONE = "done"
BEGUN = "begun"  # a row before what cannot be in its commit; another one tells how it ended
INTERRUPTED = "interrupted"  # result not known: airpost was ended in it
PRUNED = "audit.prune"  # its detail tells where the chain begins after it
GENESIS = bytes(32)
MAX_FAULTS = 20  # told; one break is enough to doubt all that follows
_ANCHOR = re.compile(r"audit\.anchor n=(\d{1,18}) hash=([0-9a-f]{64})")
_MS_US = SECOND_US // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded: who did what to what, when, from where, and what came of it.

    `count` tells how many of the same kind it stands for, `ends` which row that is begun it ends:
    its detail then names it.
    """

    at: Instant
    action: str
    actor: str
    origin: str = ""
    subject: str = ""
    result: str = DONE
    count: int = 1
    detail: Mapping[str, Value] = field(default_factory=dict)
    ends: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry in its place. `detail` is JSON text, `at_ms` milliseconds since 1970."""

    n: int
    at_ms: int
    action: str
    actor: str
    origin: str
    subject: str
    result: str
    count: int
    detail: str
    hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest row of a log at some time; `n` 0 of an empty one."""

    n: int = 0
    hash: bytes = GENESIS

    def __str__(self) -> str:
        return f"audit.anchor n={self.n} hash={self.hash.hex()}"


def sealed(entry: Entry, before: Anchor) -> Row:
    """The row of an entry behind `before`."""
    some = list(entry.detail.items())[:MAX_DETAILS]
    detail = {_plain(name): _plain(value) if isinstance(value, str) else value
              for name, value in some}  # fmt: skip
    if entry.ends is not None:
        detail[BEGUN] = entry.ends
    row = Row(
        n=before.n + 1,
        at_ms=entry.at // _MS_US,
        action=_plain(entry.action),
        actor=_plain(entry.actor),
        origin=_plain(entry.origin),
        subject=_plain(entry.subject),
        result=_plain(entry.result),
        count=entry.count,
        detail=_json(detail),
    )
    return replace(row, hash=digest(row, before.hash))


def _plain(text: str) -> str:
    """Short, on one line, and the same in every JSON writer."""
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text[:MAX_TEXT])
    return shown if len(text) <= MAX_TEXT else shown[:-1] + "…"


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(row: Row, before: bytes) -> bytes:
    """The hash a row must have behind the hash `before`."""
    # Written out, so that `detail` counts as it is stored: not what a reader of JSON makes of it.
    text = (
        f'{{"action":{_json(row.action)},"actor":{_json(row.actor)},"at":"{_at(row.at_ms)}",'
        f'"count":{row.count},"detail":{row.detail},"n":{row.n},"origin":{_json(row.origin)},'
        f'"result":{_json(row.result)},"subject":{_json(row.subject)}}}'
    )
    octets = f"{before.hex()}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(octets).digest()


def _at(at_ms: int) -> str:
    try:
        return rfc3339(Instant(at_ms * _MS_US))
    except (ValueError, OverflowError):
        return str(at_ms)  # no time at all: whoever wrote it was not airpost


def row_json(row: Row) -> dict[str, object]:
    """The row as it is shown, with its hash."""
    return {
        "n": row.n,
        "at": _at(row.at_ms),
        "actor": row.actor,
        "origin": row.origin,
        "action": row.action,
        "subject": row.subject,
        "result": row.result,
        "count": row.count,
        "detail": _read_detail(row.detail),
        "hash": row.hash.hex(),
    }


def _read_detail(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {"unreadable": text}  # airpost has not written that


def row_of(shown: Mapping[str, object], read_time: Callable[[str], Instant]) -> Row:
    """The row of what `row_json` has given; ValueError where it is none."""
    try:
        return Row(
            n=_int(shown["n"]),
            at_ms=read_time(str(shown["at"])) // _MS_US,
            action=str(shown["action"]),
            actor=str(shown["actor"]),
            origin=str(shown["origin"]),
            subject=str(shown["subject"]),
            result=str(shown["result"]),
            count=_int(shown["count"]),
            detail=_json(shown["detail"]),
            hash=bytes.fromhex(str(shown["hash"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a row is not whole: {error}") from None


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value


def anchors_in(lines: Iterable[str]) -> list[Anchor]:
    """The anchors in lines of a log, of whatever form; other lines are passed over."""
    return [
        Anchor(int(n), bytes.fromhex(hash_)) for line in lines for n, hash_ in _ANCHOR.findall(line)
    ]


# -- verifying -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of it. `faults` is empty where all is well; `anchored` the highest anchor met.

    `begins` is the first row that is kept; what was before it went as a row of the log tells.
    """

    rows: int
    begins: int
    head: Anchor
    anchored: int
    anchors: int  # that were compared
    faults: tuple[str, ...]


def verify(rows: Iterable[Row], anchors: Iterable[Anchor] = ()) -> Verified:
    """Look through a chain, oldest row first; see `Verified`."""
    chain = _Chain(anchors)
    for row in rows:
        chain.follow(row)
    return chain.ended()


class _Chain:
    """What is known of a chain so far."""

    def __init__(self, anchors: Iterable[Anchor]) -> None:
        self._told: dict[int, set[bytes]] = {0: {GENESIS}}
        for anchor in anchors:
            self._told.setdefault(anchor.n, set()).add(anchor.hash)
        self._faults: list[str] = []
        self._first: Row | None = None
        self._count = 0
        self._head = Anchor()
        self._met = self._compared = 0
        self._pruned: dict[int, bytes] = {}  # the last row that went, as rows of the log tell

    def follow(self, row: Row) -> None:
        """The next row."""
        if self._first is None:
            self._first = row
        if self._count or row.n == 1:
            if row.n != self._head.n + 1:
                self._fault(f"row {row.n} stands behind row {self._head.n}")
            if row.hash != digest(row, self._head.hash):
                self._fault(f"row {row.n} was changed, or what is before it")
        self._count += 1
        self._head = Anchor(row.n, row.hash)
        if row.action == PRUNED:
            self._note_pruned(row)
        self._compare(row.n, row.hash)

    def ended(self) -> Verified:
        """There are no more."""
        begins = 1
        if self._first is not None and self._first.n != 1:
            begins = self._first.n  # what it follows, a row behind it tells
            self._check_beginning(self._first)
        self._compare(0, GENESIS)
        late = [n for n in self._told if n > self._head.n]
        if late:
            self._fault(f"the log ends at row {self._head.n}, and row {max(late)} was anchored: "
                        "it was cut")  # fmt: skip
        return Verified(
            rows=self._count,
            begins=begins,
            head=self._head,
            anchored=self._met,
            anchors=self._compared,
            faults=tuple(self._faults),
        )

    def _fault(self, words: str) -> None:
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(words)

    def _compare(self, n: int, found: bytes) -> None:
        those = self._told.pop(n, None)
        if those is None:
            return
        if those != {found}:
            self._fault(f"row {n} is not the one that was anchored")
        if n:
            self._compared += len(those)
            self._met = max(self._met, n)

    def _note_pruned(self, row: Row) -> None:
        try:
            detail = json.loads(row.detail)
            self._pruned[_int(detail["until"])] = bytes.fromhex(detail["hash"])
        except (ValueError, KeyError, TypeError):
            pass  # then nothing vouches for what is missing

    def _check_beginning(self, first: Row) -> None:
        before = self._pruned.get(first.n - 1)
        if before is None:
            self._fault(f"the log begins at row {first.n}, and nothing in it tells of the rest")
            return
        if first.hash != digest(first, before):
            self._fault(f"row {first.n} was changed, or does not follow what was before it")
        self._compare(first.n - 1, before)
