"""How long a request wants its model to stay loaded: Ollama's `keep_alive`."""

from __future__ import annotations

import math
import re

from hob.errors import InvalidRequest

# As Go writes durations; months are no unit of it.
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,9})?)(ns|us|µs|ms|s|m|h)")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?")
_LONGEST_TEXT = 64


def keep_alive_of(given: float | str | None) -> float | None:
    """Seconds; 0 unloads after the answer, a negative number keeps the model until it is unloaded.

    `given` is such a number, or a duration as "5m", "1h30m", "0" or "-1". Raises InvalidRequest.
    """
    if given is None:
        return None
    seconds = given if isinstance(given, int | float) else _parsed(given.strip())
    if seconds is None or not math.isfinite(seconds):
        raise InvalidRequest(
            "`keep_alive` is not a number of seconds or a duration.",
            hint='Write 300, "5m", "1h30m", 0 to unload at once or -1 to keep the model.',
            param="keep_alive",
        )
    return float(seconds)


def _parsed(text: str) -> float | None:
    if len(text) > _LONGEST_TEXT:
        return None
    sign = -1.0 if text.startswith("-") else 1.0
    text = text[1:] if text[:1] in ("-", "+") else text
    if _NUMBER.fullmatch(text):
        return sign * float(text)
    total, at = 0.0, 0
    while part := _PART.match(text, at):
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    return sign * total if at == len(text) and text else None
