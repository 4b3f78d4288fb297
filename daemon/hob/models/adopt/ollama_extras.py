"""What Ollama keeps of a model beside its weights, and the same as a Modelfile. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from hob.models.adopt.found import Extras
from hob.models.gguf.checks import clean

# By this line Hob knows the Modelfiles that it wrote itself, and may change or remove them.
MARK = "# Written by `hob models adopt`, with what Ollama sets for this model."

_QUOTES = '"""'
_MAX_PARAMETERS = 200
_MAX_MESSAGES = 200
_MAX_VALUE_CHARS = 200

_Scalar = str | int | float | bool


class _Message(msgspec.Struct):
    role: str
    content: str


def read_parameters(text: str) -> tuple[tuple[str, str], ...]:
    """Names and values, one for each stop string; nothing when the text is no such JSON."""
    try:
        given = msgspec.json.decode(text or "{}", type=dict[str, _Scalar | list[_Scalar]])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ()
    pairs = [
        (name, _written(value))
        for name, values in given.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return tuple(pair for pair in pairs if _fits_a_line(*pair))[:_MAX_PARAMETERS]


def read_messages(text: str) -> tuple[tuple[str, str], ...]:
    """Roles and texts; nothing when the text is no such JSON."""
    try:
        given = msgspec.json.decode(text or "[]", type=list[_Message])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ()
    roles = ("system", "user", "assistant")
    return tuple((one.role, one.content) for one in given if one.role in roles)[:_MAX_MESSAGES]


def modelfile(name: str, extras: Extras, model: str, adapters: Sequence[str]) -> str:
    """The Modelfile of Ollama's model `name`, whose GGUF file is at `model`; the `adapters` lie
    beside the Modelfile."""
    return "\n".join(_lines(name, extras, model, adapters)) + "\n"


def _lines(name: str, extras: Extras, model: str, adapters: Sequence[str]) -> Iterator[str]:
    yield MARK
    yield f"# {clean(name)}"
    yield f"FROM {model}"
    for adapter in adapters:
        yield f"ADAPTER ./{adapter}"
    for parameter, value in extras.parameters:
        yield f"PARAMETER {parameter} {value}"
    for word, text in (("TEMPLATE", extras.template), ("SYSTEM", extras.system)):
        if text.strip() and (quoted := _quoted(text)):
            yield f"{word} {quoted}"
    for role, content in extras.messages:
        if quoted := _quoted(content):
            yield f"MESSAGE {role} {quoted}"


def _quoted(text: str) -> str:
    """The text between quotes; empty when it holds them itself, which a Modelfile cannot say."""
    return "" if _QUOTES in text else f"{_QUOTES}{text}{_QUOTES}"


def _written(value: _Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _fits_a_line(name: str, value: str) -> bool:
    """Whether a line can hold it, so that no value becomes an instruction of its own."""
    return (
        name.isidentifier()
        and name.isascii()
        and len(value) <= _MAX_VALUE_CHARS
        and value.isprintable()
        and '"' not in value[1:-1]
    )
