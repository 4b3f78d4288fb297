"""What an answer must look like."""

from __future__ import annotations

from typing import Any

from hob.wire.base import Value

MAX_GRAMMAR_CHARS = 262_144
MAX_CHOICES = 4_096


class JsonObject(Value, frozen=True, tag="json_object", tag_field="type"):
    """Any JSON object."""


class JsonSchema(Value, frozen=True, tag="json_schema", tag_field="type"):
    """JSON that validates against `schema`, which is an object, true or false: of draft 2020-12,
    or the one that its $schema names."""

    schema: Any


class Regex(Value, frozen=True, tag="regex", tag_field="type"):
    """The whole answer matches. The syntax is that of Rust's regex crate: no look-around and no
    backreferences."""

    pattern: str


class Lark(Value, frozen=True, tag="lark", tag_field="type"):
    """llguidance's dialect of Lark."""

    grammar: str


class Gbnf(Value, frozen=True, tag="gbnf", tag_field="type"):
    """llama.cpp's grammars."""

    grammar: str


class Choices(Value, frozen=True, tag="choices", tag_field="type"):
    """One of these texts, as it stands."""

    choices: tuple[str, ...]


Constraint = JsonObject | JsonSchema | Regex | Lark | Gbnf | Choices
