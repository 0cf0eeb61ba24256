"""The shapes of requests: the only HTTP file that knows pydantic.

May import pydantic, codec and L0. Bodies are strict, query strings lax; what does not fit becomes a
Refusal that names every field and never repeats a value.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from airpost.clock import Instant, parse_rfc3339
from airpost.codec.alphabets import Language
from airpost.codec.transliterate import Transliterate
from airpost.model import Encoding, MessageClass, OnUncertain
from airpost.services.http.nulls import without_nulls
from airpost.services.http.problems import Refusal
from airpost.services.http.words import words
from airpost.states import MessageState
from airpost.store.api import Verdict
from airpost.store.keeping import By

MAX_NAME = 64
MAX_TAGS = 20
MAX_SENDER_REF = 255
MAX_SETTLED = 500
MAX_USSD = 160  # characters of a code: octets of TS 23.038 take 182
MAX_COMMAND = 400  # characters: V.250 5.2.1 asks for 40 at least, modems take up to 1,500


def _time(value: Any) -> Instant:
    try:
        if isinstance(value, str):
            return parse_rfc3339(value)
    except ValueError:
        pass
    raise ValueError("must be a time with zone, such as 2026-01-02T03:04:05Z")


def _octets(value: Any) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ValueError("must be base64")


_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Time = Annotated[
    int, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
Octets = Annotated[
    bytes,
    BeforeValidator(_octets),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "pattern": _BASE64}),
]
# Names and references end up in logs and on terminals: no control characters.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
WORD = r"^[!-~]*$"
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=PLAIN)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Languages = Annotated[tuple[Language, ...], Field(max_length=len(Language))]


def _one_of(*names: str, kind: str = "string") -> ConfigDict:
    """For the document: one of these is given, and none beside it. Handlers say so in words."""
    one: list[Any] = [
        {
            "required": [name],
            "properties": {name: {"type": kind},
                           **{other: {"type": "null"} for other in names if other != name}},
        }
        for name in names
    ]  # fmt: skip
    return ConfigDict(json_schema_extra={"oneOf": one})


class Body(BaseModel):
    """A JSON body: strict, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, ser_json_bytes="base64"
    )

    @property
    def canonical(self) -> str:
        """What was given, as JSON that does not depend on order, spaces or escapes."""
        return self.model_dump_json(exclude_unset=True, by_alias=True)


class MessageFields(Body):
    """What a message is asked for with, but for its recipient."""

    text: str | None = None
    data: Octets | None = None
    port: Port | None = None
    source_port: Port | None = None
    port_bits: Literal[8, 16] | None = None
    class_: MessageClass = Field(default=MessageClass.NORMAL, alias="class")
    report: bool | None = None
    send_at: Time | None = None
    expires_at: Time | None = None
    ttl_s: int | None = None
    on_uncertain: OnUncertain | None = None
    ordered: bool = False
    route: Name | None = None
    modem: Name | None = None
    sender_ref: Annotated[str, Field(max_length=MAX_SENDER_REF, pattern=PLAIN)] | None = None
    tags: Annotated[tuple[Name, ...], Field(max_length=MAX_TAGS)] = ()
    flash: bool = False
    replace: Annotated[int, Field(ge=1, le=7)] | None = None
    encoding: Encoding | None = None
    languages: Languages = ()
    transliterate: Transliterate = Transliterate.NEVER

    @property
    def given(self) -> set[str]:
        """The names of what was said of these."""
        return self.model_fields_set & MessageFields.model_fields.keys()


class SendIn(MessageFields):
    """`POST /v1/messages`."""

    model_config = _one_of("text", "data")

    to: str

    @property
    def shown(self) -> dict[str, Any]:
        """What was given, as JSON that makes the same request again."""
        given = self.model_dump(mode="json", exclude_unset=True, by_alias=True)
        if self.data is not None:
            given["data"] = base64.b64encode(self.data).decode()
        return given


class RowIn(MessageFields):
    """One of the `messages` of a batch; what it does not say, the batch says for all."""

    to: str
    values: dict[str, Any] | None = None


