"""What a plugin did wrong, as one sentence that names it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from hob.errors import HobError, PluginBroken

# Of a message that a plugin makes, no more than this is shown.
_MOST_CHARS = 300
_OURS = str(Path(__file__).parents[2])


def broken(plugin: str, what: str, why: str) -> PluginBroken:
    """`what` is a hook or "the action x"; `why` the rest of the sentence."""
    return PluginBroken(
        f"The plugin {plugin} failed in {what}: {why}.",
        hint=f"`hob plugins show {plugin}` tells more; `hob plugins disable {plugin}` ends it.",
        plugin=plugin,
    )


def blamed(plugin: str, what: str, error: BaseException) -> HobError:
    """The error of a plugin's code as one that may be shown; a HobError stays what it is."""
    if isinstance(error, HobError):
        return error
    said = one_line(_text_of(error))
    kind = one_line(type(error).__name__)
    where = _place(error)
    return broken(plugin, what, (f"{kind}: {said}" if said else kind) + where)


def one_line(text: str) -> str:
    """Printable, on one line, and short."""
    flat = " ".join(text[: 4 * _MOST_CHARS].split())
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in flat)
    return shown if len(shown) <= _MOST_CHARS else f"{shown[:_MOST_CHARS]}..."


def log_traceback(plugin: str, what: str, error: BaseException) -> None:
    """For the author: where it happened, on stderr, which is the daemon's log."""
    if isinstance(error, HobError):
        return
    try:
        lines = traceback.format_exception(error, limit=20)
    except Exception:
        lines = [f"{type(error).__name__}, which cannot be shown\n"]
    text = "".join(lines)[-8_000:]
    sys.stderr.write(f"plugin {plugin}, {what}:\n{text}")
    sys.stderr.flush()


def _text_of(error: BaseException) -> str:
    """What it says, even when saying it is what fails."""
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg)
        return str(error)
    except Exception:
        return "an error that cannot be shown"


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    try:
        frames = traceback.extract_tb(error.__traceback__)
    except Exception:
        return ""
    theirs = [f for f in frames if not f.filename.startswith((_OURS, "<frozen"))]
    if not theirs:
        return ""
    return f" ({one_line(Path(theirs[-1].filename).name)}, line {theirs[-1].lineno})"
