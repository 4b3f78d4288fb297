"""What the window says of the daemon and the model, above the answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hob.desktop.view import DaemonView
from hob.errors import NotRunning
from hob.wire.models import ModelEntry
from hob.wire.pulls import PullEntry

Tone = Literal["quiet", "busy", "warning", "problem"]


@dataclass(frozen=True)
class BarState:
    """`fraction` from 0 to 1, below 0 while it is not known how much there is, None for no bar.
    `remedies` are buttons: what each is for, and its text."""

    tone: Tone
    text: str
    hint: str = ""
    fraction: float | None = None
    remedies: tuple[tuple[str, str], ...] = ()


def bar_state(
    view: DaemonView, model: str, *, waiting: bool = False, pull: PullEntry | None = None
) -> BarState | None:
    """What to say, None for nothing. `model` is the conversation's, empty for the chosen one;
    `waiting` when a question is kept until it can be asked."""
    kept = " Your question is kept, and asked then." if waiting else ""
    if view.phase == "away":
        return _away(view, kept)
    if view.phase == "empty":
        return _empty(view, kept, pull)
    if model and model != view.chosen:
        return _other(view, model)
    name = short_name(view.chosen)
    if view.phase == "loading":
        percent = f" {view.load_fraction:.0%}" if view.load_fraction is not None else ""
        return BarState(
            "busy", f"{name} is loading{percent}.{kept}", fraction=_fraction(view.load_fraction)
        )
    if view.phase == "error":
        problem = view.problem
        return BarState(
            "problem",
            problem.message if problem else f"{name} could not be loaded.",
            problem.hint if problem else "`hob logs` shows why.",
            remedies=(("load", "Try again"),),
        )
    if view.phase == "cold" and not waiting:
        return BarState("quiet", f"{name} is not loaded yet; it is loaded while you type.")
    return None


def _away(view: DaemonView, kept: str) -> BarState:
    problem = view.problem
    text, hint = "Hob is not running, so nobody can answer.", ""
    if problem is not None and problem.code != NotRunning.code:
        text, hint = problem.message, problem.hint
    return BarState("warning", text, f"{hint}{kept}".strip(), remedies=(("start", "Start Hob"),))


def _empty(view: DaemonView, kept: str, pull: PullEntry | None) -> BarState:
    if pull is not None and pull.state in {"waiting", "running"}:
        progress = pull.progress
        total = progress.total_bytes if progress else 0
        fraction = progress.done_bytes / total if progress and total else -1.0
        percent = f" {fraction:.0%}" if fraction >= 0 else ""
        return BarState("busy", f"The starter model is being fetched{percent}.{kept}", "", fraction)
    if pull is not None and pull.error is not None:
        text, hint = pull.error.message, pull.error.hint
        return BarState("problem", text, hint, remedies=(("starter", "Try again"),))
    where = f" or put a GGUF file into {view.folder}" if view.folder else ""
    return BarState(
        "warning",
        "There is no model yet, so nobody can answer.",
        f"Fetch the small starter model{where}.{kept}",
        remedies=(("starter", "Fetch the starter model (98 MB)"), ("folder", "Open the folder")),
    )


def _other(view: DaemonView, model: str) -> BarState | None:
    """Of a model that is not the one kept warm, the library says what it is doing."""
    entry = entry_of(view.models, model)
    if entry is None:
        return BarState(
            "warning",
            f"The model {short_name(model)} is not there any more.",
            "Choose another one (Ctrl+M).",
        )
    if entry.state == "loading":
        worker = _worker_fraction(view, entry)
        percent = f" {worker:.0%}" if worker is not None else ""
        text = f"{short_name(model)} is loading{percent}."
        return BarState("busy", text, fraction=_fraction(worker))
    return None


def _worker_fraction(view: DaemonView, entry: ModelEntry) -> float | None:
    workers = view.status.workers if view.status else ()
    name = entry.info.worker
    return next((worker.load_fraction for worker in workers if worker.model == name), None)


def _fraction(fraction: float | None) -> float:
    return -1.0 if fraction is None else min(max(fraction, 0.0), 1.0)


def can_answer(view: DaemonView) -> bool:
    """Whether a question can be sent now; if the model still loads, the daemon keeps it."""
    return view.phase not in {"away", "empty"}


def entry_of(models: Sequence[ModelEntry], name: str) -> ModelEntry | None:
    return next((entry for entry in models if entry.info.name == name), None)


def chat_models(view: DaemonView) -> list[ModelEntry]:
    """Those that can hold a conversation."""
    return [
        entry
        for entry in view.models
        if "chat" in entry.info.capabilities and entry.state not in {"bad", "copying"}
    ]


def sees(view: DaemonView, model: str) -> bool:
    """Whether the model, or the chosen one, can be given images."""
    entry = entry_of(view.models, model or view.chosen)
    return entry is not None and "vision" in entry.info.capabilities


def is_cold(view: DaemonView, model: str) -> bool:
    """Whether the model, or the chosen one, must be loaded before it answers."""
    if not model or model == view.chosen:
        return view.phase == "cold"
    entry = entry_of(view.models, model)
    return entry is not None and entry.state == "available"


def short_name(model: str) -> str:
    """A model's name without what all names end in."""
    return model.removesuffix(".gguf") or "The model"
