"""The part of the menu that is about models."""

from __future__ import annotations

from pathlib import Path

from hob.desktop.tray.items import (
    CancelLoad,
    Item,
    Keep,
    Load,
    OpenFolder,
    Switch,
    Unload,
    note,
    separator,
)
from hob.desktop.tray.words import joined, one_line, percent, size, told_apart
from hob.desktop.view import DaemonView
from hob.wire.fit import Verdict
from hob.wire.models import ModelEntry

# A menu of more lines is of no use to anybody; the command line shows them all.
MOST_MODELS = 60
LONGEST_NAME = 48
_LONGEST_REASON = 60

_FITS: dict[Verdict, str] = {
    "gpu": "fits on the GPU",
    "split": "fits, partly on the GPU",
    "cpu": "fits",
    "no": "too large for the memory that is free",
}
_KEEP_CHOICES: tuple[tuple[str, float | None], ...] = (
    ("15 minutes", 900.0),
    ("1 hour", 3600.0),
    ("Always", None),
)


def models_items(view: DaemonView) -> tuple[Item, ...]:
    """A radio list of the library, and where new files go."""
    shown = _shown(view)
    names = told_apart([entry.info.name for entry in shown], LONGEST_NAME)
    lines = [_model(view, entry, names[entry.info.name]) for entry in shown]
    if left := len(view.models) - len(shown):
        lines.append(note("more", f"and {left} more: hob models list"))
    if not lines:
        lines.append(note("none", "No model yet: put a GGUF file into the models folder"))
    if view.folder:
        lines.append(separator("end"))
        lines.append(Item("folder", "Open the models folder", OpenFolder(Path(view.folder))))
    return tuple(lines)


def keep_items(view: DaemonView) -> tuple[Item, ...]:
    """How long the chosen model stays loaded after it was used."""
    worker = view.worker
    lines = []
    for label, for_s in _KEEP_CHOICES:
        kept = worker is not None and worker.state == "ready" and _is_kept(view, for_s)
        command = Keep(view.chosen, for_s)
        lines.append(Item(f"keep {for_s}", label, command, checked=kept, radio=True))
    return tuple(lines)


def memory_item(view: DaemonView) -> Item:
    """Load, stop loading, or unload: what can be done now."""
    if view.phase == "loading":
        return Item("memory", "Stop loading", CancelLoad(view.chosen))
    loaded = [w for w in view.status.workers if w.state == "ready"] if view.status else []
    if not loaded:
        return Item("memory", "Load now", Load(view.chosen), enabled=bool(view.chosen))
    if len(loaded) == 1:
        return Item("memory", "Unload now", Unload((loaded[0].model,)))
    names = told_apart([worker.model for worker in loaded], LONGEST_NAME)
    lines = [
        Item(
            f"worker {worker.model}",
            joined((names[worker.model], size(worker.rss_bytes) if worker.rss_bytes else "")),
            Unload((worker.model,)),
        )
        for worker in loaded
    ]
    every = Item("every", "All of them", Unload(tuple(worker.model for worker in loaded)))
    # Another key than the single line's: a line cannot become a submenu in place.
    return Item("unload", "Unload now", submenu=(*lines, separator("end"), every))


def _shown(view: DaemonView) -> list[ModelEntry]:
    """As many as a menu can hold, the chosen one among them."""
    first = list(view.models[:MOST_MODELS])
    rest = [entry for entry in view.models[MOST_MODELS:] if entry.chosen]
    return first[: MOST_MODELS - len(rest)] + rest


def _model(view: DaemonView, entry: ModelEntry, name: str) -> Item:
    info = entry.info
    weight = size(info.file_bytes) if info.file_bytes else ""
    return Item(
        f"model {info.name}",
        joined((name, weight, _state(view, entry))),
        Switch(info.name),
        checked=info.name == view.chosen,
        radio=True,
        enabled=entry.state not in {"bad", "copying"},
    )


def _state(view: DaemonView, entry: ModelEntry) -> str:
    """The one thing about a model that matters most now."""
    info = entry.info
    if entry.state == "copying" or info.copying:
        done = info.copying
        share = percent(done.done_bytes / done.total_bytes) if done and done.total_bytes else ""
        return f"copying {share}".strip()
    if entry.state == "bad" or info.problem:
        return one_line(info.problem.message if info.problem else "broken", _LONGEST_REASON)
    if entry.state == "loading":
        return f"loading {percent(_load_fraction(view, entry))}"
    if entry.state in {"warm", "answering"}:
        return entry.state
    return _FITS[entry.verdict] if entry.verdict else ""


def _load_fraction(view: DaemonView, entry: ModelEntry) -> float:
    if entry.info.worker == view.chosen and view.load_fraction is not None:
        return view.load_fraction
    workers = view.status.workers if view.status else ()
    return next((w.load_fraction for w in workers if w.model == entry.info.worker), 0.0)


def _is_kept(view: DaemonView, for_s: float | None) -> bool:
    worker = view.worker
    if worker is None:
        return False
    if for_s is None:
        return worker.keep_for_s is None and worker.unload_at is None
    return worker.keep_for_s == for_s
