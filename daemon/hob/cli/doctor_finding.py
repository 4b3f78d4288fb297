"""What a check of the doctor says."""

from __future__ import annotations

from typing import Literal

from hob.wire.base import Body

Level = Literal["ok", "warning", "problem"]


class Finding(Body, frozen=True):
    """One line of the report; `hint` says what to do."""

    check: str
    level: Level
    message: str
    hint: str = ""


def ok(check: str, message: str, hint: str = "") -> Finding:
    return Finding(check=check, level="ok", message=message, hint=hint)


def warning(check: str, message: str, hint: str) -> Finding:
    """It works, though not as well as it could, or not for long."""
    return Finding(check=check, level="warning", message=message, hint=hint)


def problem(check: str, message: str, hint: str) -> Finding:
    """Something does not work until it is mended."""
    return Finding(check=check, level="problem", message=message, hint=hint)
