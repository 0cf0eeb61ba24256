"""One USSD dialogue (TS 22.090): a code goes out, the network's words come back as +CUSD.

May import at, codec, L0, profile and session. The answer may come before or after the OK, and not
alone.
"""

from __future__ import annotations

import asyncio

from airpost.at import command as at
from airpost.at.command import Command
from airpost.at.events import Urc
from airpost.at.grammar import ucs2_text
from airpost.at.replies import Ussd, ussd
from airpost.codec.alphabets import gsm7
from airpost.codec.septets import pack_ussd, unpack_ussd
from airpost.codec.ucs2 import decode as decode_ucs2
from airpost.errors import (
    CodecError,
    CommandFailed,
    CommandTimeout,
    LocalProtocolError,
    ModemError,
    PortError,
)
from airpost.modem.profile import UssdCoding
from airpost.modem.session import Session

ANSWER_S = 60.0  # networks take their time; a minute is what handsets wait
BETTER_S = 3.0  # after a line that says little: some modems send two (`modems.md` fault 66)
DONE, WANTS_REPLY, UNSUPPORTED, NO_ANSWER, LOST = 0, 1, 4, 5, -1
_WHY = {
    3: "another program's session took it",
    UNSUPPORTED: "the network does not support this code",
    NO_ANSWER: "the network did not answer",
    LOST: "the modem went away",
}


class UssdDialogue:
    """One at a time. `take()` is told of every +CUSD. `coding` is the form that is tried first."""

    def __init__(self, session: Session, coding: UssdCoding = UssdCoding.PLAIN) -> None:
        self._session = session
        self._coding = coding
        self._answer: asyncio.Future[Ussd] | None = None
        self._poor: Ussd | None = None  # taken if nothing better comes

    def take(self, urc: Urc) -> None:
        """A +CUSD line; of several the first with words of the network is the answer."""
        said = ussd(urc.line)
        waiting = self._answer
        if said is None or waiting is None or waiting.done():
            return
        words = bool(said.text) and said.m in (DONE, WANTS_REPLY)
        if words or said.m in (UNSUPPORTED, NO_ANSWER):
            waiting.set_result(said)
            return
        if self._poor is None:
            asyncio.get_running_loop().call_later(BETTER_S, self._take_poor, waiting)
        if self._poor is None or said.text:
            self._poor = said

    def _take_poor(self, waiting: asyncio.Future[Ussd]) -> None:
        if waiting is self._answer and not waiting.done() and self._poor is not None:
            waiting.set_result(self._poor)

    def close(self) -> None:
        """The port is gone: nothing will come."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Ussd(m=LOST))

    async def run(self, code: str) -> str:
        """The network's words; ModemError when there are none."""
        if self._answer is not None:
            raise ModemError("another USSD code is under way")
        self._answer = asyncio.get_running_loop().create_future()
        self._poor = None
        try:
            packed = await self._ask(code)
            async with asyncio.timeout(ANSWER_S):
                said = await self._answer
            if said.m == WANTS_REPLY:
                await self._end()
        except TimeoutError:
            raise ModemError(f"no answer to {code} within {ANSWER_S:g} s") from None
        except PortError as error:
            raise ModemError(error.reason) from None
        finally:
            self._answer = None
        if said.m in _WHY:
            raise ModemError(_WHY[said.m])
        if not said.text:
            raise ModemError("the network ended it without a word")
        return decoded(said, packed=packed)

    async def _ask(self, code: str) -> bool:
        """True when the modem took the code as packed septets in hexadecimal (Huawei)."""
        packed = self._coding is UssdCoding.PACKED
        try:
            plain = at.ussd(code)
            await self._session.run(_packed(code) if packed else plain)
            return packed
        except (LocalProtocolError, CodecError) as error:
            raise ModemError(f"{code!r} is no USSD code: {error}") from None
        except CommandFailed:
            pass  # the other form, then: firmware of one family differs
        try:
            await self._session.run(plain if packed else _packed(code))
            return not packed
        except (CommandFailed, CommandTimeout, CodecError) as error:
            raise ModemError(f"{code} was refused: {error}") from None

    async def _end(self) -> None:
        try:
            await self._session.run(at.USSD_END)
        except (CommandFailed, CommandTimeout):
            pass  # the network ends it by itself


def _packed(code: str) -> Command:
    return at.ussd(pack_ussd(gsm7().encode(code)).hex().upper())


def decoded(said: Ussd, *, packed: bool) -> str:
    """The words of an answer: UCS-2 or packed septets in hexadecimal, or plain."""
    try:
        octets = bytes.fromhex(said.text)
    except ValueError:
        return said.text
    if said.dcs is not None and _is_ucs2(said.dcs):
        return decode_ucs2(octets)
    return gsm7().decode(unpack_ussd(octets)) if packed else ucs2_text(said.text)


def _is_ucs2(dcs: int) -> bool:
    """Cell broadcast coding of TS 23.038 5: 17 is UCS-2 with a language, 01xx10xx general."""
    general = dcs & 0xC0 == 0x40 and dcs >> 2 & 3 == 2
    return dcs == 0x11 or general
