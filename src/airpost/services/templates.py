"""Templates of people and programs: Jinja2 in a sandbox, with bounds on size and time.

May import jinja2 and L0. A template may be anybody's: what it can name is in the tables below, and
all that repeats or grows is counted. Whatever is wrong with one is told with field and line, and
never with a value.
"""

from __future__ import annotations

import json
import operator
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from airpost.errors import InvalidRequest

CODE = "invalid-template"
SOURCE_LIMIT = 16_384  # characters of a template
OUTPUT_LIMIT = 40_960  # characters it makes: 255 parts of GSM 7-bit text are 39,015
STEPS = 20_000  # turns of loops, filters and calls
BUDGET_S = 0.1  # a text is made in some 0.1 ms; the loop does nothing else meanwhile
_GROWN = 262_144  # characters or elements of a value on the way
_BITS = 256  # of a whole number
_PLACES = 12  # of a rounded number

_FILTERS = (
    "abs", "capitalize", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "replace", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title",
    "tojson", "trim", "truncate", "unique", "upper", "urlencode",
)  # fmt: skip
_OF_TEXT = frozenset((
    "capitalize", "count", "endswith", "find", "isalnum", "isalpha", "isdecimal", "isdigit",
    "islower", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
    "swapcase", "title", "upper",
))  # fmt: skip
_OF_MAPPING = frozenset(("get", "items", "keys", "values"))
_OF_LOOP = frozenset(("depth", "first", "index", "index0", "last", "length", "nextitem", "previtem",
                      "revindex", "revindex0"))  # fmt: skip
# What makes values that nobody counts, or reads other templates.
_REFUSED = (nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock, nodes.Block,
            nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport, nodes.NSRef)  # fmt: skip
_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\*|[0-9]{3,})")  # a format that makes long texts of short ones
_NAMES = re.compile(r"'([^']+)'")


class TemplateFault(InvalidRequest):
    """A template that cannot be used; `line` counts from 1, None where it is about all of it."""

    def __init__(self, field: str, message: str, line: int | None = None) -> None:
        where = "" if line is None else f"line {line}: "
        super().__init__(field, f"{where}{message}", CODE)
        self.line = line


class _Refused(Exception):
    """The words for people; it becomes a TemplateFault."""


class _Missing(ChainableUndefined, StrictUndefined):
    """What is not there, and everything below it; only `default` takes it."""


class _Meter:
    """What one rendering may still do."""

    def __init__(self, budget_s: float) -> None:
        self._until = time.perf_counter() + budget_s
        self._left = STEPS

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Refused(f"does more than {STEPS} steps")
        if time.perf_counter() > self._until:
            raise _Refused("takes too long")


_meter: ContextVar[_Meter] = ContextVar("template meter")


# -- what may grow -------------------------------------------------------------------------------
def _bounded(size: int) -> None:
    if size > _GROWN:
        raise _Refused("makes a value that is too large")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict)) else 1


def _plus(left: Any, right: Any) -> Any:
    _bounded(_size(left) + _size(right))
    return operator.add(left, right)


def _times(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (str, list, tuple)) and isinstance(other, int):
            _bounded(len(one) * max(0, other))
        elif isinstance(one, int) and one.bit_length() > _BITS:
            raise _Refused("makes a number that is too large")
    return operator.mul(left, right)


def _percent(left: Any, right: Any) -> Any:
    if isinstance(left, str) and _WIDE.search(left):
        raise _Refused("has a format that is too wide")
    return operator.mod(left, right)


def _power(_left: Any, _right: Any) -> Any:
    raise _Refused("** is not available here")


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _plus, "*": _times, "%": _percent, "**": _power,
}  # fmt: skip


def _joined(values: Iterable[Any]) -> str:
    """The values of `a ~ b ~ c`."""
    texts = [_shown(value) for value in values]
    _bounded(sum(map(len, texts)))
    return "".join(texts)


