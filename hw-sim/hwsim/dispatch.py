"""A command and what it is answered: personality, state of the card and faults before the handlers.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwsim import general, messaging
from hwsim.faults import Faults
from hwsim.grammar import Answer, Command, Op, Refused, said

if TYPE_CHECKING:
    from hwsim.modem import SimModem

BEFORE_PIN = ("+CPIN", "+CFUN", "+CMEE")

Handler = Callable[["SimModem", Command], Answer]
HANDLERS: dict[str, Handler] = {**general.HANDLERS, **messaging.HANDLERS}


def answered(modem: SimModem, command: Command, faults: Faults) -> Answer:
    """What `command` is answered; Refused for an error. `faults` are those of the port."""
    _check_faults(modem, command, faults)
    _check_ready(modem, command.name)
    personality, text = modem.personality, command.text.upper()
    if text in personality.resets:
        return Answer(then=lambda: modem.reset(f"AT{text}"))
    if text in personality.power_offs:
        return Answer(then=modem.power.off)
    error = personality.refused.get(text, personality.refused.get(command.name))
    if error is not None:
        raise Refused.parse(error)
    lines = personality.commands.get(text, personality.commands.get(command.name))
    if lines is not None:
        if command.op is Op.SET:
            modem.settings.s[command.name] = command.word(0)
        asked = command.op is Op.TEST and text not in personality.commands
        return said(*([] if asked else modem.filled(lines)))
    handler = HANDLERS.get(command.name)
    if handler is None:
        raise Refused.parse(personality.unknown)
    return handler(modem, command)


def _check_faults(modem: SimModem, command: Command, faults: Faults) -> None:
    name = command.name
    fault = faults.take("cme_error", name)
    if fault is not None:
        raise Refused("CME", int(fault.number("code")))
    fault = faults.take("command_error", name)
    if fault is not None:
        raise Refused.parse(fault.words("error"))
    fault = faults.get("error_at_start", name)
    if fault is not None and not name[0].isalpha():
        began_s = max(fault.since_s, modem.power.started_s)
        early = modem.now_s - began_s <= fault.number("window_s")
        if early and faults.take("error_at_start", name) is not None:
            raise Refused.parse(fault.words("error"))


def _check_ready(modem: SimModem, name: str) -> None:
    """Refused while the card wants its PIN or has just got it, as the personality has it."""
    personality = modem.personality
    if personality.pin_first and name[:1] == "+" and name not in BEFORE_PIN:
        modem.check_card("CME", only=("SIM PIN", "SIM PUK"))
    touched = name in messaging.HANDLERS or (personality.settling_all and name != "+CPIN")
    if modem.waking and personality.settling and touched:
        raise Refused.parse(personality.settling)
