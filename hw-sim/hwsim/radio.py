"""The modem's side of the air: registration, sending with TP-MR, receiving by the +CNMI routes.

May import airpost.codec.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu
from airpost.codec.tpdu import Deliver, Direction, Submit, parse_tpdu
from hwsim import textmode
from hwsim.card import Slot, SlotState, Store
from hwsim.grammar import Refused
from hwsim.subscriber import Delivery, Done

if TYPE_CHECKING:
    from hwsim.modem import SimModem

ACK_S = 15.0  # without AT+CNMA the network resends (TS 24.011 timer TR1M is 35 to 45 s)
LINK_S = 5.0  # the pause that +CMMS bridges: 1 to 5 s
URC_BUFFER = 20  # what +CNMI mode 0 keeps
REGISTERED = (1, 5, 6, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that goes straight to the host; `again` receives it anew, `done` tells the SMSC."""

    lines: tuple[str, ...]
    tpdu: bytes
    again: Callable[[bytes, Done], None]
    done: Done


class Radio:
    """One modem on the air; a Subscriber of the network."""

    def __init__(self, modem: SimModem) -> None:
        self.refusal: int | None = None
        self.air_s: float | None = None  # of this modem alone; None: as the network says
        self.last_mr = -1
        self.unacknowledged: Waiting | None = None
        self._modem = modem
        self._queue: deque[Waiting] = deque()
        self._held_urcs: deque[tuple[str, ...]] = deque(maxlen=URC_BUFFER)
        self._full_told = False
        self._arrivals: deque[float] = deque(maxlen=URC_BUFFER)
        self._ack_round = 0
        self._link_round = 0

    @property
    def number(self) -> str:
        """The card's number."""
        return self._modem.card.number

    @property
    def stat(self) -> int:
        """`<stat>` of +CREG."""
        modem = self._modem
        if not modem.running or modem.settings.cfun != 1 or modem.sim_status() != "READY":
            return 0
        fault = modem.faults.get("not_registered")
        return 1 if fault is None else int(fault.number("stat"))

    @property
    def reachable(self) -> bool:
        """Registered, and no host-side restart under way."""
        return self.stat in REGISTERED

    def restart(self) -> None:
        """After power was off: references begin again, unacknowledged messages come back."""
        self.last_mr = -1
        self._ack_round += 1
        waiting = [*([self.unacknowledged] if self.unacknowledged else []), *self._queue]
        self.unacknowledged = None
        self._queue.clear()
        self._held_urcs.clear()
        for each in waiting:
            each.done(Delivery.REFUSED)

    # Sending

    def check_sendable(self) -> None:
        """Refused when nothing can be sent now."""
        self._modem.check_card("CMS")
        if self.stat not in REGISTERED:
            raise Refused("CMS", 331)

    @property
    def smsc(self) -> str:
        """The address that +CSCA holds; "" when it was lost."""
        return "" if self._modem.faults.get("smsc_lost") else self._modem.card.smsc

    def send(self, submit: Submit, done: Callable[[int | Refused | None], None]) -> None:
        """Put `submit` on the air; `done` gets TP-MR, a refusal, or None for "never answered".

        `done` is not called when power goes away meanwhile; then half of the messages get through.
        """
        modem = self._modem
        fault = modem.faults.take("cms_error", "+CMGS")
        if fault is not None:
            codes = [each for each in fault.words("codes").split(",") if each]
            code = modem.rng.choice(codes) if codes else fault.number("code")
            refusal = Refused("CMS", int(code))
            if fault.params["carried"]:
                modem.network.submit(self.number, self._numbered(submit))
            modem.later(fault.number("after_s"), lambda: done(refusal))
            return
        self._keep_link()
        rng = modem.rng
        drawn = modem.network.draw_air_s(rng) if self.air_s is None else self.air_s
        epoch = modem.epoch

        def over() -> None:
            if modem.epoch != epoch:
                if rng.random() < 0.5:
                    modem.network.submit(self.number, numbered)
                return
            lost = modem.faults.get("no_final", "+CMGS")
            if drawn is None and rng.random() < 0.5:
                done(None)
                return
            if lost is None or not lost.params["lost"]:
                self._submit(numbered)
            done(None if drawn is None else numbered.mr)

        numbered = self._numbered(submit)
        modem.network.later(0.0 if drawn is None else drawn, over)

    def _submit(self, numbered: Submit) -> None:
        modem = self._modem
        early = modem.faults.take("report_early")
        if early is not None and early.params["place"] == "inside":
            modem.sender.inside = modem.caught(
                lambda: modem.network.submit(self.number, numbered, early=True)
            )
        else:
            modem.network.submit(self.number, numbered, early=early is not None)

    def _keep_link(self) -> None:
        """TS 27.005 3.5.6: +CMMS 1 falls back to 0 when no further message follows in time."""
        self._link_round += 1
        mine, settings = self._link_round, self._modem.settings

        def closed() -> None:
            if mine == self._link_round and settings.cmms == 1:
                settings.cmms = 0

        self._modem.later(LINK_S, closed)

    def _numbered(self, submit: Submit) -> Submit:
        same = self._modem.faults.take("mr_repeats")
        self.last_mr = (self.last_mr + 1 if same is None else int(same.number("mr"))) % 256
        return replace(submit, mr=self.last_mr)

    # Receiving

    def arrange(self, parts: int) -> Sequence[int]:
        """The order in which the parts of a message, counted from 1, come here."""
        order = list(range(1, parts + 1))
        fault = self._modem.faults.take("parts_shuffled") if parts > 1 else None
        if fault is None:
            return order
        rng, form = self._modem.rng, fault.words("form")
        at = rng.randrange(parts)
        if form == "missing":
            del order[at]
        elif form == "duplicate":
            order.insert(rng.randrange(parts + 1), order[at])
        else:
            order = order[1:] + order[:1]
        return order

    def take_message(self, tpdu: bytes, done: Done) -> None:
        """Receive a DELIVER by the route that +CNMI says."""
        twice = self._modem.faults.take("message_twice") is not None
        self._take_message(tpdu, done)
        if twice:
            self._take_message(tpdu, lambda _how: None)

    def _take_message(self, tpdu: bytes, done: Done) -> None:
        route = self._modem.settings.cnmi[1]
        deliver = parse_tpdu(tpdu, Direction.MT)
        display = deliver.coding.cls if isinstance(deliver, Deliver) else None
        if (route == 2 and display != 2) or (route == 3 and display == 3):
            self._direct("+CMT: ", ",", tpdu, self._take_message, done)
            return
        faults = self._modem.faults
        nowhere = faults.take("cmti_nowhere")
        if nowhere is not None and not nowhere.params["stored"]:
            self.urc("+CMTI: ,-1")
            done(Delivery.TAKEN)
            return
        # Class 2 is the card's (TS 23.038 4).
        memory = "SM" if display == 2 else self._modem.settings.mems[2]
        elsewhere = self._elsewhere(memory) if faults.take("announced_elsewhere") else memory
        index = self._store(self._modem.store(elsewhere), tpdu, report=False)
        if index is None:
            self._tell_full()
            done(Delivery.REFUSED)
            return
        self._full_told = False
        self._arrivals.append(self._modem.now_s)
        if elsewhere != memory:
            index = self._modem.store(memory).free or index
        if route:
            self.urc("+CMTI: ,-1" if nowhere is not None else f'+CMTI: "{memory}",{index}')
        done(Delivery.TAKEN)

    def _elsewhere(self, memory: str) -> str:
        """A memory that is not `memory`, where there is one."""
        others = [each for each in ("SM", "ME") if each != memory and self._modem.store(each).size]
        return others[0] if others else memory

    def arrived_within(self, last_s: float) -> int:
        """Messages stored in the last so many seconds."""
        now_s = self._modem.now_s
        return sum(now_s - at_s < last_s for at_s in self._arrivals)

    def fill(self) -> None:
        """Fill the memory for new messages with read ones, and say so as the modem does."""
        store = self._modem.store(self._modem.settings.mems[2])
        number = 0
        while not store.full:
            number += 1
            deliver = Deliver(
                oa=Address.from_number("+4917098"), dcs=4, ud=f"old {number}".encode(),
                udl=len(f"old {number}"), scts=self._modem.network.stamp(),
            )  # fmt: skip
            pdu, length = self._hexadecimal(deliver.build())
            store.add(Slot(pdu=pdu, length=length, state=SlotState.READ))
        self._tell_full()

    def take_report(self, tpdu: bytes, done: Done) -> None:
        """Receive a STATUS-REPORT by the route that +CNMI says."""
        route = self._modem.settings.cnmi[3]
        if route == 1:
            self._direct("+CDS: ", self._modem.personality.cds_lead, tpdu, self.take_report, done)
            return
        if route == 2:
            personality = self._modem.personality
            index = self._store(self._modem.store(personality.report_store), tpdu, report=True)
            if index is None:
                done(Delivery.REFUSED)
                return
            wrong = self._modem.faults.take("report_elsewhere")
            said = personality.report_announced if wrong is None else wrong.words("announced")
            self.urc(f'+CDSI: "{said}",{index}')
        done(Delivery.TAKEN)

    def _hexadecimal(self, tpdu: bytes) -> tuple[str, int]:
        smsc = self._modem.card.smsc
        return build_pdu(tpdu, Address.from_number(smsc) if smsc else None)

    def _store(self, store: Store, tpdu: bytes, *, report: bool) -> int | None:
        if self._modem.faults.get("store_full"):
            return None
        pdu, length = self._hexadecimal(tpdu)
        return store.add(Slot(pdu=pdu, length=length, report=report))

    def _tell_full(self) -> None:
        if self._modem.personality.full_line and not self._full_told:
            self._modem.urc(self._modem.personality.full_line)
        self._full_told = True

    def _direct(
        self, prefix: str, lead: str, tpdu: bytes, again: Callable[[bytes, Done], None], done: Done
    ) -> None:
        if self._modem.settings.cmgf:
            header, *more = textmode.arrived(self._modem, tpdu)
        else:
            pdu, length = self._hexadecimal(tpdu)
            header, more = f"{lead}{length}", [pdu]
        lines = (f"{prefix}{header}", *more)
        if not self._modem.settings.phase2plus:
            self.urc(*lines)
            done(Delivery.TAKEN)
            return
        self._queue.append(Waiting(lines=lines, tpdu=tpdu, again=again, done=done))
        self._next_direct()

    def _next_direct(self) -> None:
        if self.unacknowledged is not None or not self._queue:
            return
        self.unacknowledged = waiting = self._queue.popleft()
        self._ack_round += 1
        mine = self._ack_round
        self.urc(*waiting.lines)
        self._modem.later(ACK_S, lambda: self._unanswered(mine))

    def _unanswered(self, round_: int) -> None:
        """TS 27.005 3.4.1: without an acknowledgement routing to the host is switched off."""
        if round_ != self._ack_round or self.unacknowledged is None:
            return
        self._modem.settings.cnmi[1] = self._modem.settings.cnmi[3] = 0
        waiting = [self.unacknowledged, *self._queue]
        self.unacknowledged = None
        self._queue.clear()
        for each in waiting:
            each.again(each.tpdu, each.done)

    def acknowledge(self, how: Delivery) -> None:
        """AT+CNMA for what is `unacknowledged`; the next message follows at once."""
        waiting = self.unacknowledged
        if waiting is None:
            return
        self.unacknowledged = None
        self._ack_round += 1
        waiting.done(how)
        self._next_direct()

    def urc(self, *lines: str) -> None:
        """A +CNMI line; kept back in mode 0."""
        if self._modem.settings.cnmi[0] == 0:
            self._held_urcs.append(lines)
        else:
            self._modem.urc(*lines)

    def mode_changed(self) -> None:
        """After AT+CNMI: what mode 0 kept is told (bfr 0) or dropped (bfr 1)."""
        if self._modem.settings.cnmi[0] == 0:
            return
        held = list(self._held_urcs)
        self._held_urcs.clear()
        if self._modem.settings.cnmi[4] == 0:
            for lines in held:
                self._modem.urc(*lines)
