"""What a text looks like: a guess that helps to choose the actions that suit it."""

from __future__ import annotations

import re

from hob.wire.plugins import ContentKind

# What comes after this is not looked at: the beginning tells, and the guess must cost nothing.
_LOOKED_AT_CHARS = 20_000
_LOOKED_AT_LINES = 200
_LINE_CHARS = 400
_MOST_LINKS = 20
# Cells of prose that happens to have commas are longer.
_CELL_CHARS = 40
_CELLS = 100

_LINK = re.compile(r"(?:(?:https?|ftp|file)://|mailto:|www\.)\S+", re.I)

_MAIL_HEADER = re.compile(
    r"(?:from|to|cc|bcc|subject|date|reply-to|von|an|betreff|gesendet|datum|de|à|objet|asunto"
    r"|para):[ \t]",
    re.I,
)
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|hallo|hey|moin|liebe[rs]?"
    r"|sehr geehrte[rs]?|guten (?:tag|morgen|abend)|bonjour|salut|ch[eè]re?s?|hola|buenos d[ií]as"
    r"|estimad[oa]s?|querid[oa]s?|ciao|gentile|buongiorno|ol[aá]|prezad[oa]s?|beste|geachte"
    r"|cześć|hej)\b[^.?;:={}()\[\]]{0,40}[,!]?\s*$",
    re.I,
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|warm|many)?\s*regards|best(?: wishes)?|cheers|many thanks|thanks(?: a lot)?"
    r"|thank you|sincerely(?: yours)?|yours(?: sincerely| truly| faithfully)?|take care|love"
    r"|(?:viele|liebe|beste|herzliche|sch[oö]ne)? ?gr(?:ü|ue|u)(?:ß|ss)e|mfg|lg|vg|danke"
    r"|mit freundlichen gr(?:ü|ue)(?:ß|ss)en|cordialement|bien à (?:toi|vous)|merci|saludos"
    r"|un saludo|atentamente|cordiali saluti|saluti|atenciosamente|groeten|met vriendelijke groet)"
    r"[,.!]?\s*$",
    re.I,
)
_QUOTED = re.compile(
    r"(?:on|am|le|el|il) .{6,120} (?:wrote|schrieb.*|a écrit|escribió|scritto)\s?:$"
)
_CHAT_LINE = re.compile(
    r"\[?\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\]?,? (?:- )?[^\W\d][\w .'-]{0,30}: "
)
_FROM_PERSON = re.compile(r"(?:from|von|de):[ \t].{0,80}@", re.I)

_ERROR = re.compile(
    r"Traceback \(most recent call last\)"
    r"|(?:[A-Za-z_][\w.]{0,80})?(?:Error|Exception|Panic)(?:\[\w+\])?: "
    r"|(?:fatal|error|panic|uncaught|unhandled|npm err!|gcc|ld)\b[^:]{0,60}: "
    r"|error\[E\d+\]|Exception in thread|Caused by: |panic: |thread '[^']{0,60}' panicked"
    r"|Segmentation fault|Bus error|core dumped|Aborted \(|Killed$|command not found$"
    r"|[^\s:]{1,120}:\d+(?::\d+)?: (?:fatal )?(?:error|warning)\b"
    r"|(?:zsh|bash|sh|fish): .{1,80}: ",
    re.I,
)
_STACK_LINE = re.compile(r"(?:at [\w.$<>/]{1,200}\(|File \"[^\"]{1,200}\", line \d+|#\d+ +0x)")
_LOG_LINE = re.compile(
    r"\[?(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d/\w{3}/\d{4}:\d\d|\w{3} [ \d]\d \d\d:\d\d:\d\d"
    r"|\d\d:\d\d:\d\d[.,]\d+).{0,120}?\b(?:debug|info|notice|warn(?:ing)?|error|fatal|critical"
    r"|\w+\[\d+\]:)",
    re.I,
)

_CODE_START = re.compile(
    r"#!|#include\b|#define\b|<\?(?:php|xml)|<!doctype|diff --git|@@ -\d|--- a/|\+\+\+ b/"
    r"|(?:async )?def \w+\(|class \w+[(:{ ]|from [\w.]+ import |import [\w.{*\"']+(?:$|;| from| as)"
    r"|(?:export |async |default )*function\b.{0,60}\(|(?:const|let|var) [\w{\[][^=]{0,60}="
    r"|(?:public|private|protected|static|final|abstract) [\w<>\[\]]+ |(?:pub )?fn \w+|func \w*\("
    r"|package [\w.]+;?$|use [\w:]+;|using [\w.]+;|namespace \w+|struct \w+|enum \w+ ?\{"
    r"|(?:if|for|while|switch) ?\(.{1,200}\) ?\{?$"
    r"|(?:if|for|while|elif|with|try|else|except|finally|case)\b.{0,200}:$"
    r"|select .{1,200} from |insert into |create table |alter table |update \w+ set "
    r"|@\w+(?:\(|$)|\$ \w+|sudo |return\b.{0,120};?$|raise \w+[.(\w]|print\(|console\.log\(",
)
_SQL = re.compile(r"(?:select|insert|create|alter|update|delete|with)\b", re.I)
_CODE_END = re.compile(r"(?:[;{}]|\)\s*[:{]|=>|\\|[\[(])$")
_ASSIGNS = re.compile(
    r"[\w.\[\]\"']{1,60}\s?(?::\s?[\w\[\], |]{1,40})?(?:[-+*/|&]?=)\s?\S|</?\w+[^<>]*>"
)
_JSON = re.compile(r"[{\[]\s*(?:[\"{\[\]}\d-]|$)")