class BatchHead(MessageFields):
    """A batch without its rows."""

    template: str | None = None
    values: dict[str, Any] | None = None
    preview: bool = False


# Rows are judged one by one: whatever JSON stands in one, the request is taken without it.
_OTHER = WithJsonSchema({"description": "Anything else: that row alone is rejected"})
Anything = Annotated[Any, _OTHER]


class BatchIn(BatchHead):
    """`POST /v1/batches`: recipients in `to`, or rows of their own in `messages`."""

    model_config = _one_of("to", "messages", kind="array")

    to: Annotated[list[str | Anything], Field(min_length=1)] | None = None
    messages: Annotated[list[RowIn | Anything], Field(min_length=1)] | None = None


class ScheduleIn(Body):
    """`POST /v1/schedules`."""

    cron: str
    zone: Name
    message: SendIn
    late_s: Annotated[int, Field(ge=0, le=86_400)] = 3600


class PreviewIn(Body):
    """`POST /v1/preview`."""

    model_config = _one_of("text", "template")

    text: str | None = None
    template: str | None = None
    values: dict[str, Any] | None = None
    encoding: Encoding | None = None
    languages: Languages = ()
    flash: bool = False
    transliterate: Transliterate = Transliterate.NEVER


class BlockIn(Body):
    """`PUT /v1/blocklist/{number}`."""

    note: Annotated[str, Field(max_length=MAX_SENDER_REF, pattern=PLAIN)] | None = None


class BlockManyIn(BlockIn):
    """`PUT /v1/blocklist`."""

    numbers: Annotated[tuple[str, ...], Field(min_length=1)]


class AskIn(Body):
    """`POST /v1/modems/{name}/at`."""

    command: Annotated[str, Field(min_length=2, max_length=MAX_COMMAND, pattern=PLAIN)]
    force: bool = False


USSD = r"^[*#][0-9*#]*#$"


class UssdIn(Body):
    """`POST /v1/modems/{name}/ussd`."""

    code: Annotated[str, Field(min_length=2, max_length=MAX_USSD, pattern=USSD)]


class ResetIn(Body):
    """`POST /v1/modems/{name}/reset`: from the gentlest to the harshest."""

    how: Literal["reopen", "reinit", "reset", "usb", "hub_power"] = "reset"


class SelfTestIn(Body):
    """`POST /v1/modems/{name}/selftest`."""

    to: Annotated[str, Field(min_length=1)] | None = None


class MoveIn(Body):
    """`POST /v1/queue/move`: the queue of one modem to another; to null, to any."""

    from_: Annotated[str, Field(min_length=1, alias="from")]
    to: Annotated[str, Field(min_length=1)] | None = None


class SettleIn(Body):
    """`POST /v1/queue/release`: what becomes of messages of unknown fate.

    `restored`: of what a restore has frozen, all, or what of `ids` is.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["ids"], "properties": {"ids": {"minItems": 1}}},
                {"required": ["restored"], "properties": {"restored": {"const": True}}},
            ]
        }
    )

    ids: Annotated[tuple[Name, ...], Field(max_length=MAX_SETTLED)] = ()
    restored: bool = False
    as_: Verdict = Field(default=Verdict.RESEND, alias="as")


class BackupIn(Body):
    """`POST /v1/db/backup`: the file to make."""

    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            pattern=PLAIN,
            json_schema_extra={"pattern": PLAIN.replace("^", "^/", 1)},
        ),
    ]


class ForgetIn(Body):
    """`POST /v1/db/forget`."""

    number: Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=PLAIN)]


class Query(BaseModel):
    """A query string: lax, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ListQuery(Query):
    """A page of any list."""

    cursor: str = ""
    limit: Annotated[int, Field(ge=1)] | None = None


class MessagesQuery(ListQuery):
    """`GET /v1/messages`."""

    state: MessageState | None = None
    to: str | None = None
    class_: MessageClass | None = Field(default=None, alias="class")
    modem: str | None = None
    tag: str | None = None
    since: Time | None = None
    until: Time | None = None
    sender_ref: str | None = None
    key: str | None = None
    batch: str | None = None
    uncertain: bool | None = None
    newest: bool = False


