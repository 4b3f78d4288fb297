"""What a profile may say: its fields, what is allowed in each, and how a wrong one is told."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, inspect

from hob.errors import Detail, ProfileInvalid
from hob.models.gguf.checks import clean
from hob.wire.base import Value
from hob.wire.chat import Effort, Role
from hob.wire.engine import KvType
from hob.wire.generate import MAX_STOP_CHARS, MAX_STOP_STRINGS, Priority
from hob.wire.openai.requests import MAX_ADAPTERS, AnswerTokens
from hob.wire.openai.sampling import SamplingFields
from hob.wire.template import MAX_TEMPLATE_CHARS

MAX_EXAMPLES = 256
_LONGEST_SHOWN = 80
# In seconds; Ollama's `m` beside the units of Hob's settings.
_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([a-z]+)")
_FOR_GOOD = -1.0
_MAX_KEEP_ALIVE_S = 366 * 24 * 3600.0

S = TypeVar("S", bound=msgspec.Struct)

Stop = Annotated[str, Meta(min_length=1, max_length=MAX_STOP_CHARS)]
Stops = Annotated[list[Stop], Meta(max_length=MAX_STOP_STRINGS)]


class WrittenAdapter(Value, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=4_096)]
    scale: Annotated[float, Meta(ge=-100, le=100)] = 1.0


class WrittenExample(Value, frozen=True, forbid_unknown_fields=True):
    role: Role
    content: str


class Written(Value, frozen=True):
    """What a profile says but for its sampling, which may stand here as well as in [sampling]."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    model: Annotated[str, Meta(min_length=1, max_length=4_096)] | None = None
    description: Annotated[str, Meta(max_length=1_000)] = ""
    system: str = ""
    examples: Annotated[list[WrittenExample], Meta(max_length=MAX_EXAMPLES)] = []
    max_tokens: AnswerTokens | None = None
    stop: Stops | Stop = []
    context_length: Annotated[int, Meta(ge=1, le=2**24)] | None = None
    kv_type: KvType | None = None
    template: Annotated[str, Meta(min_length=1, max_length=MAX_TEMPLATE_CHARS)] | None = None
    template_file: Annotated[str, Meta(min_length=1, max_length=4_096)] | None = None
    adapters: Annotated[list[WrittenAdapter | str], Meta(max_length=MAX_ADAPTERS)] = []
    priority: Priority | None = None
    keep_alive: str | float | None = None
    reasoning_effort: Effort | None = None


@dataclass(frozen=True)
class Place:
    """Where something was written: a file, and the lines of its keys where they are known."""

    path: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def words(self, key: str = "") -> str:
        """As the middle of a sentence."""
        line = self.lines.get(key)
        return f"in {clean(self.path)}" + (f", line {line}," if line else "")

    def details(self, key: str = "") -> dict[str, Detail]:
        line = self.lines.get(key)
        return {"file": self.path} | ({"line": line} if line else {})