def content_kind(text: str, image: str = "") -> ContentKind:
    """What `text` looks like; an image (a data URL) counts where there is no text.

    Takes time in proportion to the beginning of the text, at most a few milliseconds.
    """
    begin = text[:_LOOKED_AT_CHARS].strip()
    if not begin:
        return "image" if image else "text"
    lines = [line[:_LINE_CHARS].rstrip() for line in begin.split("\n", _LOOKED_AT_LINES)]
    full = [line.strip() for line in lines[:_LOOKED_AT_LINES] if line.strip()]
    if _are_links(full):
        return "link"
    if _is_message(full):
        return "message"
    if _is_error(full):
        return "error"
    if _is_table(full):
        return "table"
    if _is_code(full):
        return "code"
    return "message" if _ends_as_message(full) else "text"


def _are_links(lines: list[str]) -> bool:
    return len(lines) <= _MOST_LINKS and all(_LINK.fullmatch(line) for line in lines)


def _is_message(lines: list[str]) -> bool:
    """It begins as people begin to write to each other, or is what a mail program copies."""
    heads = sum(bool(_MAIL_HEADER.match(line)) for line in lines[:8])
    if heads >= 2 or (lines and _FROM_PERSON.match(lines[0])):
        return True
    if len(lines) > 1 and len(lines[0]) <= 80 and _GREETING.match(lines[0]):
        return True
    return sum(bool(_CHAT_LINE.match(line)) for line in lines) >= max(2, len(lines) // 2)


def _ends_as_message(lines: list[str]) -> bool:
    if any(_QUOTED.match(line.lower()) for line in lines[:3]):
        return True
    opened = re.match(
        r"(?:hi|hello|dear|hallo|hey|liebe[rs]?|bonjour|hola|ciao)\b.{0,30}[,!] ", lines[0], re.I
    )
    return bool(opened) or any(_CLOSING.fullmatch(line) for line in lines[-5:] if len(lines) > 1)


def _is_error(lines: list[str]) -> bool:
    stack = sum(bool(_STACK_LINE.match(line)) for line in lines)
    logs = sum(bool(_LOG_LINE.match(line)) for line in lines)
    # Code may raise errors and words may follow a colon: of many lines, one is not enough.
    named = sum(bool(_ERROR.match(line)) for line in lines)
    if stack >= 2 or logs >= max(1, (len(lines) + 1) // 2):
        return True
    return bool(
        named and (len(lines) <= 4 or stack or _ERROR.match(lines[0]) or named * 4 >= len(lines))
    )


def _is_table(lines: list[str]) -> bool:
    if len(lines) < 2:
        return False
    if any(re.fullmatch(r"\|?[ :|-]*-[ :|-]*", line) and "|" in line for line in lines[1:3]):
        return "|" in lines[0]
    return any(_in_columns(lines, sign) for sign in "\t;,|")


def _in_columns(lines: list[str], sign: str) -> bool:
    """Every line has as many cells, and they are short; one odd line is forgiven in many."""
    quoted = [re.sub(r'"[^"]*"', "_", line) for line in lines]
    counts = [line.count(sign) for line in quoted]
    usual = max(set(counts), key=counts.count)
    least = 1 if sign == "\t" or len(lines) >= 4 else 2
    if usual < least or usual > _CELLS or counts.count(usual) * 10 < len(counts) * 9:
        return False
    if sign == "\t":
        return True
    if sum(line.endswith((".", ";", "{", "!", "?", ",")) for line in lines) * 3 > len(lines):
        return False
    if sign == "," and sum(", " in line for line in quoted) * 2 > len(lines) and usual < 2:
        return False
    return sum(map(len, quoted)) <= _CELL_CHARS * sum(count + 1 for count in counts)


def _is_code(lines: list[str]) -> bool:
    first = lines[0]
    if first.startswith(("#!", "<?", "diff --git", "<!DOCTYPE", "<!doctype")):
        return True
    if _JSON.match(first) and lines[-1].endswith(("}", "]")):
        return True
    marks = 0.0
    for line in lines:
        low = line.lower() if _SQL.match(line) else line
        starts, ends = bool(_CODE_START.match(low)), bool(_CODE_END.search(line))
        assigns = bool(_ASSIGNS.match(line)) and not line.endswith((".", "?"))
        comment = line.startswith(("//", "/*", "* ", "# ", "--"))
        marks += 1 if starts or ends or assigns else 0.5 if comment else 0
    return marks >= max(1, len(lines) * 0.4)
