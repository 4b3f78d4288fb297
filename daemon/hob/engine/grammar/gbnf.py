"""llama.cpp's grammars (GBNF), translated to llguidance's dialect of Lark.

llguidance takes as much text as it can for each terminal and does not give back what the next one
needs, so a grammar is only the same there when its terminals are single characters. A grammar that
does not lead back to itself is one regular expression, though, which is exact and three times as
fast. Groups become rules of their own, so that nothing nests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from hob.engine.grammar.refusal import Refusal, shown
from hob.engine.grammar.texts import MAX_REPEAT, MAX_RULES, check_text, lark_string

MAX_NESTING = 100

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t]+ | \#[^\r\n]*)
  | (?P<newline>[\r\n])
  | (?P<define>::=)
  | (?P<name>[A-Za-z0-9_\-]+)
  | (?P<string>"(?:[^"\\\r\n]|\\.)*")
  | (?P<charset>\[(?:[^\]\\]|\\.)*\])
  | (?P<repeat>[*+?] | \{[\s\d,]*\})
  | (?P<sign>[()|.])
    """,
    re.X | re.S,
)
_CHAR = re.compile(
    r"\\(?:x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})"
    r"|(?P<plain>[nrt\"\\\[\]]))|(?P<char>[^\\])",
    re.S,
)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(slots=True)
class _Rule:
    """Alternatives, each a sequence of items."""

    alternatives: list[list[_Item]] = field(default_factory=lambda: [[]])


@dataclass(slots=True)
class _Item:
    """Characters as they stand, or one of a set, or a rule; and how often."""

    literal: str | None = None
    charset: str = ""
    rule: str = ""
    repeat: str = ""


def gbnf_to_lark(grammar: str) -> str:
    """Raises Refusal."""
    check_text(grammar)
    rules = _Parser(grammar).parse()
    if "root" not in rules:
        raise Refusal("it has no rule named root")
    for rule in rules.values():
        for item in (item for sequence in rule.alternatives for item in sequence):
            if item.rule and item.rule not in rules:
                raise Refusal(f"it uses the rule {shown(item.rule)}, which it does not define")
    return _Writer(rules).write()


