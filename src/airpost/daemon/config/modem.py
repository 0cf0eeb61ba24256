"""`[[modem]]`: which modem it is, its PIN, its routes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from airpost.codec.address import dialable
from airpost.daemon.config.section import Hours, Name, Section
from airpost.daemon.config.settings import DEFAULT_BAUD, ModemSettings
from airpost.errors import CodecError, ConfigError
from airpost.model import Lane
from airpost.pool.credit import CreditSettings, pattern_fault

log = logging.getLogger("airpost.config")
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
SELECTORS = ("port", "imei", "iccid", "usb_path")

_USSD = r"^[0-9*#]{1,32}$"
_PIN = re.compile(r"[0-9]{4,8}")  # TS 31.101 9.5.1: a PIN has four to eight digits
_IMEI = re.compile(r"[0-9]{15}")  # TS 23.003 6.2.1
_ICCID = re.compile(r"89[0-9]{16,18}")  # ITU-T E.118
USB_PATH = re.compile(r"[0-9]+-[0-9]+(\.[0-9]+)*(:1\.[0-9]+(\.[0-9]+)?)?")  # the kernel's name
_TTY = re.compile(r"/dev/tty(USB|ACM)[0-9]+")


class CreditSection(Section):
    """`credit = {…}` of a modem."""

    ussd: Annotated[str, Field(pattern=_USSD)]
    pattern: str
    every_h: Hours = 24.0
    low: Annotated[float, Field(allow_inf_nan=False)] | None = None


class ModemSection(Section):
    """`[[modem]]`."""

    name: Name
    port: Annotated[str | None, Field(min_length=1)] = None
    imei: str | None = None
    iccid: str | None = None
    usb_path: str | None = None
    pin_file: str | None = None
    smsc: str | None = None
    route: Annotated[list[Name], Field(min_length=1)] = ["default"]
    number: str | None = None
    limits: str | None = None
    hang_up: bool = False
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = DEFAULT_BAUD
    credit: CreditSection | None = None
    roaming: bool | None = None


def modem_settings(
    given: list[ModemSection], folder: Path, env: Mapping[str, str]
) -> tuple[ModemSettings, ...]:
    """The modems in the order of the file; ConfigError also where two are the same."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for at, modem in enumerate(given):
        where = f"modem.{at}"
        selector = _selector(modem, where)
        for key, value in (("name", modem.name), selector):
            if (key, value) in seen:
                words = f"is that of modem.{seen[key, value]} already"
                raise ConfigError(f"{where}.{key}", words)
            seen[key, value] = at
        pin, pin_mark = _pin(modem.pin_file, f"{where}.pin_file", folder, env)
        found.append(
            ModemSettings(
                name=Lane(modem.name),
                port=modem.port,
                imei=modem.imei,
                iccid=modem.iccid,
                usb_path=modem.usb_path,
                pin=pin,
                pin_mark=pin_mark,
                smsc=_number(modem.smsc, f"{where}.smsc"),
                routes=frozenset(modem.route),
                number=_number(modem.number, f"{where}.number"),
                baud=modem.baud,
                hang_up=modem.hang_up,
                credit=_credit(modem.credit, f"{where}.credit"),
            )
        )
    return tuple(found)


def _selector(modem: ModemSection, where: str) -> tuple[str, str]:
    """The key that says which modem it is, and its value."""
    given = [(key, value) for key in SELECTORS if (value := getattr(modem, key)) is not None]
    if len(given) != 1:
        told = "none" if not given else " and ".join(key for key, _ in given)
        words = f"which modem it is needs one of {', '.join(SELECTORS)}; {told} is given"
        raise ConfigError(f"{where}.{given[1][0] if given else 'port'}", words)
    ((key, value),) = given
    if key == "imei" and not _IMEI.fullmatch(value):
        raise ConfigError(f"{where}.imei", "is not an IMEI: 15 digits, as AT+CGSN tells it")
    if key == "iccid" and not _ICCID.fullmatch(value):
        words = "is not the number of a SIM: 18 to 20 digits that begin with 89"
        raise ConfigError(f"{where}.iccid", words)
    if key == "usb_path" and not USB_PATH.fullmatch(value):
        words = 'is no place of a USB device; `airpost doctor` lists them, such as "1-1.4"'
        raise ConfigError(f"{where}.usb_path", words)
    if key == "port" and _TTY.fullmatch(value):
        better = "its name below /dev/serial/by-path, or usb_path, imei, iccid"
        log.warning("config.unstable_port %s.port %s is another modem after the next plug; use %s",
                    where, value, better)  # fmt: skip
    return key, value


def _credit(given: CreditSection | None, where: str) -> CreditSettings | None:
    if given is None:
        return None
    if (fault := pattern_fault(given.pattern)) is not None:
        raise ConfigError(f"{where}.pattern", fault)
    return CreditSettings(**given.model_dump())


def _number(number: str | None, where: str) -> str | None:
    if number is None:
        return None
    try:
        return dialable(number)
    except CodecError as error:
        raise ConfigError(where, error.message) from None


def _pin(
    name: str | None, where: str, folder: Path, env: Mapping[str, str]
) -> tuple[str | None, str]:
    """The PIN, and a mark that changes when the file is written again."""
    if name is None:
        return None, ""
    path = source = folder / name
    credentials = env.get(CREDENTIALS)
    if credentials and (Path(credentials) / name).is_file():
        path = Path(credentials) / name
    try:
        pin = path.read_text(encoding="ascii").strip()
        mark = _mark(path, source)
    except OSError as error:
        raise ConfigError(where, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        pin = mark = ""
    if not _PIN.fullmatch(pin):
        raise ConfigError(where, f"{path} does not hold four to eight digits")
    return pin, mark


def _mark(path: Path, source: Path) -> str:
    """What tells one version of a PIN from the next, without anything of the PIN in it.

    A credential is written anew at every start of the service, and a PIN that was refused must not
    be tried again at each: the time is that of the file it is loaded from, which can be seen though
    not read. Where that lies elsewhere only another name for the credential is another version.
    """
    try:
        return f"{source.stat().st_mtime_ns}"
    except OSError:
        if path != source:
            return f"credential {path.name}"
        raise
