"""`airpost.toml` read, checked and turned into frozen dataclasses.

May import everything; the only daemon file that knows pydantic. A value never stands in an error:
it may be a secret.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from airpost.codec.address import dialable
from airpost.daemon.regions import region_fault
from airpost.errors import CodecError, ConfigError
from airpost.model import Lane
from airpost.pool.credit import CreditSettings, pattern_fault
from airpost.pool.facade import OWN
from airpost.pool.selftest import SelfTestSettings
from airpost.services.http.settings import (
    DEFAULT_LISTEN,
    MAX_PARTS,
    AuthMode,
    HttpSettings,
    Listen,
    TcpListen,
    parse_listen,
)
from airpost.services.http.words import words

log = logging.getLogger("airpost.config")
DEFAULT_PATH = Path("/etc/airpost/airpost.toml")
STATE_FOLDER = Path("/var/lib/airpost")  # StateDirectory= of airpost.service
DEFAULT_STORE = f"sqlite:///{STATE_FOLDER}/airpost.db"
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
DEFAULT_BAUD = 115_200

_USSD = r"^[0-9*#]{1,32}$"
_TARGET = rf"^({OWN}|\+[0-9]{{3,20}})$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"
_PIN = re.compile(r"[0-9]{4,8}")  # TS 31.101 9.5.1: a PIN has four to eight digits
_IMEI = re.compile(r"[0-9]{15}")  # TS 23.003 6.2.1
_ICCID = re.compile(r"89[0-9]{16,18}")  # ITU-T E.118
_USB_PATH = re.compile(r"[0-9]+-[0-9]+(\.[0-9]+)*(:1\.[0-9]+(\.[0-9]+)?)?")  # the kernel's name
_TTY = re.compile(r"/dev/tty(USB|ACM)[0-9]+")
_NAME_WORDS = "has 1 to 64 letters, digits, dots, dashes or underscores, the first no sign"
_FORMS: Mapping[str | int, str] = {
    "ussd": "is a code of digits, * and #, such as *100#",
    "to": f'is "{OWN}", another SIM of ours, or a number of + and digits',
}
SELECTORS = ("port", "imei", "iccid", "usb_path")


# -- what the rest of the program gets -----------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store is."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """What holds for every message. `home_region` is ISO 3166, None: dialled as given."""

    home_region: str | None = None
    concat_bits: int = 8
    max_parts: int = MAX_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemSettings:
    """One modem. `pin` is what `pin_file` holds, never shown; `pin_mark` tells its versions.

    Exactly one of `port`, `imei`, `iccid` and `usb_path` says which modem it is.
    """

    name: Lane
    port: str | None = None
    imei: str | None = None
    iccid: str | None = None
    usb_path: str | None = None
    pin: str | None = field(default=None, repr=False)
    pin_mark: str = ""
    smsc: str | None = None
    routes: frozenset[str] = frozenset({"default"})
    number: str | None = None
    baud: int = DEFAULT_BAUD
    hang_up: bool = False
    credit: CreditSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. `discover`: modems that no section names are used too.

    `profiles` is the operator's own folder of modem profiles. `hubs` are the places of USB hubs
    whose port power may be switched.
    """

    store: StoreSettings
    http: HttpSettings
    sms: SmsSettings
    modems: tuple[ModemSettings, ...]
    discover: bool = False
    profiles: Path | None = None
    hubs: frozenset[str] = frozenset()
    selftest: SelfTestSettings | None = None


# -- what the file may hold ----------------------------------------------------------------------
class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


_Hours = Annotated[float, Field(ge=1, le=8784)]  # a year


class _Store(_Section):
    url: str = DEFAULT_STORE


class _Http(_Section):
    listen: Annotated[list[str], Field(min_length=1)] = list(DEFAULT_LISTEN)
    auth: Literal["keys", "none"] = "keys"


