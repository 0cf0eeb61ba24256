"""Before a message is accepted: its number, its route, and whether it may go there.

May import L0. What protects the bill is decided here, in the moment of the request, so that the
caller is told the field and the setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airpost.codec.address import dialable
from airpost.errors import CodecError, InvalidRequest
from airpost.model import MessageClass
from airpost.numbering import Numbering, Recipient
from airpost.routes import DEFAULT_ROUTE, Asked, Guards, Route, RouteTable, guarded
from airpost.services.http.credentials import Caller

ANY_MODEM = Route(name="of the modem asked for")


@dataclass(slots=True, kw_only=True)
class Admitted:
    """A number as it will be dialled, and the route; None: the simple one."""

    to: str
    route: str | None
    carrier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the configuration says about numbers and routes.

    `labels` are routes that modems of the configuration name, whether they are plugged in or not.
    """

    numbering: Numbering = field(default_factory=Numbering)
    table: RouteTable = field(default_factory=RouteTable)
    guards: Guards = field(default_factory=Guards)
    labels: frozenset[str] = frozenset({DEFAULT_ROUTE})

    def number(self, name: str, given: str) -> str:
        """A number as it is dialled; InvalidRequest that names the field."""
        return self._read(name, given).number

    def _read(self, name: str, given: str) -> Recipient:
        try:
            return self.numbering.read(dialable(given))
        except CodecError as error:
            raise InvalidRequest(name, error.message, "number-not-dialable") from None

    def describes(self, route: str) -> bool:
        """True for a route with a section of its own."""
        return any(each.name == route for each in self.table.routes)

    @property
    def routes(self) -> frozenset[str]:
        """All routes that the configuration names."""
        return self.labels.union(each.name for each in self.table.routes)

    def admit(
        self,
        to: str,
        class_: MessageClass,
        tags: tuple[str, ...],
        caller: Caller,
        *,
        route: str | None = None,
        modem: str | None = None,
    ) -> Admitted:
        """The number and the route of a message; InvalidRequest where it may not go."""
        _check_key(caller, class_, route, modem)
        recipient = self._read("to", to)
        described = ANY_MODEM
        if modem is None:
            asked = Asked(recipient=recipient, class_=class_, tags=tags, key=caller.key_name)
            found = self._found(asked, caller.routes) if route is None else None
            described = found or self.table.named(route)
            route = route if found is None else found.name
        against = guarded(self.guards, recipient, described, caller.countries)
        if against is not None:
            raise InvalidRequest("to", against.words, against.kind, against.setting)
        return Admitted(to=recipient.number, route=route, carrier=recipient.carrier)

    def _found(self, asked: Asked, routes: tuple[str, ...] | None) -> Route | None:
        """The route of a message that names none: what it meets, or else the key's first."""
        found = self.table.match(asked)
        if routes is None or (found is not None and found.name in routes):
            return found
        return self.table.named(routes[0])


def _check_key(caller: Caller, class_: MessageClass, route: str | None, modem: str | None) -> None:
    """InvalidRequest for what the caller's key may not ask for."""
    if caller.classes is not None and class_.value not in caller.classes:
        words = f"of this key is {' or '.join(caller.classes)}"
        raise InvalidRequest("class", words, "class-not-allowed")
    if caller.routes is None:
        return
    words = f"of this key is {' or '.join(caller.routes)}"
    if modem is not None:
        raise InvalidRequest(
            "modem", f"cannot be asked for: the route {words}", "route-not-allowed"
        )
    if route is not None and route not in caller.routes:
        raise InvalidRequest("route", words, "route-not-allowed")
