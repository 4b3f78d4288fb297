"""What a plugin did wrong, as one sentence that names it."""

from __future__ import annotations

import contextlib
import os
import traceback
from pathlib import Path

from hob.errors import HobError, PluginBroken, error_classes

# Of a message that a plugin makes, no more than this is shown.
_MOST_CHARS = 300
_HOB_CHARS = 2_000
_MOST_DETAILS = 10
_OURS = str(Path(__file__).parents[2])


def broken(plugin: str, what: str, why: str) -> PluginBroken:
    """`what` is a hook or "the action x"; `why` the rest of the sentence."""
    return PluginBroken(
        f"The plugin {plugin} failed in {what}: {why}.",
        hint=f"`hob logs` shows where; `hob plugins disable {plugin}` turns the plugin off.",
        plugin=plugin,
    )


def blamed(plugin: str, what: str, error: BaseException) -> HobError:
    """The error of a plugin's code as one that may be shown; a HobError stays what it is, as far as
    it can be told."""
    if isinstance(error, HobError):
        try:
            return _tellable(error)
        except Exception:
            return broken(plugin, what, "an error that cannot be shown")
    said = one_line(_text_of(error))
    kind = one_line(type(error).__name__)
    where = _place(error)
    return broken(plugin, what, (f"{kind}: {said}" if said else kind) + where)


def _tellable(error: HobError) -> HobError:
    """A plugin may raise errors of Hob with anything in them."""
    details = {
        one_line(str(name)): one_line(value) if isinstance(value, str) else value
        for name, value in list(error.details.items())[:_MOST_DETAILS]
        if type(value) in (str, int, float, bool)
    }
    message, hint, param = (
        one_line(str(each), _HOB_CHARS) for each in (error.message, error.hint, error.param)
    )
    known = error_classes().get(type(error).code, HobError)
    return known(message, hint=hint, param=param, **details)


def one_line(text: str, most: int = _MOST_CHARS) -> str:
    """Printable, on one line, and short."""
    flat = " ".join(text[: 4 * most].split())
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in flat)
    return shown if len(shown) <= most else f"{shown[:most]}..."


def log_traceback(plugin: str, what: str, error: BaseException) -> None:
    """For the author: where it happened, on stderr, which is the daemon's log."""
    if isinstance(error, HobError):
        return
    try:
        lines = traceback.format_exception(error, limit=20)
    except Exception:
        lines = [f"{type(error).__name__}, which cannot be shown\n"]
    text = "".join(lines)[-8_000:]
    # Not by sys.stderr, which the plugin may have closed.
    with contextlib.suppress(OSError):
        os.write(2, f"plugin {plugin}, {what}:\n{text}".encode(errors="replace"))


def _text_of(error: BaseException) -> str:
    """What it says, even when saying it is what fails."""
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:
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