class _Sms(_Section):
    home_region: str | None = None
    concat_bits: Literal[8, 16] = 8
    max_parts: Annotated[int, Field(ge=1, le=MAX_PARTS)] = MAX_PARTS


class _Modems(_Section):
    discover: bool = True
    profiles: str | None = None
    hubs: list[str] = []


class _SelfTest(_Section):
    to: Annotated[str, Field(pattern=_TARGET)]
    every_h: _Hours = 24.0
    per_month: Annotated[int, Field(ge=1, le=1000)] = 30


class _Credit(_Section):
    ussd: Annotated[str, Field(pattern=_USSD)]
    pattern: str
    every_h: _Hours = 24.0
    low: Annotated[float, Field(allow_inf_nan=False)] | None = None


class _Modem(_Section):
    name: Annotated[str, Field(pattern=_NAME)]
    port: Annotated[str | None, Field(min_length=1)] = None
    imei: str | None = None
    iccid: str | None = None
    usb_path: str | None = None
    pin_file: str | None = None
    smsc: str | None = None
    route: Annotated[list[Annotated[str, Field(pattern=_NAME)]], Field(min_length=1)] = ["default"]
    number: str | None = None
    hang_up: bool = False
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = DEFAULT_BAUD
    credit: _Credit | None = None


class _File(_Section):
    store: _Store = _Store()
    http: _Http = _Http()
    sms: _Sms = _Sms()
    modems: _Modems = _Modems()
    selftest: _SelfTest | None = None
    modem: list[_Modem] = []


# -- reading -------------------------------------------------------------------------------------
def load_config(path: Path, env: Mapping[str, str] | None = None) -> Settings:
    """The settings in the file at `path`; ConfigError with the dotted path of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError("", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError("", f"{path} is not UTF-8 at octet {error.start}") from None
    return parse_config(text, path.absolute().parent, os.environ if env is None else env)


def parse_config(text: str, folder: Path, env: Mapping[str, str]) -> Settings:
    """As `load_config`, of a text whose relative paths begin at `folder`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", f"is not valid TOML: {error}") from None
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise _config_error(error) from None
    return Settings(
        store=StoreSettings(path=store_path(file.store.url, folder)),
        http=_http(file),
        sms=_sms(file.sms),
        modems=_modems(file.modem, folder, env),
        discover=file.modems.discover,
        profiles=_folder(file.modems.profiles, "modems.profiles", folder),
        hubs=_hubs(file.modems.hubs),
        selftest=None if not file.selftest else SelfTestSettings(**file.selftest.model_dump()),
    )


def _hubs(given: list[str]) -> frozenset[str]:
    for at, hub in enumerate(given):
        if not _USB_PATH.fullmatch(hub) or ":" in hub:
            words = 'is no place of a USB hub, such as "1-1"; `uhubctl` lists those it can switch'
            raise ConfigError(f"modems.hubs.{at}", words)
    return frozenset(given)


def _folder(name: str | None, where: str, folder: Path) -> Path | None:
    if name is None:
        return None
    path = folder / name
    if not path.is_dir():
        raise ConfigError(where, f"there is no folder {path}")
    return path


def store_path(url: str, folder: Path) -> Path:
    """The file of a `sqlite:///` URL; a relative one begins at `folder`."""
    if url.startswith("postgresql:"):
        raise ConfigError("store.url", "this version keeps its store in SQLite only")
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise ConfigError("store.url", f"must be a file, such as {DEFAULT_STORE}")
    return folder / path  # an absolute path stays as it is


def _sms(given: _Sms) -> SmsSettings:
    fault = None if given.home_region is None else region_fault(given.home_region)
    if fault is not None:
        raise ConfigError("sms.home_region", fault)
    return SmsSettings(
        home_region=given.home_region, concat_bits=given.concat_bits, max_parts=given.max_parts
    )