class _Parser:
    def __init__(self, grammar: str) -> None:
        self._grammar = grammar
        self._rules: dict[str, _Rule] = {}
        self._open: list[_Rule] = []

    def parse(self) -> dict[str, _Rule]:
        tokens = self._tokens()
        at = 0
        while at < len(tokens):
            kind, text, place = tokens[at]
            following = tokens[at + 1][0] if at + 1 < len(tokens) else ""
            if kind == "name" and following == "define" and len(self._open) <= 1:
                self._define(text, place)
                at += 2
                continue
            if not self._open:
                raise self._error("a rule begins with its name and ::=", place)
            self._add(kind, text, place)
            at += 1
        if len(self._open) > 1:
            raise Refusal("a bracket is not closed")
        return self._rules

    def _tokens(self) -> list[tuple[str, str, int]]:
        tokens = []
        at = 0
        while at < len(self._grammar):
            match = _TOKEN.match(self._grammar, at)
            if match is None:
                raise self._error("this is not understood", at)
            if match.lastgroup not in ("space", "newline"):
                tokens.append((str(match.lastgroup), match.group(), at))
            at = match.end()
        return tokens

    def _define(self, name: str, place: int) -> None:
        if name in self._rules:
            raise self._error(f"the rule {shown(name)} is defined twice", place)
        rule = self._rules[name] = _Rule()
        self._open = [rule]
        self._check_size()

    def _check_size(self) -> None:
        if len(self._rules) > MAX_RULES:
            raise Refusal(f"it has more than {MAX_RULES} rules and groups")

    def _add(self, kind: str, text: str, place: int) -> None:
        rule = self._open[-1]
        sequence = rule.alternatives[-1]
        if kind == "name":
            sequence.append(_Item(rule=text))
        elif kind == "string":
            sequence.append(_Item("".join(self._chars(text[1:-1], place))))
        elif kind == "charset":
            sequence.append(_Item(charset=self._charset(text[1:-1], place)))
        elif kind == "repeat":
            self._repeat(sequence, text, place)
        elif text == ".":
            sequence.append(_Item(charset="/(?s:.)/"))
        elif text == "|":
            rule.alternatives.append([])
        elif text == "(":
            self._open_group(sequence)
        elif text == ")" and len(self._open) > 1:
            self._open.pop()
        else:
            raise self._error(f"{text!r} is not expected", place)

    def _open_group(self, sequence: list[_Item]) -> None:
        if len(self._open) > MAX_NESTING:
            raise Refusal(f"it is nested more than {MAX_NESTING} levels deep")
        # No rule can be called so.
        name = f"({len(self._rules)}"
        sequence.append(_Item(rule=name))
        group = self._rules[name] = _Rule()
        self._open.append(group)
        self._check_size()

    def _repeat(self, sequence: list[_Item], text: str, place: int) -> None:
        if not sequence:
            raise self._error(f"{text} repeats nothing", place)
        item = sequence[-1]
        if item.repeat:
            # Twice repeated: the inner one becomes a group.
            sequence.pop()
            self._open_group(sequence)
            self._open.pop().alternatives[-1].append(item)
            item = sequence[-1]
        if text[0] != "{":
            item.repeat = text
            return
        bounds = re.fullmatch(r"\{\s*(\d{1,9})\s*(?:(,)\s*(\d{1,9})?\s*)?\}", text)
        if bounds is None:
            raise self._error("a repetition is {m}, {m,} or {m,n}", place)
        least, open_end, most = bounds.groups()
        if max(int(least), int(most or 0)) > MAX_REPEAT:
            raise Refusal(f"it repeats something more than {MAX_REPEAT} times")
        item.repeat = (
            f"{{{int(least)},{int(most) if most else ''}}}" if open_end else f"{{{int(least)}}}"
        )

    def _chars(self, text: str, place: int) -> list[str]:
        chars = []
        at = 0
        while at < len(text):
            match = _CHAR.match(text, at)
            if match is None:
                raise self._error(f"{text[at : at + 2]} is no escape", place)
            code = match["x"] or match["u"] or match["U"]
            if code and (int(code, 16) > 0x10FFFF or 0xD800 <= int(code, 16) < 0xE000):
                raise self._error(f"{match.group()} is no character", place)
            plain = match["plain"]
            chars.append(
                chr(int(code, 16)) if code else _PLAIN.get(plain, plain) if plain else match["char"]
            )
            at = match.end()
        return chars

    def _charset(self, text: str, place: int) -> str:
        negated = text.startswith("^")
        body = text[1:] if negated else text
        # An escaped "-" does not exist, so a "-" between two characters makes a range.
        chars = self._chars(body, place)
        if not chars:
            if negated:
                return "/(?s:.)/"
            raise self._error("[] matches nothing", place)
        parts = []
        at = 0
        while at < len(chars):
            if at + 2 < len(chars) and chars[at + 1] == "-":
                if chars[at] > chars[at + 2]:
                    raise self._error(f"a range of [{text[:20]}] is upside down", place)
                parts.append(f"{_class_char(chars[at])}-{_class_char(chars[at + 2])}")
                at += 3
            else:
                parts.append(_class_char(chars[at]))
                at += 1
        return f"/[{'^' if negated else ''}{''.join(parts)}]/"

    def _error(self, why: str, place: int) -> Refusal:
        line = self._grammar.count("\n", 0, place) + 1
        return Refusal(f"line {line}: {why}")


def _class_char(char: str) -> str:
    return char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):X}}}"


class _Writer:
    def __init__(self, rules: dict[str, _Rule]) -> None:
        self._rules = rules
        # llguidance tells a terminal by its upper case.
        self._regular = "root" in _terminals(rules)
        prefix = "T" if self._regular else "r"
        self._names = {name: f"{prefix}{number}" for number, name in enumerate(rules)}

    def write(self) -> str:
        lines = [f"start: {self._names['root']}"]
        for name, rule in self._rules.items():
            sequences = (" ".join(map(self._item, items)) for items in rule.alternatives)
            body = " | ".join(sequence or '""' for sequence in sequences)
            lines.append(f"{self._names[name]}: {body}")
        return "\n".join(lines) + "\n"

    def _item(self, item: _Item) -> str:
        if item.rule:
            return self._names[item.rule] + item.repeat
        if item.literal is None:
            return item.charset + item.repeat
        if self._regular or len(item.literal) < 2:
            return lark_string(item.literal) + item.repeat
        text = " ".join(map(lark_string, item.literal))
        return f"({text}){item.repeat}" if item.repeat else text


def _terminals(rules: dict[str, _Rule]) -> set[str]:
    """The rules that no chain of references leads back to themselves from."""
    users: dict[str, list[str]] = defaultdict(list)
    open_references: dict[str, int] = {}
    for name, rule in rules.items():
        used = {item.rule for sequence in rule.alternatives for item in sequence if item.rule}
        open_references[name] = len(used)
        for other in used:
            users[other].append(name)
    found = set()
    waiting = [name for name, count in open_references.items() if not count]
    while waiting:
        name = waiting.pop()
        found.add(name)
        for user in users[name]:
            open_references[user] -= 1
            if not open_references[user]:
                waiting.append(user)
    return found
