"""Commands as values, and the catalogue with the limits of TS 27.005, TS 27.007 and the field.

Pure. `answers` are the prefixes of information lines that belong to the command; anything else that
comes meanwhile is unsolicited. Limits follow what manuals and long-lived programs wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum

from airpost.errors import LocalProtocolError


class Priority(IntEnum):
    """Which waiting command goes first; within one, first come first served."""

    ACK = 0  # +CNMA: the network waits 15 s
    URGENT = 1  # a segment of a class that people wait for
    SEND = 2
    RECEIVE = 3
    CARE = 4  # polls, signal, consoles


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command line without its CR.

    `bare`: answers come without a prefix. `continued`: lines without a prefix follow each answer
    (the PDU after +CMGR). `prompts`: the modem asks for a payload with `>`. `final_optional`: some
    modems leave the OK out; an answer line alone completes it. `read_form`: an answer line of
    registration begins with <n>, which tells it from the unsolicited line of the same prefix.
    """

    text: str
    answers: tuple[str, ...] = ()
    bare: bool = False
    continued: bool = False
    prompts: bool = False
    final_optional: bool = False
    read_form: bool = False
    timeout_s: float = 3.0
    prompt_s: float = 10.0
    priority: Priority = Priority.CARE
    secret: bool = False  # never logged: PIN

    @property
    def asks(self) -> bool:
        """True for a command whose answer is never empty."""
        return self.text.endswith("?") and not self.text.endswith("=?")


_ILLEGAL = re.compile(r"[\x00-\x1f\x7f-\uffff]")


def checked(command: Command) -> Command:
    """`command`, or LocalProtocolError when its text holds a control or non-ASCII character."""
    if _ILLEGAL.search(command.text) or not command.text:
        raise LocalProtocolError("a command is printable ASCII without line ends")
    return command


def plain(text: str, timeout_s: float = 3.0, priority: Priority = Priority.CARE) -> Command:
    """A command that has no information lines."""
    return checked(Command(text=text, timeout_s=timeout_s, priority=priority))


def query(
    text: str, *answers: str, timeout_s: float = 10.0, priority: Priority = Priority.CARE
) -> Command:
    """A command whose information lines begin with one of `answers`."""
    return checked(Command(text=text, answers=answers, timeout_s=timeout_s, priority=priority))


def words(text: str, *answers: str, timeout_s: float = 5.0) -> Command:
    """A command answered by lines of any form, with or without a prefix (identification)."""
    return checked(Command(text=text, answers=answers, bare=True, timeout_s=timeout_s))


_NAMES = re.compile(r"[+^*#$%&_][A-Z][A-Z0-9]*")
_READ_FORM = re.compile(r"AT\+C(?:G|E|5G)?REG\?")
_PROMPTS = re.compile(r"\+CMG[SWC]=[^?]")
_SECRETS = re.compile(r"\+(?:CPIN|CPINC|CPWD|CLCK)=[^?]")


def raw(text: str, timeout_s: float) -> Command:
    """A command airpost knows nothing about: of a profile, or typed by a person.

    Its answers are the lines with a name that stands in it, and lines without any. One that brings
    a prompt is refused with LocalProtocolError, for nobody would answer it; so is what is no AT.
    """
    upper = text.upper()
    if not upper.startswith("AT"):
        raise LocalProtocolError("a command begins with AT")
    if _PROMPTS.search(upper):
        raise LocalProtocolError("a message is not sent by a bare command")
    command = Command(
        text=text,
        answers=tuple(_NAMES.findall(upper)),
        bare=True,
        read_form=_READ_FORM.fullmatch(upper) is not None,
        timeout_s=timeout_s,
        secret=_SECRETS.search(upper) is not None,
    )
    return checked(command)


