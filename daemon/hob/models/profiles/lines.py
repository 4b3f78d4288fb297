"""On which line of a TOML text is what: it knows lines, not TOML, and points people to places."""

from __future__ import annotations

import re

# tomllib takes time by the square of the parts of a key; no profile needs more than a few.
_MAX_PARTS = 64
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_ENDLESS_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MAX_PARTS},}}")
_TRIPLE_QUOTE = re.compile(r'"""|\'\'\'')


def endless_key(text: str) -> int:
    """The first line with a key of very many parts, 0 for none. It looks into strings as well,
    since where these begin and end is what only a parser knows."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") >= _MAX_PARTS and _ENDLESS_KEY.search(line):
            return number
    return 0


def lines_of(text: str) -> dict[str, int]:
    """The line on which each key and table of `text` begins; a key is named with its table."""
    found: dict[str, int] = {}
    section = ""
    in_string = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not in_string and (name := _named_on(line, section)):
            if line.lstrip().startswith("["):
                section = name
            found.setdefault(name, number)
        in_string ^= len(_TRIPLE_QUOTE.findall(line)) % 2 == 1
    return found


def _named_on(line: str, section: str) -> str:
    line = line.partition("#")[0].strip()
    if line.startswith("["):
        return _plain(line.strip("[]"))
    name, equals, _ = line.partition("=")
    return ".".join(filter(None, (section, _plain(name)))) if equals else ""


def _plain(key: str) -> str:
    """Without quotes, as the parsed table has it; what is quoted may hold dots."""
    key = key.strip()
    return key[1:-1] if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'" else key
