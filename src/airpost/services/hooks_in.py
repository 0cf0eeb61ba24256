"""Hooks: what somebody else's event becomes by the templates of the configuration.

May import L0 and `templates`. Whatever fails, something is sent: the event as it came, to those who
are named for that.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from airpost.clock import Instant, rfc3339
from airpost.model import MessageClass
from airpost.numbering import plus_kept
from airpost.services.templates import Template, TemplateFault

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_RECIPIENTS = 100
MAX_FIELDS = 1_000
MAX_KEY = 255  # characters of a deduplication key
RAW_LIMIT = 2_048  # characters of an event that is sent as it came
WINDOW_S = 300.0
HMAC_HEADER = "X-Hub-Signature-256"
CUT = "..."  # in every alphabet
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BETWEEN = re.compile(r"[,;\n]")
_TEMPLATED = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """One `[[hook]]`. Of `token`, `hmac` and `networks` one at least says who may use it."""

    name: str
    to: tuple[str, ...]  # numbers, contacts, groups, or templates that make them
    text: str
    class_: str = MessageClass.ALARM.value  # or a template
    dedup: str | None = None
    window_s: float = WINDOW_S
    fallback: tuple[str, ...] = ()  # told where `to` leads to nobody
    owner: str = ""
    route: str | None = None
    max_parts: int = 3
    max_recipients: int = MAX_RECIPIENTS  # entries of `to`; a group is one
    get: bool = False
    token: str | None = field(default=None, repr=False)
    hmac: str | None = field(default=None, repr=False)
    hmac_header: str = HMAC_HEADER
    hmac_timestamp: str | None = None  # the header with the seconds that are signed too
    networks: tuple[Network, ...] = ()


def is_template(text: str) -> bool:
    """True where it is more than a constant."""
    return _TEMPLATED.search(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What an event becomes; `problem` says what failed or was cut, `raw`: the text is none."""

    to: tuple[str, ...]
    class_: MessageClass
    text: str
    dedup: str | None
    raw: bool
    problem: str | None


class Hook:
    """One hook with its templates read; TemplateFault names the one that cannot be."""

    def __init__(self, settings: HookSettings) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()  # requests, by what came of them
        self._to = [Template(each, f"to.{at}") for at, each in enumerate(settings.to)]
        self._text = Template(settings.text, "text")
        self._class = Template(settings.class_, "class")
        self._dedup = None if settings.dedup is None else Template(settings.dedup, "dedup")

    def made(self, payload: Any, raw: bytes, now: Instant) -> Made:
        """What becomes of an event: `payload` is its JSON, its parameters or its text."""
        values = {**(payload if isinstance(payload, Mapping) else {}), "payload": payload,
                  "hook": self.settings.name, "now": rfc3339(now)}  # fmt: skip
        faults: list[str] = []
        text = self._tried(self._text, values, faults)
        raw_sent = text is None or not text.strip()
        if text is not None and raw_sent:
            faults.append("text: is empty")
        given = [self._tried(each, values, faults) for each in self._to]
        to = recipients_of([each for each in given if each is not None])
        class_ = self._class_of(self._tried(self._class, values, faults), faults)
        dedup = None if self._dedup is None else self._tried(self._dedup, values, faults)
        most = self.settings.max_recipients
        if len(to) > most:
            faults.append(f"to: has {len(to)} entries, of which {most} are told; "
                          "max_recipients of [[hook]] allows no more")  # fmt: skip
        sent = self.raw_text(raw, faults) if raw_sent or text is None else clean(text)
        return Made(
            to=to[:most],
            class_=class_,
            text=sent,
            dedup=(dedup or "").strip()[:MAX_KEY] or None,
            raw=raw_sent,
            problem="; ".join(faults) or None,
        )

    def raw_text(self, raw: bytes, faults: list[str]) -> str:
        """The event as it came, and from which hook."""
        came = clean(raw.decode(errors="replace")).strip()
        if len(came) > RAW_LIMIT:
            faults.append(f"text: the event was cut to {RAW_LIMIT} of {len(came)} characters")
            came = came[:RAW_LIMIT].rstrip()
        return f"{self.settings.name}: {came}" if came else self.settings.name

    @staticmethod
    def _tried(template: Template, values: Mapping[str, Any], faults: list[str]) -> str | None:
        try:
            return whole(template.render(values))
        except TemplateFault as error:
            faults.append(f"{error.field}: {error.message}")
            return None

    @staticmethod
    def _class_of(name: str | None, faults: list[str]) -> MessageClass:
        try:
            return MessageClass.ALARM if name is None else MessageClass(name.strip())
        except ValueError:
            faults.append("class: is none of otp, alarm, normal, bulk")
            return MessageClass.ALARM


def recipients_of(given: Sequence[str]) -> tuple[str, ...]:
    """Those in some texts, each once; several in one have a comma or a line's end between them."""
    found = (each.strip() for text in given for each in _BETWEEN.split(text))
    return tuple(dict.fromkeys(each for each in found if each))


def clean(text: str) -> str:
    """Without the characters that no text message may hold, lone surrogates too."""
    return whole(_CONTROL.sub(" ", text))


def whole(text: str) -> str:
    """Without lone surrogates, which JSON may hold and nothing that is stored or answered can."""
    return text.encode(errors="replace").decode()


def payload_of(raw: bytes, content_type: str) -> Any:
    """What a body says: JSON, else the fields of a form, else its text."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        pass
    text = raw.decode(errors="replace")
    if content_type == "application/x-www-form-urlencoded":
        return fields_of(text)
    return text


def fields_of(query: str) -> dict[str, str]:
    """The parameters of a query as it was sent; of one that is given twice the last."""
    try:
        found = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:  # more than anybody needs
        return {}
    return {name: plus_kept(value) for name, value in found}