AT = plain("AT")
ECHO_OFF = plain("ATE0")
VERBOSE_ERRORS = plain("AT+CMEE=1")
PDU_MODE = plain("AT+CMGF=0")
MANUFACTURER = words("AT+CGMI", "+CGMI")
MODEL = words("AT+CGMM", "+CGMM", "+GMM")
REVISION = words("AT+CGMR", "+CGMR")
IMEI = words("AT+CGSN", "+CGSN")
IDENTIFICATION = words("ATI", "+GCAP")
IMSI = words("AT+CIMI", "+CIMI")
ICCID = words("AT+CCID", "+CCID", "+ICCID", "^ICCID")
ICCID_OTHERWISE = (words("AT+ICCID", "+ICCID"), words("AT^ICCID?", "^ICCID"))
OWN_NUMBER = query("AT+CNUM", "+CNUM", timeout_s=5.0)
PIN_STATE = replace(query("AT+CPIN?", "+CPIN"), final_optional=True)
PIN_TRIES = query("AT+CPINR", "+CPINR")
PIN_TRIES_OTHERWISE = (
    query("AT^CPIN?", "^CPIN"),
    query("AT+QPINC?", "+QPINC"),
    query("AT#PCT", "#PCT"),
)
FUNCTIONALITY = query("AT+CFUN?", "+CFUN")
FULL_FUNCTIONALITY = plain("AT+CFUN=1", timeout_s=10.0)
REGISTRATION = replace(query("AT+CREG?", "+CREG"), read_form=True)
EPS_REGISTRATION = replace(query("AT+CEREG?", "+CEREG"), read_form=True)
REGISTRATION_REPORTS = plain("AT+CREG=1")
SIGNAL = query("AT+CSQ", "+CSQ", timeout_s=5.0)
# While a modem looks for networks it may answer nothing about them, for three minutes at the most.
OPERATOR = query("AT+COPS?", "+COPS", timeout_s=180.0)
OPERATOR_NAMES = plain("AT+COPS=3,0", timeout_s=180.0)
SMSC = query("AT+CSCA?", "+CSCA")
INDICATIONS_OFFERED = query("AT+CNMI=?", "+CNMI")
INDICATIONS = query("AT+CNMI?", "+CNMI")
STORES_OFFERED = query("AT+CPMS=?", "+CPMS")
STORES = query("AT+CPMS?", "+CPMS", priority=Priority.RECEIVE)
PHASE_2 = query("AT+CSMS=0", "+CSMS", timeout_s=5.0)
SERVICE = query("AT+CSMS?", "+CSMS", timeout_s=5.0)
MORE_TO_SEND_OFFERED = query("AT+CMMS=?", "+CMMS", timeout_s=5.0)
MORE_TO_SEND = plain("AT+CMMS=2", timeout_s=5.0)
ACKNOWLEDGE = plain("AT+CNMA", timeout_s=10.0, priority=Priority.ACK)
LIST_ALL = replace(
    query("AT+CMGL=4", "+CMGL", timeout_s=120.0, priority=Priority.RECEIVE), continued=True
)
ACTIVITY = query("AT+CPAS", "+CPAS", timeout_s=5.0)
PORT_MODE = query("AT^GETPORTMODE", "^GETPORTMODE", timeout_s=5.0)  # an MU609 crashes on it
CALLER_SHOWN = plain("AT+CLIP=1", timeout_s=15.0)  # some ask the network
HANG_UP = plain("AT+CHUP", timeout_s=5.0)
HANG_UP_OTHERWISE = plain("ATH", timeout_s=5.0)
USSD_END = plain("AT+CUSD=2", timeout_s=10.0)
PROBE = query("AT+CMEE?", "+CMEE", timeout_s=3.0)


def enter_pin(pin: str) -> Command:
    """AT+CPIN; LocalProtocolError unless it is four to eight digits (TS 31.101 9.5.1)."""
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        raise LocalProtocolError("a PIN has four to eight digits")
    return replace(plain(f'AT+CPIN="{pin}"', timeout_s=20.0), secret=True)


def set_smsc(number: str) -> Command:
    """AT+CSCA with the type of number the digits say."""
    if not re.fullmatch(r"\+?[0-9]{3,20}", number):
        raise LocalProtocolError("an SMSC number has 3 to 20 digits")
    toa = 145 if number.startswith("+") else 129
    return plain(f'AT+CSCA="{number}",{toa}', timeout_s=10.0)


def set_indications(values: tuple[int, ...]) -> Command:
    """AT+CNMI with as many values as the modem offers."""
    return plain("AT+CNMI=" + ",".join(str(each) for each in values), timeout_s=5.0)


def use_stores(*stores: str) -> Command:
    """AT+CPMS: one to three stores (read and delete, write and send, receive)."""
    text = "AT+CPMS=" + ",".join(f'"{each}"' for each in stores)
    return query(text, "+CPMS", priority=Priority.RECEIVE)


def read_message(index: int) -> Command:
    """AT+CMGR; the answer is `+CMGR: <stat>,[<alpha>],<length>` and the PDU (TS 27.005 4.3)."""
    command = query(f"AT+CMGR={index}", "+CMGR", priority=Priority.RECEIVE)
    return replace(command, continued=True)


def delete_message(index: int) -> Command:
    """AT+CMGD with one parameter: some modems refuse two."""
    return plain(f"AT+CMGD={index}", timeout_s=10.0, priority=Priority.RECEIVE)


def send_pdu(length: int, final_s: float = 120.0, prompt_s: float = 10.0) -> Command:
    """AT+CMGS; `length` counts the TPDU's octets without the SMSC (TS 27.005 4.3)."""
    return Command(
        text=f"AT+CMGS={length}",
        answers=("+CMGS",),
        prompts=True,
        timeout_s=final_s,
        prompt_s=prompt_s,
        priority=Priority.SEND,
    )


def ussd(code: str, dcs: int = 15) -> Command:
    """AT+CUSD; the network's answer comes later as +CUSD (TS 27.007 7.15)."""
    if '"' in code:
        raise LocalProtocolError("a USSD code holds no quotes")
    return plain(f'AT+CUSD=1,"{code}",{dcs}', timeout_s=15.0)


ANSWERS = frozenset(
    name for each in tuple(globals().values()) if isinstance(each, Command) for name in each.answers
)
"""What lines begin with that come only when somebody asks."""
