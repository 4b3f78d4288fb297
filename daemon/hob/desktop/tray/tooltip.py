"""What is said of the daemon in a line or two."""

from __future__ import annotations

from hob.desktop.tray.words import joined, one_line, percent, shortened, size
from hob.desktop.view import DaemonView
from hob.errors import NotRunning
from hob.wire.base import ErrorInfo

# Windows takes 127 characters at most.
LONGEST_TOOLTIP = 127
_LONGEST_NAME = 46
_LONGEST_STATE = 70


def headline(view: DaemonView) -> str:
    """How things stand, in one line."""
    name = shortened(view.chosen, _LONGEST_NAME)
    match view.phase:
        case "away":
            return "Hob is not running"
        case "empty":
            return "There is no model yet"
        case "cold":
            return f"{name}: not loaded"
        case "loading":
            done = f", {percent(view.load_fraction)}" if view.load_fraction is not None else ""
            return f"{name}: loading{done}"
        case "warm":
            return f"{name}: warm"
        case "answering":
            more = f" {view.answering} requests" if view.answering > 1 else ""
            return f"{name}: answering{more}"
        case "error":
            return f"{name}: failed" if name else "Something went wrong"


def tooltip(view: DaemonView) -> str:
    """The headline, and below it memory and speed, or what is wrong."""
    lines = [headline(view)]
    if problem := trouble(view):
        lines.append(one_line(problem.message, _LONGEST_STATE))
    elif view.phase == "empty":
        lines.append("hob models recommend shows good ones")
    elif figures := _figures(view):
        lines.append(figures)
    return "\n".join(lines)[:LONGEST_TOOLTIP]


def trouble(view: DaemonView) -> ErrorInfo | None:
    """What is wrong, beyond what the headline says already."""
    if view.phase not in {"away", "error"} or view.problem is None:
        return None
    return None if view.problem.code == NotRunning.code else view.problem


def _figures(view: DaemonView) -> str:
    worker = view.worker
    memory = worker.rss_bytes if worker and worker.state != "down" else None
    speed = view.tokens_per_second
    return joined(
        (
            f"{size(memory)} of memory" if memory is not None else "",
            f"{speed:.0f} tokens/s" if speed else "",
        )
    )
