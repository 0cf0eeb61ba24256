"""Who has come, changed and gone since the last look, once it has settled.

May import devices and profiles. Pure: sightings and the time go in, news come out. A look that was
missed or came twice makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from airpost.modem.devices import Device, Sighting, complete, devices_of, patience_s
from airpost.modem.profiles import Profiles

CHANGE_S = 0.5  # an unplugged stick loses its ports one after another before it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A device that was not there before, with all its ports."""

    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A device that stays, with other ports or in another mode than was told."""

    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A device that was told and is there no more; another one may follow under the same name."""

    usb_path: str


News = Found | Changed | Gone


@dataclass(slots=True)
class _Entry:
    seen: Sighting
    since_s: float  # of the last change
    told: dict[str, Device] = field(default_factory=dict)
    settled: bool = False


class Census:
    """What is there. `named_only`: nothing is told but what the configuration names."""

    def __init__(self, profiles: Profiles, *, named_only: bool = False) -> None:
        self._profiles = profiles
        self._named_only = named_only
        self._entries: dict[str, _Entry] = {}

    def note(self, sightings: Iterable[Sighting], now_s: float) -> list[News]:
        """Take in a complete look; what is to be told comes back in order, what has gone first."""
        seen = {each.usb_path: each for each in sightings}
        news: list[News] = []
        for name, entry in list(self._entries.items()):
            if name not in seen or seen[name].address != entry.seen.address:
                news += map(_gone, entry.told)
                del self._entries[name]
        for name, sighting in seen.items():
            entry = self._entries.setdefault(name, _Entry(seen=sighting, since_s=now_s))
            if entry.seen != sighting:
                entry.seen, entry.since_s, entry.settled = sighting, now_s, False
            if not entry.settled and self._has_settled(entry, now_s):
                entry.settled = True
                news += self._tell(entry)
        return news

    def due_s(self) -> float | None:
        """When the next device will have settled, on the clock of `note()`; None for nothing."""
        waiting = [entry.since_s + self._patience_s(entry)
                   for entry in self._entries.values() if not entry.settled]  # fmt: skip
        return min(waiting, default=None)

    def _has_settled(self, entry: _Entry, now_s: float) -> bool:
        waited = now_s >= entry.since_s + self._patience_s(entry)  # as `due_s()` has told it
        return waited or complete(entry.seen, self._profiles)

    def _patience_s(self, entry: _Entry) -> float:
        return CHANGE_S if entry.told else patience_s(entry.seen, self._profiles)

    def _tell(self, entry: _Entry) -> Iterator[News]:
        wanted = entry.seen.named or not self._named_only
        devices = devices_of(entry.seen, self._profiles) if wanted else ()
        before, entry.told = entry.told, {each.usb_path: each for each in devices}
        yield from (_gone(name) for name in before if name not in entry.told)
        for device in devices:
            if device.usb_path not in before:
                yield Found(device=device)
            elif device != before[device.usb_path]:
                yield Changed(device=device)


def _gone(usb_path: str) -> News:
    return Gone(usb_path=usb_path)
