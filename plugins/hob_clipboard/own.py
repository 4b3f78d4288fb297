"""A person's own prompts: what `prompts.toml` may hold, and what is wrong with it, line by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from hob.wire.plugins import ContentKind, Source

MAX_PROMPTS = 200
MAX_FILE_BYTES = 1_000_000

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PLACE = re.compile(r"\{(clipboard|selection|input)\}")
_HEADING = re.compile(r"\s*\[\s*(?:\"([^\"]*)\"|'([^']*)'|([^\[\]\"']+?))\s*\]\s*(?:#.*)?")

Line = Annotated[str, Meta(max_length=200)]


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the file. `prompt` may hold {clipboard}, {selection} and {input}; without
    {clipboard} and {selection} the text that it `takes` is put before it."""

    prompt: Annotated[str, Meta(min_length=1, max_length=100_000)]
    name: str = ""
    title: Line = ""
    help: Line = ""
    takes: Source = "clipboard"
    kinds: tuple[ContentKind, ...] = ()
    asks: Line = ""
    choices: tuple[Line, ...] = ()
    hotkey: Line = ""
    model: Line = ""
    system: Annotated[str, Meta(max_length=100_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    plain: bool = False
    in_menu: bool = False

    @property
    def places(self) -> frozenset[str]:
        """The placeholders that it holds."""
        return frozenset(_PLACE.findall(self.prompt))

    def filled(self, values: dict[str, str]) -> str:
        """The prompt with its placeholders filled, once: what stands in the values stays."""
        return _PLACE.sub(lambda found: values.get(found[1], ""), self.prompt)


@dataclass(frozen=True)
class Mistake:
    """`line` counts from 1; 0 where it is not known."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class OwnPrompts:
    """Those that can be used; a mistake in one does not cost the others, unless the whole is no
    TOML (`broken`)."""

    prompts: tuple[Prompt, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    broken: bool = False


def read_prompts(text: str, taken: Collection[str]) -> OwnPrompts:
    """The prompts in the text of a file. `taken` are the names of other actions."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return OwnPrompts(mistakes=(_no_toml(text, str(error)),), broken=True)
    except RecursionError:
        said = "it is nested too deeply to be prompts"
        return OwnPrompts(mistakes=(Mistake(0, said),), broken=True)
    lines = _headings(text)
    prompts: list[Prompt] = []
    mistakes: list[Mistake] = []
    for number, (name, table) in enumerate(tables.items()):
        at = lines.get(name, 0)
        if number >= MAX_PROMPTS:
            mistakes.append(Mistake(at, f"these are more than {MAX_PROMPTS} prompts"))
            break
        found = _prompt(name, table, taken)
        if isinstance(found, Prompt):
            prompts.append(found)
        else:
            key, said = found
            mistakes.append(Mistake(_line_of(text, at, key), said))
    return OwnPrompts(tuple(prompts), tuple(mistakes))


def _prompt(name: str, table: object, taken: Collection[str]) -> Prompt | tuple[str, str]:
    """The prompt, or the key at fault and what is wrong."""
    if not isinstance(table, dict):
        return name, f'"{name}" stands outside of a prompt: begin one with a line such as [shorter]'
    if not _NAME.fullmatch(name):
        return "", (
            f'"{name}" cannot be a name: write small letters, digits and dashes, 64 at most'
        )
    if name in taken:
        return "", f'there is another action named "{name}": choose another name'
    try:
        prompt = msgspec.convert({**table, "name": name}, Prompt)
    except msgspec.ValidationError as error:
        return _readable(name, str(error))
    if prompt.asks and "input" not in prompt.places:
        return "asks", f"[{name}] asks for something that its prompt does not use: add {{input}}"
    if prompt.title:
        return prompt
    return msgspec.structs.replace(prompt, title=name.replace("-", " ").capitalize())


_AT = re.compile(r" - at `\$\.?([A-Za-z_]+)?.*`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")


def _readable(name: str, message: str) -> tuple[str, str]:
    """The key and a sentence, from what msgspec says; its words are kept where they are new."""
    if unknown := _UNKNOWN.match(message):
        known = ", ".join(f for f in Prompt.__struct_fields__ if f != "name")
        return unknown[
            1
        ], f'[{name}] has "{unknown[1]}", which means nothing here; there are {known}'
    if missing := _MISSING.match(message):
        return "", f'[{name}] has no "{missing[1]}", the text for the model'
    at = _AT.search(message)
    key = at[1] if at and at[1] else ""
    said = _AT.sub("", message).replace(" | null", "").lower()
    return key, f'[{name}] "{key}": {said}'


def _no_toml(text: str, message: str) -> Mistake:
    place = re.search(r"\(at line (\d+), column \d+\)", message)
    said = re.sub(r"\s*\(at .*\)$", "", message)
    line = int(place[1]) if place else len(text.rstrip("\n").split("\n"))
    return Mistake(line, f"this is no TOML, so none of the file is used: {said}")


def _headings(text: str) -> dict[str, int]:
    """The line of each table's heading; lines inside of long texts are none."""
    found: dict[str, int] = {}
    for number, line in _plain_lines(text):
        if heading := _HEADING.fullmatch(line):
            found.setdefault(next(filter(None, heading.groups()), ""), number)
    return found


def _line_of(text: str, heading: int, key: str) -> int:
    """The line of a key below a heading, or the heading's."""
    if not key:
        return heading
    for number, line in _plain_lines(text):
        if number > heading:
            if _HEADING.fullmatch(line):
                break
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
    return heading


def _plain_lines(text: str) -> list[tuple[int, str]]:
    """The lines that do not begin inside of a text of several lines."""
    found = []
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not inside:
            found.append((number, line))
        for quotes in re.findall(r'"""|\'\'\'', line):
            inside = "" if inside == quotes else inside or quotes
    return found
