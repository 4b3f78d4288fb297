"""One entry of the log: made from a record, written as a line of JSON, shown as a line of text.

    {"ts": "2026-01-31T12:00:00.000Z", "level": "info", "logger": "hob.pool", "msg": "...", ...}

`ts` is UTC; `exc` is a traceback; every other key is a field that the caller added with `extra`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error", "critical")

# A runaway message must not fill the disk.
_LONGEST_TEXT = 16_384

_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_NO_FIELDS = frozenset({"ts", "level", "logger", "msg", "exc"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Entry = Mapping[str, object]


def entry_of(record: logging.LogRecord) -> Entry:
    """The entry for a record whose message is already formatted."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry: dict[str, object] = {
        "ts": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    for name, value in record.__dict__.items():
        if name not in _STANDARD_FIELDS and name not in _NO_FIELDS:
            entry[name] = value
    if record.exc_text:
        # The last lines of a traceback say what happened.
        entry["exc"] = record.exc_text[-_LONGEST_TEXT:]
    return entry


def json_line(entry: Entry) -> bytes:
    """`entry` as one line of valid JSON, whatever its fields are."""
    cut = {name: _cut(value) for name, value in entry.items()}
    try:
        text = json.dumps(cut, ensure_ascii=False, allow_nan=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        # Cycles, NaN and keys that are not text: those fields are kept as what Python prints.
        plain = {str(name): v if isinstance(v, str) else _cut(repr(v)) for name, v in cut.items()}
        text = json.dumps(plain, ensure_ascii=False)
    # A lone surrogate has no UTF-8; backslashreplace writes it as JSON's own escape.
    return text.encode(errors="backslashreplace") + b"\n"


def plain_line(entry: Entry) -> str:
    """`entry` for a person, in local time, without anything that a terminal would obey."""
    fields = [f"{name}={_shown(value)}" for name, value in entry.items() if name not in _NO_FIELDS]
    line = f"{_local_time(entry)} {entry.get('level', '?'):<7} {entry.get('logger', '?')}: "
    line += " ".join([str(entry.get("msg", "")), *fields])
    if exc := entry.get("exc"):
        line += f"\n{exc}"
    # Indented, so that a message cannot pass its second line off as another entry.
    return visible(line).replace("\n", "\n    ")


def visible(text: str) -> str:
    """`text` with control characters written out, so that none acts on a terminal."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def _local_time(entry: Entry) -> str:
    try:
        at = datetime.fromisoformat(str(entry.get("ts")))
    except ValueError:
        return str(entry.get("ts", "?"))
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _shown(value: object) -> str:
    # Bare words as they are; quotes show where other texts begin and end.
    if isinstance(value, str) and value and not set(value) & set(' \n"'):
        return value
    return json.dumps(value, ensure_ascii=False, default=repr)


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}... ({len(value)} characters)"
    return value
