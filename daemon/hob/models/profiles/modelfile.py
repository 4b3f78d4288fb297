"""The grammar of Ollama's Modelfile (https://docs.ollama.com/modelfile), and no meaning.

A line is an instruction and what it says; case does not matter. Text of several lines stands
between quotes, `"` or three of them. A line that begins with # is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hob.errors import ProfileInvalid
from hob.models.gguf.checks import clean

INSTRUCTIONS = (
    "adapter",
    "from",
    "license",
    "message",
    "parameter",
    "parser",
    "renderer",
    "requires",
    "system",
    "template",
)
MAX_INSTRUCTIONS = 10_000

_TRIPLE = '"""'


@dataclass(frozen=True)
class Instruction:
    """`word` is in lower case; `name` is the parameter's name or the message's role; `line` is
    where it begins."""

    word: str
    value: str
    line: int
    name: str = ""


def parse_modelfile(text: str, path: str) -> list[Instruction]:
    """Raises ProfileInvalid that names the line."""
    found: list[Instruction] = []
    lines = text.replace("\r\n", "\n").split("\n")
    walk = iter(enumerate(lines, start=1))
    for number, line in walk:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, rest = _split(line)
        word = word.lower()
        if word not in INSTRUCTIONS:
            raise _unknown(word, path, number)
        name = ""
        if word in ("parameter", "message"):
            name, rest = _split(rest)
            name = name.lower()
        value = _value(rest, lines, walk, path, number)
        # Blanks between quotes are meant: a stop string may be one.
        said = value if rest.lstrip().startswith('"') else value.strip()
        if not said and word not in ("system", "message", "license"):
            raise _wrong(f"{word.upper()} says nothing", path, number)
        found.append(Instruction(word, value, number, name))
        if len(found) > MAX_INSTRUCTIONS:
            raise _wrong("there are too many instructions", path, number)
    return found


def _value(
    rest: str, lines: Sequence[str], walk: Iterator[tuple[int, str]], path: str, number: int
) -> str:
    """What an instruction says: the rest of the line, or what stands between the quotes."""
    rest = rest.strip()
    quote = _TRIPLE if rest.startswith(_TRIPLE) else '"' if rest.startswith('"') else ""
    if not quote:
        return rest
    said = rest[len(quote) :]
    parts: list[str] = []
    # As Ollama reads it: the text ends where a line ends with the quote.
    while not said.rstrip().endswith(quote):
        parts.append(said)
        try:
            _, said = next(walk)
        except StopIteration:
            raise _wrong(f"the text that begins with {quote} has no end", path, number) from None
    parts.append(said.rstrip().removesuffix(quote))
    return "\n".join(parts)


def _split(text: str) -> tuple[str, str]:
    word, rest = (*text.split(maxsplit=1), "", "")[:2]
    return word, rest.rstrip()


def _unknown(word: str, path: str, line: int) -> ProfileInvalid:
    from difflib import get_close_matches

    close = get_close_matches(word[:100], INSTRUCTIONS, n=1, cutoff=0.6)
    guess = f"Did you mean {close[0].upper()}? " if close else ""
    return ProfileInvalid(
        f"{clean(word.upper())[:40]} in {clean(path)}, line {line}, is no instruction of a"
        " Modelfile.",
        hint=f"{guess}Text of several lines stands between two times three quotes.",
        file=path,
        line=line,
    )


def _wrong(why: str, path: str, line: int) -> ProfileInvalid:
    return ProfileInvalid(
        f"{clean(path)}, line {line}, is not a Modelfile: {why}.",
        hint="Correct that line.",
        file=path,
        line=line,
    )