def _join(values: Iterable[Any], between: str = "") -> str:
    texts = [_shown(value) for value in values]
    _bounded(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _shown(value)
    _bounded(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _round(value: Any, places: int = 0) -> float:
    if not 0 <= places <= _PLACES:
        raise _Refused(f"rounds to more than {_PLACES} places")
    return round(float(value), places)


def _format(text: str, *values: Any) -> Any:
    return _percent(text, values)


def _range(*given: int) -> range:
    made = range(*given)
    if len(made) > STEPS:
        raise _Refused(f"counts further than {STEPS}")
    return made


def _counted(values: Iterable[Any]) -> Iterator[Any]:
    """The values of a loop, each turn counted."""
    meter = _meter.get()
    for value in values:
        meter.step()
        yield value


def _metered(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # with Jinja's marks of what it is to be given
    def counted(*given: Any, **named: Any) -> Any:
        _meter.get().step()
        return function(*given, **named)

    return counted


def _shown(value: Any) -> str:
    """A value as a text shows it: nothing for null, JSON for what is no text or number."""
    if value is None:
        return ""
    if isinstance(value, (str, Undefined)) or (
        isinstance(value, (int, float)) and not isinstance(value, bool)
    ):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, dict):
        value = list(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        raise _Refused("shows what is no value") from None


class _Counting(NodeTransformer):
    """Puts a counter into every loop, and a bound around what is joined."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 Jinja's name
        self.generic_visit(node)
        if node.recursive:
            raise TemplateSyntaxError("a loop cannot be recursive here", node.lineno)
        node.iter = nodes.Filter(node.iter, " counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 Jinja's name
        self.generic_visit(node)
        values = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(values, " joined", [], [], None, None, lineno=node.lineno)


class _Sandbox(SandboxedEnvironment):
    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self) -> None:
        # Not optimised: that would work out constant parts before anybody counts.
        super().__init__(undefined=_Missing, optimized=False, finalize=_shown, cache_size=0)
        self.globals = {"range": _metered(_range)}
        own = {"join": _join, "replace": _replace, "round": _round, "format": _format}
        known = {name: FILTERS[name] for name in _FILTERS} | own
        known |= {" counted": _counted, " joined": _joined}  # names that no template can write
        self.filters = {name: _metered(function) for name, function in known.items()}
        self.binop_table |= _OPERATORS

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(_REFUSED):
            words = f"{type(node).__name__.lower()} is not available here"
            raise TemplateSyntaxError(words, node.lineno)
        return _Counting().visit(tree)  # type: ignore[no-any-return]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: what is in the data first, then what the tables allow."""
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        for kind, allowed in ((Mapping, _OF_MAPPING), (str, _OF_TEXT), (LoopContext, _OF_LOOP)):
            if isinstance(obj, kind) and attribute in allowed:
                return getattr(obj, attribute)
        if isinstance(obj, tuple) and attribute in getattr(obj, "_fields", ()):  # of `groupby`
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`."""
        if isinstance(obj, (Mapping, str, list, tuple)):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str) or isinstance(obj, Undefined):
            return self.getattr(obj, argument)
        return self.undefined(obj=obj, name=str(argument))

    def call(self, context: Context, function: Any, /, *given: Any, **named: Any) -> Any:
        """A call, counted. The sandbox lets only through what `getattr` has given."""
        _meter.get().step()
        return super().call(context, function, *given, **named)


_SANDBOX = _Sandbox()


class Template:
    """A template that was read. `field` names it in what is said of faults."""

    def __init__(self, source: str, field: str) -> None:
        """TemplateFault for one that cannot be."""
        self.field = field
        self.source = source
        if len(source) > SOURCE_LIMIT:
            raise TemplateFault(field, f"is longer than {SOURCE_LIMIT} characters")
        try:
            self._template = _SANDBOX.from_string(source)
        except TemplateSyntaxError as error:
            words = (error.message or "cannot be read").rstrip(".")
            raise TemplateFault(field, words, error.lineno) from None
        except TemplateError as error:
            raise TemplateFault(field, str(error)) from None
        except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError):
            raise TemplateFault(field, "is nested too deeply, or has a number too long") from None
        # A chain of mappings otherwise, gone through twice for each text.
        self._template.globals = dict(self._template.globals)

    def render(
        self, values: Mapping[str, Any], *, limit: int = OUTPUT_LIMIT, budget_s: float = BUDGET_S
    ) -> str:
        """The text it makes of JSON `values`, `limit` characters at most; TemplateFault."""
        token = _meter.set(_Meter(budget_s))
        try:
            return self._render(values, limit)
        except TemplateFault:
            raise
        except _Refused as error:
            raise self._fault(str(error), error) from None
        except UndefinedError as error:
            raise self._fault(self._what_is_missing(error), error) from None
        except TemplateError as error:
            raise self._fault(error.message or "cannot be worked out", error) from None
        except RecursionError as error:
            raise self._fault("is nested too deeply", error) from None
        # Whatever a template makes of somebody's data: it is the template that failed.
        except Exception as error:  # noqa: BLE001
            words = f"cannot be worked out ({type(error).__name__})"
            raise self._fault(words, error) from None
        finally:
            _meter.reset(token)

    def _render(self, values: Mapping[str, Any], limit: int) -> str:
        made: list[str] = []
        octets = 0
        for piece in self._template.root_render_func(self._template.new_context(dict(values))):
            octets += len(piece)
            if octets > limit:
                raise TemplateFault(self.field, f"makes more than {limit} characters")
            made.append(piece)
        return "".join(made)

    def _what_is_missing(self, error: UndefinedError) -> str:
        """Its name, where the template writes it: else it is somebody's data."""
        named = _NAMES.findall(error.message or "")
        if named and named[-1] in self.source:
            return f"{named[-1]!r} is not there"
        return "names something that is not there"

    def _fault(self, words: str, error: BaseException) -> TemplateFault:
        return TemplateFault(self.field, words, self._line(error.__traceback__))

    def _line(self, trace: TracebackType | None) -> int | None:
        found: int | None = None
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is self._template:
                found = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return found
