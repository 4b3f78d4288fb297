"""What a profile can be called, also when nothing else of it is right."""

from __future__ import annotations

import re

from hob.errors import ProfileInvalid
from hob.models.profiles.fields import Place, refusal
from hob.wire.base import ErrorInfo
from hob.wire.profiles import Profile

MAX_NAME_CHARS = 100

_NAME = re.compile(r"[^\W_][\w.:+-]*")
# What means the chosen model in a request.
_TAKEN = frozenset({"default"})


def bad_profile(name: str, path: str, problem: ProfileInvalid, model: str = "") -> Profile:
    return Profile(name=name, model=model, path=path, problem=ErrorInfo.of(problem))


def plain_name(text: str) -> str:
    """A file's name as the name of a profile."""
    return re.sub(r"[^\w.:+-]+", "-", text).strip("-._")[:MAX_NAME_CHARS] or "profile"


def check_name(name: str, place: Place, key: str = "name") -> str:
    """Raises ProfileInvalid for what a model cannot be called."""
    if _NAME.fullmatch(name) and len(name) <= MAX_NAME_CHARS and name.lower() not in _TAKEN:
        return name
    allowed = (
        f"up to {MAX_NAME_CHARS} letters, digits and . _ : + -, beginning with a letter or digit; "
        "`default` is taken"
    )
    raise refusal("name", name, place, key, allowed=allowed)
