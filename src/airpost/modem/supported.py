"""What is supported, out of the profiles: rows for programs, and the whole of docs/SUPPORTED.md.

May import profile and profiles. Pure. It claims nothing that no profile says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airpost.modem.profile import Evidence, Match, Profile, Role, Rung
from airpost.modem.profiles import Profiles

UNPROVEN = "not proven on hardware: "
# What takes a modem away for a while; the rungs below do no more than open it anew.
RUNGS = {
    Rung.RESET: "reset by command",
    Rung.USB: "USB off and on",
    Rung.HUB_POWER: "hub power",
}
HEAD = """\
# Supported modems

This page is written by `airpost modems --supported --markdown`; the facts stand in
`src/airpost/modem/profiles`. A modem of no family here is served by the generic profile.

Evidence is `hardware` where a transcript of a real modem is kept with the project, `public record`
where logs, tests or tables that others have published say so, and `simulated` where nothing but our
own simulator does. No family has been proven on hardware yet: what its profile says is what others
have seen.

## Families
"""
PORTS = """
## Ports

The numbers are those of the USB interfaces, in hexadecimal digits. Every port is asked before it is
used; a port that is not listed is found by asking alone.
"""
MODES = """
## Devices that are no modem, or not yet
"""
SOURCES = """
## Where it is written

Names that end in eight hexadecimal digits are records of a corpus of AT dialogues; the others are
public projects, discussions and manuals.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """One family as people see it; `ports` are (USB ids, roles)."""

    name: str
    title: str
    models: tuple[str, ...]
    ids: tuple[str, ...]
    ports: tuple[tuple[str, str], ...]
    evidence: str
    sources: tuple[str, ...]
    never: tuple[str, ...]
    not_proven: tuple[str, ...]


def supported(profiles: Iterable[Profile]) -> list[Supported]:
    """A row for each profile, by name, the generic one first."""
    rows = [_row(each) for each in profiles]
    return [*rows[:1], *sorted(rows[1:], key=lambda row: row.name)]


def _row(profile: Profile) -> Supported:
    never = tuple(words for rung, words in RUNGS.items() if not profile.safe[rung])
    rungs = ", ".join(words for rung, words in RUNGS.items() if profile.safe[rung])
    seen = profile.evidence is Evidence.HARDWARE or not rungs
    return Supported(
        name=profile.name,
        title=profile.title,
        models=profile.models,
        ids=tuple(_ids(profile.match)),
        ports=tuple(_ports(profile)),
        evidence=profile.evidence.value,
        sources=profile.sources,
        never=never,
        not_proven=(*profile.unproven, *(() if seen else (f"{UNPROVEN}{rungs}",))),
    )


def _ids(rules: Iterable[Match]) -> Iterator[str]:
    for rule in rules:
        if rule.vid is not None and not rule.model:
            yield f"{rule.vid}:{' '.join(sorted(rule.pids)) or '*'}"
        elif rule.model:
            yield f"called {', '.join(rule.model)}"
        else:
            yield f"made by {', '.join(rule.manufacturer)}"


def _ports(profile: Profile) -> Iterator[tuple[str, str]]:
    """Ids that share a layout are told together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for (vid, pid), roles in profile.ports.items():
        numbers = {f"{number:02x}" if number is not None else "others": role
                   for number, role in roles.items()}  # fmt: skip
        groups.setdefault((vid, _told(numbers)), []).append(pid)
    for (vid, told), pids in groups.items():
        yield f"{vid}:{' '.join(sorted(pids))}", told
    for vid, classes in profile.classes.items():
        yield f"{vid}:*", _told({f"class ff/{sub:02x}/{proto:02x}": role
                                 for (sub, proto), role in classes.items()})  # fmt: skip


def _told(roles: Mapping[str, Role]) -> str:
    parts = []
    for role in Role:
        numbers = [number for number, each in roles.items() if each is role]
        if numbers:
            parts.append(f"{role.value} {' '.join(numbers)}")
    return ", ".join(parts)


def markdown(profiles: Profiles) -> str:
    """docs/SUPPORTED.md."""
    rows = supported(profiles)
    families = _table(
        ("family", "models", "known by", "evidence", "never done", "not proven"),
        (
            (f"{row.title} (`{row.name}`)", ", ".join(row.models), _codes(row.ids), row.evidence,
             ", ".join(row.never), "; ".join(row.not_proven))
            for row in rows
        ),
    )  # fmt: skip
    ports = _table(
        ("family", "USB ids", "ports"),
        ((f"`{row.name}`", _codes((ids,)), told) for row in rows for ids, told in row.ports),
    )
    modes = _table(
        ("what it is", "USB ids", "what to do"),
        ((rule.mode.value, _codes(_grouped(rule.ids)), rule.remedy) for rule in profiles.modes),
    )
    sources = "".join(f"- `{row.name}`: {', '.join(row.sources)}\n" for row in rows)
    return f"{HEAD}\n{families}{PORTS}\n{ports}{MODES}\n{modes}{SOURCES}\n{sources}"


def _grouped(ids: Iterable[tuple[str, str]]) -> Iterator[str]:
    by_vid: dict[str, list[str]] = {}
    for vid, pid in sorted(ids):
        by_vid.setdefault(vid, []).append(pid)
    return (f"{vid}:{' '.join(pids)}" for vid, pids in by_vid.items())


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in texts)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    # A bar would end the cell.
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