class InboundQuery(ListQuery):
    """`GET /v1/inbound`."""

    wait_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0


class FunnelQuery(Query):
    """`GET /v1/stats/funnel`."""

    by: By | None = None
    since: Time | None = None
    until: Time | None = None


class QueueQuery(Query):
    """`GET /v1/modems/{name}/queue`."""

    limit: Annotated[int, Field(ge=1)] | None = None


M = TypeVar("M", bound=BaseModel)

# pydantic's kind of error → ours; several kinds in one request are an invalid request.
_KINDS = {
    "json_invalid": "malformed-json",
    "extra_forbidden": "unknown-field",
    "missing": "missing-field",
}


def read_body(model: type[M], body: bytes) -> M:
    """The request in a JSON body; Refusal otherwise, also for a name given twice."""
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 8.1: it may be passed over
    try:
        given = model.model_validate_json(body)
    except ValidationError as error:
        less = without_nulls(model, body)
        if less is None:
            raise _refusal(model, error) from None
        return read_body(model, less)
    # pydantic takes the last of two, other readers the first: nobody may see two messages in one.
    # With no more colons than names that were read there is no second one to look for.
    colons = body.count(b":")
    if colons > len(given.model_fields_set) and colons > _names(given):
        _read_once(body.decode())
    return given


def _names(given: BaseModel) -> int:
    """How many names stand in what was read, but for those further down."""
    values = given.__dict__
    inner = [values[name] for name in given.model_fields_set]
    return len(inner) + sum(len(each) for each in inner if isinstance(each, dict))


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _twice(name)
        seen.add(name)


_read_once = json.JSONDecoder(object_pairs_hook=_once, parse_int=str).decode  # made once


def _twice(name: str) -> Refusal:
    twice = "is given more than once"
    return Refusal("invalid-request", f"{name}: {twice}", errors=[(name, twice)])


def read_query(model: type[M], query: Iterable[tuple[str, str]]) -> M:
    """The request in a query string; Refusal otherwise, also for a name given twice."""
    given: dict[str, str] = {}
    for name, value in query:
        if name in given:
            raise _twice(name)
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refusal(model, error) from None


def _refusal(model: type[BaseModel], error: ValidationError) -> Refusal:
    # The defaults of errors() would carry the text of the message back out.
    found = error.errors(include_input=False, include_url=False)
    # Of a list whose entries are wrong pydantic also says that it is too short.
    above = {each["loc"][:n] for each in found for n in range(1, len(each["loc"]))}
    found = [each for each in found if each["loc"] not in above]
    names = [field.alias or name for name, field in model.model_fields.items()]
    kinds = {_KINDS.get(each["type"], "invalid-request") for each in found}
    kind = kinds.pop() if len(kinds) == 1 else "invalid-request"
    if kind == "malformed-json":
        said = found[0]["msg"].removeprefix("Invalid JSON: ")
        return Refusal(kind, said, errors=[("body", said)])
    errors = [(_field(each), _words(each, names)) for each in found]
    detail = "; ".join(f"{field}: {text}" if field else text for field, text in errors)
    return Refusal(kind, detail, errors=errors)


def _field(each: Mapping[str, Any]) -> str:
    """The steps to a place; `body` for the whole of it."""
    return ".".join(str(step) for step in each["loc"]) or "body"


_PATTERNS = {
    USSD: "is a code such as *100#: digits, * and #, the first * or #, the last #",
    WORD: "is a word of printable ASCII, without spaces",
}


def _words(each: Mapping[str, Any], names: list[str]) -> str:
    match each["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(each["loc"][-1]), names, n=1)
            return f"is not known here; did you mean {near[0]!r}?" if near else "is not known here"
        case "string_pattern_mismatch":
            return _PATTERNS.get(each["ctx"]["pattern"], "must not hold control characters")
        case "model_type":
            return "must be a JSON object"
        case _:
            return words(each)
