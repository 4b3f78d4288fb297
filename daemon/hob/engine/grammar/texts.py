"""Grammars and regular expressions as text: what is looked at before llguidance reads them."""

from __future__ import annotations

import re

from hob.engine.grammar.refusal import Refusal
from hob.wire.constraint import MAX_CHOICES, MAX_GRAMMAR_CHARS

MAX_REPEAT = 10_000
MAX_RULES = 5_000
# In a regular expression; for a grammar's rules llguidance has a lower one of its own.
MAX_NESTING = 200

_REPEAT = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}|~\s*(\d+)(?:\s*\.\.\s*(\d+))?")
_REGEX_PART = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\s*(?P<least>\d*)\s*,?\s*(?P<most>\d*)\s*\}|.", re.S
)
_DEFINITION = re.compile(r"^\s*[!?]?[A-Za-z_][\w\-]*(?:\.\d+)?\s*(?:\[[^\]\n]*\]\s*)?:", re.M)


def check_text(text: str) -> None:
    """Raises Refusal for what is too long or not Unicode."""
    if len(text) > MAX_GRAMMAR_CHARS:
        raise Refusal(f"it has {len(text)} characters; {MAX_GRAMMAR_CHARS} are allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("it holds half of a surrogate pair, which is not text") from error


def check_repeats(text: str) -> None:
    """Raises Refusal for a repetition that is larger than what is counted to."""
    for match in _REPEAT.finditer(text):
        for digits in match.groups():
            if digits and (
                len(digits.lstrip("0")) > len(str(MAX_REPEAT)) or int(digits) > MAX_REPEAT
            ):
                raise Refusal(
                    f"it repeats something more than {MAX_REPEAT} times: {match.group()[:40]}"
                )


def check_regex(pattern: str) -> None:
    """Raises Refusal."""
    check_text(pattern)
    check_repeats(pattern)
    # For each open group, how often at most something within it is repeated.
    most = [1]
    closed = 1
    for match in _REGEX_PART.finditer(pattern):
        part = match.group()
        if part == "(":
            most.append(1)
            if len(most) > MAX_NESTING + 1:
                raise Refusal(f"it is nested more than {MAX_NESTING} levels deep")
        elif part == ")" and len(most) > 1:
            closed = most.pop()
            most[-1] = max(most[-1], closed)
        elif match["least"] is not None:
            repeated = closed * int(match["most"] or match["least"] or 1)
            if repeated > MAX_REPEAT:
                raise Refusal(f"it repeats something more than {MAX_REPEAT} times, all in all")
            most[-1] = max(most[-1], repeated)
        if part != ")":
            closed = 1


def check_lark(grammar: str) -> None:
    """Raises Refusal."""
    check_text(grammar)
    check_repeats(grammar)
    if not grammar.strip():
        raise Refusal("it is empty")
    if grammar.lstrip().startswith("{"):
        # llguidance would take it for its own notation, and nothing here has looked into that.
        raise Refusal("it begins with {, which no rule does")
    count = sum(1 for _match in _DEFINITION.finditer(grammar))
    if count > MAX_RULES:
        raise Refusal(f"it has {count} rules; {MAX_RULES} are allowed")


def choices_to_lark(choices: tuple[str, ...]) -> str:
    """A grammar that matches each of the texts as it stands. Raises Refusal."""
    if not choices:
        raise Refusal("it is empty")
    if len(choices) > MAX_CHOICES:
        raise Refusal(f"it has {len(choices)} choices; {MAX_CHOICES} are allowed")
    check_text("".join(choices))
    return "start: CHOICE\nCHOICE: " + " | ".join(map(lark_string, dict.fromkeys(choices)))


def lark_string(text: str) -> str:
    """The Lark literal that matches `text`."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char.isascii() and char.isprintable():
        return "\\" + char if char in '"\\' else char
    if ord(char) < 0x20 or ord(char) == 0x7F:
        return f"\\u{ord(char):04x}"
    return char
