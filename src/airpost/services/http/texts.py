"""A text or data to the parts that carry it, and what is wrong with it if they cannot.

May import codec and L0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from airpost.codec.alphabets import Language, gsm7
from airpost.codec.dcs import Alphabet
from airpost.codec.split import Split, split, split_data
from airpost.codec.transliterate import Transliterate, transliterate
from airpost.codec.udh import Ports
from airpost.errors import CodecError, InvalidRequest
from airpost.model import Encoding
from airpost.services.http.settings import HttpSettings

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOST_SEPTETS = 160  # of one part: more characters than this times the parts never fit
_ALPHABETS = {None: None, Encoding.GSM7: Alphabet.GSM7, Encoding.UCS2: Alphabet.UCS2}


class Wishes(Protocol):
    """How a text is to go out."""

    @property
    def encoding(self) -> Encoding | None: ...  # noqa: D102
    @property
    def languages(self) -> tuple[Language, ...]: ...  # noqa: D102
    @property
    def flash(self) -> bool: ...  # noqa: D102
    @property
    def transliterate(self) -> Transliterate: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class Cut:
    """The parts of a text. `sent_text` is what they say, None where that is the text itself."""

    split: Split
    sent_text: str | None = None


def cut_text(text: str, asked: Wishes, settings: HttpSettings) -> Cut:
    """The parts of a text; InvalidRequest when it cannot be sent like that."""
    if not text:
        raise InvalidRequest("text", "is empty", "empty-text")
    if asked.encoding is Encoding.DATA:
        raise InvalidRequest("encoding", "of a text is gsm7 or ucs2")
    _check_characters(text)
    # Before the split: what cannot fit by far is not worth cutting up.
    if len(text) > settings.max_parts * _MOST_SEPTETS:
        raise _too_many("text", f"needs more than {settings.max_parts} parts", settings)
    if asked.transliterate is Transliterate.NEVER:
        return Cut(split=_cut(text, asked, settings))
    if asked.encoding is Encoding.UCS2:
        raise InvalidRequest("transliterate", "cannot stand beside the encoding ucs2")
    told = transliterated(text)
    if told is None:
        return Cut(split=_cut(text, asked, settings))
    always = asked.transliterate is Transliterate.ALWAYS or asked.encoding is Encoding.GSM7
    return _shorter(text, told, asked, settings, always=always)


def transliterated(text: str) -> str | None:
    """`text` in the letters of GSM 7-bit; None where it is already, or cannot be."""
    told = transliterate(text)
    return None if told == text or not gsm7().encodable(told) else told


def _shorter(text: str, told: str, asked: Wishes, settings: HttpSettings, *, always: bool) -> Cut:
    """The text as it is, unless `told` takes fewer parts, or is to go out anyway."""
    if not told:  # nothing but marks and joiners
        return Cut(split=_cut(text, asked, settings))
    if always:
        return Cut(split=_cut(told, asked, settings), sent_text=told)
    try:
        plain = _cut(text, asked, settings)
    except InvalidRequest:  # too many parts
        return Cut(split=_cut(told, asked, settings), sent_text=told)
    try:
        other = _cut(told, asked, settings)
    except InvalidRequest:
        return Cut(split=plain)
    if len(other.parts) < len(plain.parts):
        return Cut(split=other, sent_text=told)
    return Cut(split=plain)


@lru_cache(maxsize=16)
def _split(
    text: str,
    bits: int,
    encoding: Encoding | None,
    languages: tuple[Language, ...],
    cls: int | None,
) -> Split:
    """The parts of a text; of a text to many they are made once."""
    return split(
        text,
        concat_bits=bits,
        alphabet=_ALPHABETS[encoding],
        national=tuple(language.number for language in languages),
        cls=cls,
    )


def _cut(text: str, asked: Wishes, settings: HttpSettings) -> Split:
    cls = 0 if asked.flash else None
    try:
        done = _split(text, settings.concat_bits, asked.encoding, asked.languages, cls)
    except CodecError as error:
        if "parts" in error.message:
            raise _too_many("text", error.message, settings) from None
        words = f"{error.message} (character {error.offset + 1})"
        raise InvalidRequest("text", words, "not-encodable") from None
    return _few_enough("text", done, settings)


def cut_data(data: bytes, ports: Ports | None, settings: HttpSettings, *, flash: bool) -> Cut:
    """The parts of data; InvalidRequest when there are too many, or none."""
    if not data:
        raise InvalidRequest("data", "is empty", "empty-text")
    try:
        done = split_data(
            data, ports=ports, concat_bits=settings.concat_bits, cls=0 if flash else None
        )
    except CodecError as error:
        raise _too_many("data", error.message, settings) from None
    return Cut(split=_few_enough("data", done, settings))


def _few_enough(field: str, done: Split, settings: HttpSettings) -> Split:
    if len(done.parts) > settings.max_parts:
        raise _too_many(field, f"needs {len(done.parts)} parts", settings)
    return done


def _too_many(field: str, words: str, settings: HttpSettings) -> InvalidRequest:
    words += f"; max_parts of [sms] allows {settings.max_parts}"
    return InvalidRequest(field, words, "too-many-parts", "sms.max_parts")


def _check_characters(text: str) -> None:
    found = _CONTROL.search(text)
    if found is not None:
        words = f"character {found.start() + 1} is the control character U+{ord(found[0]):04X}"
        raise InvalidRequest("text", words, "control-character")
