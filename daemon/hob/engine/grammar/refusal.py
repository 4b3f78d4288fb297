"""Why a constraint is refused, and how an answer ends whose constraint fails in its midst."""

from __future__ import annotations

import re

from hob.errors import InvalidRequest, WorkerError
from hob.wire.constraint import Constraint, JsonObject, JsonSchema

_HEAD = 160
_TAIL = 100
_SHOWN_NAME = 60
# llguidance quotes the lines around an error: "  12 | start: ..." and "     ^".
_EXCERPT = re.compile(r"^ *(?:\d+ \|.*|\^+ *)$", re.M)


class Refusal(Exception):
    """The constraint cannot be used; the text is one sentence that says why."""


class ConstraintFailed(WorkerError):
    """The constraint could not be followed further; this answer ends, others go on."""


def refused(constraint: Constraint, why: str, param: str) -> InvalidRequest:
    """The error for the caller; `why` may hold parts of a hostile text."""
    if isinstance(constraint, JsonObject | JsonSchema):
        what, default, hint = "JSON Schema", "response_format", "Change the schema and ask again."
    else:
        kind = type(constraint).__name__
        what = {"Regex": "regular expression", "Choices": "list of choices"}.get(kind, "grammar")
        default, hint = "grammar", f"Change the {what} and ask again."
    return InvalidRequest(
        f"The {what} cannot be used: {plain(why)}", hint=hint, param=param or default
    )


def plain(text: str) -> str:
    """`text` as one line of bounded length that can be printed."""
    line = " ".join(_EXCERPT.sub("", text).replace("<non-verbose/>", "").split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    if len(line) > _HEAD + _TAIL + 5:
        line = f"{line[:_HEAD]} ... {line[-_TAIL:]}"
    return line if line.endswith((".", "!", "?")) else f"{line}."


def shown(name: str) -> str:
    """A name out of a schema or grammar, quoted and short."""
    return repr(name if len(name) <= _SHOWN_NAME else name[:_SHOWN_NAME] + "...")
