"""A grammar of the calls that a model must make, in the syntax that it was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from typing import Literal as OneOf

from hob.engine.grammar.refusal import Refusal, plain
from hob.engine.grammar.schema import checked_schema
from hob.engine.output.format import ARGUMENTS, NAME, Format
from hob.engine.output.thoughts import ThoughtMarks
from hob.errors import InvalidRequest
from hob.wire.chat import Tool
from hob.wire.constraint import Lark

Thinking = OneOf["no", "maybe", "inside"]

# "One or more" calls ends somewhere, or a small model goes on until its tokens are used up.
_MOST_CALLS = 16
# The same as for any other JSON: see hob.engine.grammar.constraints.
_GUIDANCE = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": 'nrbtf\\"',
}
_APPLICATORS = ("$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if")


class Marks(Protocol):
    """Looks marks up in a vocabulary: the token, or the control token, that is one."""

    def token(self, mark: str) -> int | None: ...

    def control(self, mark: str) -> int | None: ...


def call_grammar(
    form: Format, tools: Sequence[Tool], table: Marks, *, parallel: bool, thinking: Thinking
) -> Lark:
    """At least one call of one of `tools`, and exactly one unless `parallel`; thoughts may come
    first, or come first since the prompt has opened them.

    Raises InvalidRequest when arguments cannot be kept to a tool's schema.
    """
    writer = _Writer(form, table)
    syntax = form.syntax
    names = [f"call_{number}" for number in range(len(tools))]
    calls = [
        f"{name}: {_call(form, tool, writer.literal)}"
        for name, tool in zip(names, map(_checked, tools), strict=True)
    ]
    more = ""
    if parallel and syntax.between is not None:
        more = f"({writer.literal(syntax.between)} one_call){{0,{_MOST_CALLS - 1}}}"
    thoughts = writer.thoughts(form.thoughts, thinking)
    start = f"{writer.literal(syntax.before)} one_call {more} {writer.literal(syntax.after)}"
    rules = [f"start: {thoughts} {start}", f"one_call: {' | '.join(names)}", *calls]
    return Lark(grammar="\n".join([*rules, *form.rules, *writer.rules]))


def _call(form: Format, tool: Tool, literal: Callable[[str], str]) -> str:
    head, tail = form.syntax.call.split(ARGUMENTS)
    schema = arguments_schema(tool)
    if form.arguments:
        arguments = form.arguments(tool, literal)
    elif schema is None:
        arguments = '"{}"'
    else:
        arguments = f"%json {json.dumps(schema)}"
    return f"{literal(head.replace(NAME, tool.name))} {arguments} {literal(tail)}"


def _checked(tool: Tool) -> Tool:
    """The tool with a schema that is safe to compile, and that every call will keep to."""
    try:
        parameters = json.loads(checked_schema(tool.parameters))
    except Refusal as error:
        raise InvalidRequest(
            f"The parameters of the tool {tool.name!r} cannot be kept to: {plain(str(error))}",
            hint="Change them, or leave it to the model whether it calls: tool_choice `auto`.",
            param="tools",
        ) from error
    return Tool(name=tool.name, description=tool.description, parameters=parameters)


def arguments_schema(tool: Tool) -> dict[str, Any] | None:
    """The schema of a tool's arguments with nothing left open that a small model would lose itself
    in; None for a tool without any.

    Raises InvalidRequest when it is no schema of an object.
    """
    schema = tool.parameters
    if schema.get("type", "object") != "object":
        raise InvalidRequest(
            f"The parameters of the tool {tool.name!r} are no object, so it cannot be called.",
            hint='Give "parameters" a JSON Schema with "type": "object".',
            param="tools",
        )
    if not any(key in schema for key in ("properties", "additionalProperties", *_APPLICATORS)):
        return None
    if schema.get("properties") == {} and not schema.get("additionalProperties"):
        return None
    closed = {"type": "object", **schema, "x-guidance": _GUIDANCE}
    if "properties" in schema and not any(key in schema for key in _APPLICATORS):
        closed.setdefault("additionalProperties", False)
    return closed


class _Writer:
    """Writes texts as expressions of a grammar, in which marks are their tokens. A mark that is no
    control token may be spelled as well. `rules` are needed besides."""

    def __init__(self, form: Format, table: Marks) -> None:
        self._table = table
        thoughts = (form.thoughts.open, form.thoughts.close) if form.thoughts else ()
        self._marks = (*form.marks, *thoughts)
        self.rules: list[str] = []

    def literal(self, text: str) -> str:
        parts = re.split("(" + "|".join(map(re.escape, self._marks)) + ")", text)
        return " ".join(
            self._mark(part) if index % 2 else _quoted(part)
            for index, part in enumerate(parts)
            if part
        )

    def _mark(self, mark: str) -> str:
        if (control := self._table.control(mark)) is not None:
            return f"<[{control}]>"
        if (token := self._table.token(mark)) is not None:
            return f"(<[{token}]> | {_quoted(mark)})"
        return _quoted(mark)

    def thoughts(self, marks: ThoughtMarks | None, thinking: Thinking) -> str:
        if not marks or thinking == "no":
            return ""
        token, control = self._table.token(marks.close), self._table.control(marks.close)
        ends = []
        if token is not None:
            ends.append(f"/(?s:.*)/ <[{token}]>")
        if control is None:
            # What the model spells ends at the first mark: the rule matches as little as it can.
            pattern = re.escape(marks.close).replace("/", r"\/")
            self.rules.append(f"spelled_thought[lazy]: /(?s:.*){pattern}/")
            ends.append("spelled_thought")
        self.rules.append(f"thought: {' | '.join(ends)}")
        rest = f"thought {self.literal(marks.then)} (/[ \\n]{{1,4}}/)?"
        return rest if thinking == "inside" else f"({self.literal(marks.open)} {rest})?"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