def _http(file: _File) -> HttpSettings:
    listen: list[Listen] = []
    for at, text in enumerate(file.http.listen):
        try:
            listen.append(parse_listen(text))
        except ValueError as error:
            raise ConfigError(f"http.listen.{at}", str(error)) from None
        if listen[-1] in listen[:-1]:
            raise ConfigError(f"http.listen.{at}", f"{text} stands there twice")
    auth = AuthMode(file.http.auth)
    open_to_all = [each for each in listen if isinstance(each, TcpListen) and not each.loopback]
    if auth is AuthMode.NONE and open_to_all:
        words = f'"none" is for loopback listeners only, and {open_to_all[0]} is none'
        raise ConfigError("http.auth", words)
    return HttpSettings(
        listen=tuple(listen),
        auth=auth,
        max_parts=file.sms.max_parts,
        concat_bits=file.sms.concat_bits,
    )


def _modems(given: list[_Modem], folder: Path, env: Mapping[str, str]) -> tuple[ModemSettings, ...]:
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


def _selector(modem: _Modem, where: str) -> tuple[str, str]:
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
    if key == "usb_path" and not _USB_PATH.fullmatch(value):
        words = 'is no place of a USB device; `airpost doctor` lists them, such as "1-1.4"'
        raise ConfigError(f"{where}.usb_path", words)
    if key == "port" and _TTY.fullmatch(value):
        better = "its name below /dev/serial/by-path, or usb_path, imei, iccid"
        log.warning("config.unstable_port %s.port %s is another modem after the next plug; use %s",
                    where, value, better)  # fmt: skip
    return key, value


def _credit(given: _Credit | None, where: str) -> CreditSettings | None:
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


# -- places --------------------------------------------------------------------------------------
def check_places(settings: Settings) -> tuple[str, ...]:
    """What to know of the places the settings name; ConfigError where it could not start."""
    path = settings.store.path
    folder = path.parent
    if path.is_dir():
        raise ConfigError("store.url", f"{path} is a folder, not a file")
    if folder.is_dir():
        if os.access(folder, os.W_OK | os.X_OK):
            return ()
        return (f"this user cannot write in {folder}; the one airpost runs as must",)
    if folder.exists():
        raise ConfigError("store.url", f"{folder} is no folder")
    if folder == STATE_FOLDER:
        return (f"the folder {folder} is not there; systemd makes it when airpost.service starts",)
    raise ConfigError("store.url", f"the folder {folder} is not there; make it, for airpost's user")


# -- errors --------------------------------------------------------------------------------------
def _config_error(error: ValidationError) -> ConfigError:
    found = []
    for each in error.errors(include_input=False, include_url=False):
        where = ".".join(str(step) for step in each["loc"])
        found.append((where, _words(each)))
    (first, said), *others = found
    also = "".join(f"; {where}: {more}" for where, more in others)
    return ConfigError(first, said + also)


def _words(error: Mapping[str, Any]) -> str:
    place: tuple[str | int, ...] = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            key = str(place[-1])
            near = difflib.get_close_matches(key, _known(place[:-1]), n=1, cutoff=0.5)
            return f"is no known key; did you mean {near[0]!r}?" if near else "is no known key"
        case "string_pattern_mismatch":
            return _FORMS.get(place[-1], _NAME_WORDS)
        case "list_type" | "model_type" if place[0] == "modem" and len(place) <= 2:
            return "is a list of sections: write [[modem]], one for each"
        case "model_type":
            return f"is a section: write [{place[0]}]"
        case _:
            return words(error)


def _known(place: tuple[str | int, ...]) -> list[str]:
    """The keys of the section at `place`."""
    model: type[BaseModel] = _File
    for step in place:
        if isinstance(step, str) and (info := model.model_fields.get(step)) is not None:
            model = _section(info) or model
    return list(model.model_fields)


def _section(info: FieldInfo) -> type[BaseModel] | None:
    for kind in (info.annotation, *get_args(info.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
