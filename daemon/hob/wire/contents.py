"""What a text looks like, for choosing the actions that suit it: a guess from its first part."""

from __future__ import annotations

import re

from hob.wire.plugins import ContentKind

# More than this tells nothing more; the work is linear in it.
_MOST_CHARS = 8_000
_MOST_LINES = 200
_LINE_CHARS = 400

_LINK = re.compile(r"(?:https?|ftp)://\S+|www\.[\w-]+\.\S+|mailto:\S+")
_ERROR = re.compile(
    r"Traceback \(most recent call last\)|^\s*at [\w.$<>]+\(.{0,200}:\d+\)|panicked at"
    r"|^\s*(?:[\w.]*(?:Error|Exception)|fatal|FATAL|panic|E\d{4})\b.{0,3}[:\]]"
    r"|\b(?:segmentation fault|core dumped|command not found|undefined reference)\b"
    r"|^\S{1,200}:\d+(?::\d+)?: (?:fatal )?(?:error|warning)",
    re.MULTILINE,
)
_LOG_LINE = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d.{0,80}\b(?:ERROR|FATAL|CRITICAL)\b")
_CODE_LINE = re.compile(
    r"^\s*(?:def |class |import |from \w[\w.]* import |function\b|const |let |var |public |"
    r"private |#include|#!/|package |func |fn |pub |impl |using |namespace |return\b|if \(|for \(|"
    r"while \(|SELECT\b|INSERT\b|UPDATE\b|CREATE\b|<\?php|<!DOCTYPE|</?[a-z][\w-]*[ >]|@\w+|\}|//|"
    r"/\*|elif |else:|try:|except\b|echo |sudo |\$ )"
)
_CODE_END = re.compile(r"[;{}]\s*$|\)\s*:\s*$|=>\s*\{?\s*$")
_GREETING = re.compile(
    r"^\s*(?:dear|hi|hello|hey|good (?:morning|afternoon|evening)|sehr geehrte\w*|liebe[rs]?|hallo|"
    r"guten (?:tag|morgen|abend)|moin|bonjour|salut|ch[eè]re?s?|hola|estimad[oa]s?|querid[oa]s?|"
    r"ciao|buongiorno|gentile|prezad[oa]s?|ol[aá])\b[^\n]{0,60}[,!.:]?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = re.compile(
    r"^\s*(?:(?:best|kind|warm|many)?\s*(?:regards|wishes)|thanks|thank you|cheers|sincerely|yours|"
    r"viele gr[uü](?:ß|ss)e|mit freundlichen gr[uü](?:ß|ss)en|lg|vg|liebe gr[uü](?:ß|ss)e|"
    r"cordialement|bien [aà] vous|saludos|un saludo|cordiali saluti|atenciosamente)\b[^\n]{0,40}$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER = re.compile(r"^(?:from|to|cc|subject|date|sent|von|an|betreff|gesendet): ", re.I | re.M)
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)+\|?\s*$")


def content_kind(text: str, image: str = "") -> ContentKind:
    """The kind that fits best; `image` is a data URL, and counts where there is no text."""
    head = text[:_MOST_CHARS].strip()
    if not head:
        return "image" if image else "text"
    lines = [line[:_LINE_CHARS] for line in head.splitlines()[:_MOST_LINES]]
    if len(lines) == 1 and _LINK.fullmatch(head):
        return "link"
    short = "\n".join(lines)
    if _ERROR.search(short) or any(_LOG_LINE.match(line) for line in lines):
        return "error"
    if _is_table(lines):
        return "table"
    if _is_code(lines):
        return "code"
    if _is_message(short):
        return "message"
    return "text"


def _is_table(lines: list[str]) -> bool:
    full = [line for line in lines if line.strip()]
    if len(full) < 2:
        return False
    if any(_TABLE_RULE.match(line) for line in full[:3]) and "|" in full[0]:
        return True
    for mark in ("\t", ";", ","):
        counts = [line.count(mark) for line in full]
        enough = 1 if mark == "\t" else 2
        if counts[0] < enough or len(set(counts)) > (1 if mark != "," else 2):
            continue
        if mark == "\t" or _cells_are_short(full, mark):
            return min(counts) >= enough
    return False


def _cells_are_short(lines: list[str], mark: str) -> bool:
    """Sentences have commas as well, and long parts between them."""
    cells = [cell for line in lines for cell in line.split(mark)]
    ends = sum(line.rstrip().endswith((".", "!", "?", ",", ";", "{", "}", ")")) for line in lines)
    return sum(map(len, cells)) / len(cells) <= 24 and ends <= len(lines) // 4


def _is_code(lines: list[str]) -> bool:
    full = [line for line in lines if line.strip()]
    marked = sum(bool(_CODE_LINE.match(line) or _CODE_END.search(line)) for line in full)
    if len(full) == 1:
        return bool(_CODE_LINE.match(full[0]) and _CODE_END.search(full[0]))
    return marked >= 2 and marked / len(full) >= 0.3


def _is_message(text: str) -> bool:
    signs = bool(_GREETING.search(text[:400])) + bool(_CLOSING.search(text))
    return signs + (len(_HEADER.findall(text)) >= 2) >= 1
