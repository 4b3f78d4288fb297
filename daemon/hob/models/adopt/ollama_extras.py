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
    return tuple(pair for pair in pairs if _can_be_said(*pair))[:_MAX_PARAMETERS]


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
    texts = [("TEMPLATE", extras.template), ("SYSTEM", extras.system)]
    texts += [(f"MESSAGE {role}", content) for role, content in extras.messages]
    for word, text in texts:
        if text.strip():
            quoted = _quoted(text)
            yield f"{word} {quoted}" if quoted else f"# {word} cannot be said here: left out"


def _quoted(text: str) -> str:
    """The text between quotes; empty when it would end them itself, or no text may hold it. It
    ends where a line ends with quotes, whatever white space comes after."""
    lines = text.replace("\r\n", "\n").split("\n")
    if "\0" in text or any(line.rstrip().endswith(_QUOTES) for line in lines[:-1]):
        return ""
    return f"{_QUOTES}{text}{_QUOTES}"


def _written(value: _Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if not value.strip():
        return ""  # an instruction that says nothing would spoil the whole Modelfile
    # Stop strings may well begin with the end of a line.
    return f'"{value}"' if value.isprintable() and '"' not in value else _quoted(value)


def _can_be_said(name: str, value: str) -> bool:
    return name.isidentifier() and name.isascii() and 0 < len(value) <= _MAX_VALUE_CHARS