def fields_of(data: Mapping[str, object], shape: type[S], place: Place, prefix: str = "") -> S:
    """What of `data` belongs to `shape`; `prefix` goes before the keys in the lines of the file.

    Raises ProfileInvalid for the first value that is not allowed, and says what is.
    """
    values: dict[str, object] = {}
    for name, kind in kinds_of(shape).items():
        if name not in data:
            continue
        native = data[name]
        try:
            value = msgspec.convert(native, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise refusal(name, native, place, prefix + name, allowed=words_of(kind)) from error
        # A range lets what is no number at all pass.
        if isinstance(value, float) and not math.isfinite(value):
            raise refusal(name, native, place, prefix + name, allowed=words_of(kind))
        values[name] = value
    return shape(**values)


def sampling_fields(
    data: Mapping[str, object], place: Place, prefix: str = ""
) -> dict[str, object]:
    """The fields of sampling that `data` holds, checked. Raises ProfileInvalid."""
    fields = fields_of(data, SamplingFields, place, prefix)
    return {name: getattr(fields, name) for name in kinds_of(SamplingFields) if name in data}


@functools.cache
def kinds_of(shape: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The type of each field."""
    return {found.name: found.type for found in msgspec.structs.fields(shape)}


def refusal(
    name: str, native: object, place: Place, key: str = "", *, allowed: str
) -> ProfileInvalid:
    """The error for a value that a field cannot have."""
    key = key or name
    return ProfileInvalid(
        f"{name} = {shown(native)} {place.words(key)} is not allowed.",
        hint=f"Allowed: {allowed}.",
        param=name,
        **place.details(key),
    )


def unknown_key(
    name: str, place: Place, key: str = "", known: Iterable[str] = ()
) -> ProfileInvalid:
    """The error for a key that means nothing, with the one that it may be a slip for."""
    from difflib import get_close_matches

    key = key or name
    names = tuple(known) or (*kinds_of(Written), "sampling", *kinds_of(SamplingFields))
    close = get_close_matches(name[:100].lower(), names, n=1, cutoff=0.6)
    guess = f"Did you mean {close[0]}? " if close else ""
    return ProfileInvalid(
        f"{clean(name)} {place.words(key)} is nothing that a profile can say.",
        hint=f"{guess}Known are: {', '.join(names)}."
        if len(names) < 20
        else f"{guess}The README lists what a profile may say.",
        param=clean(name),
        **place.details(key),
    )


def seconds_of(given: str | float, place: Place, key: str = "keep_alive") -> float:
    """How long `keep_alive` means; negative for good. Raises ProfileInvalid."""
    if isinstance(given, str):
        text = given.strip().lower()
        if text in ("never", "forever", "-1"):
            return _FOR_GOOD
        found = _DURATION.fullmatch(text)
        if text == "0":
            return 0.0
        if found and found[2] in _DURATION_UNITS:
            return min(float(found[1]) * _DURATION_UNITS[found[2]], _MAX_KEEP_ALIVE_S)
    elif given < 0:
        return _FOR_GOOD
    elif given <= _MAX_KEEP_ALIVE_S:
        return given
    allowed = (
        'seconds, or a time with a unit such as "30s", "10min" or "2h"; 0 unloads right after the '
        'answer, and "forever" keeps it'
    )
    raise refusal("keep_alive", given, place, key, allowed=allowed)


def shown(native: object) -> str:
    """A wrong value as it may stand in a message: short, and without what cannot be printed."""
    try:
        text = json.dumps(native, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "..."
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def words_of(kind: object) -> str:
    """What a type allows, in words."""
    return _words(inspect.type_info(kind))


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType(types=types):
            parts = [_words(one) for one in types if not isinstance(one, inspect.NoneType)]
            return ", or ".join(parts)
        case inspect.LiteralType(values=values):
            return ", ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in values)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _span(info)
        case inspect.FloatType():
            return "a number" + _span(info)
        case inspect.StrType(max_length=longest):
            return "text in quotes" + (f" of at most {longest} characters" if longest else "")
        case inspect.ListType(item_type=item, max_length=most):
            return f"a list of{f' up to {most}' if most else ''}: {_words(item)}"
        case inspect.StructType(fields=fields):
            return f"a table of {' and '.join(one.name for one in fields)}"
        case inspect.DictType():
            return "a table"
        case inspect.TupleType():
            return "a pair"
        case _:
            return "another value"


def _span(info: inspect.IntType | inspect.FloatType) -> str:
    low = f"{info.ge:g}" if info.ge is not None else ""
    if info.gt is not None:
        return f" above {info.gt:g}" + (f" up to {_plain(info.le)}" if info.le is not None else "")
    high = _plain(info.le) if info.le is not None else ""
    if low and high:
        return f" from {low} to {high}"
    return f" from {low} up" if low else f" up to {high}" if high else ""


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
