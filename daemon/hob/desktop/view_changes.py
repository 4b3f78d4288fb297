"""How what the desktop knows of the daemon changes: facts and answers in, a new view out.

A fact changes at once what it says by itself, so that it is seen at once; and it names the parts
of which the daemon has to be asked for the rest. What the daemon answers is the truth: with an
answer to every part that facts have named, the view is the same in whatever order they came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from hob.desktop.view import DaemonView, Phase
from hob.wire import events
from hob.wire.base import ErrorInfo
from hob.wire.desktop import RecentList
from hob.wire.models import Copying, ModelEntry, ModelList
from hob.wire.plugins import ActionList, PluginList
from hob.wire.status import Status, WorkerStatus

Part = Literal["status", "models", "plugins", "recent"]
ALL_PARTS: frozenset[Part] = frozenset(("status", "models", "plugins", "recent"))
_NOTHING: frozenset[Part] = frozenset()

_ASK: dict[type[events.Event], frozenset[Part]] = {
    events.DaemonReady: ALL_PARTS,
    events.EventsLost: ALL_PARTS,
    events.ApiChanged: frozenset(("status",)),
    events.ModelAdded: frozenset(("status", "models")),
    events.ModelRemoved: frozenset(("status", "models")),
    events.ModelRenamed: frozenset(("status", "models")),
    events.ModelChanged: frozenset(("status", "models")),
    events.ModelChosen: frozenset(("status", "models")),
    events.ModelReady: frozenset(("status", "models")),
    events.ModelUnloaded: frozenset(("status", "models")),
    events.ModelFailed: frozenset(("status", "models")),
    events.RequestStarted: frozenset(("status",)),
    events.RequestFinished: frozenset(("status",)),
    events.RequestFailed: frozenset(("status",)),
    events.PluginsChanged: frozenset(("plugins",)),
    events.PluginFailed: frozenset(("plugins",)),
    events.RecentChanged: frozenset(("recent",)),
}


@dataclass(frozen=True)
class Answers:
    """What the daemon was asked; None for what it was not."""

    status: Status | None = None
    models: ModelList | None = None
    actions: ActionList | None = None
    plugins: PluginList | None = None
    recent: RecentList | None = None


@dataclass(frozen=True)
class Step:
    """The view after a fact, and what must be asked for the rest."""

    view: DaemonView
    ask: frozenset[Part] = _NOTHING


def after(view: DaemonView, fact: events.Event) -> Step:
    """What a fact changes."""
    if isinstance(fact, events.ModelLoading):
        return _loading(view, fact)
    if isinstance(fact, events.ModelCopying):
        return _copying(view, fact)
    ask = _ASK.get(type(fact), _NOTHING)
    if isinstance(fact, events.ModelFailed) and fact.model == view.chosen:
        return Step(replace(view, phase="error", problem=fact.error, load_fraction=None), ask)
    if isinstance(fact, events.ModelReady) and fact.model == view.chosen:
        return Step(replace(view, phase="warm", problem=None, load_fraction=None), ask)
    if isinstance(fact, events.ModelUnloaded) and fact.model == view.chosen:
        return Step(replace(view, phase="cold", load_fraction=None), ask)
    if isinstance(fact, events.RequestStarted) and view.phase != "away":
        answers = fact.model == view.chosen and view.phase == "warm"
        phase: Phase = "answering" if answers else view.phase
        return Step(replace(view, phase=phase, answering=view.answering + 1), ask)
    return Step(view, ask)


def merged(view: DaemonView, answers: Answers) -> DaemonView:
    """The view with what the daemon has answered."""
    if answers.models is not None:
        view = replace(view, models=answers.models.models, folder=answers.models.folder)
    if answers.status is not None:
        view = _with_status(view, answers.status)
    if answers.actions is not None and answers.plugins is not None:
        view = replace(view, plugins=answers.plugins.plugins)
        if not _still_loading(answers.actions, answers.plugins):
            view = replace(view, actions=answers.actions.actions)
    if answers.recent is not None:
        view = replace(view, recent=answers.recent.answers)
    return view


def away(view: DaemonView, problem: ErrorInfo) -> DaemonView:
    """No daemon answers. The actions stay, so that their hotkeys do: whoever presses one is told
    what is the matter, and the next daemon most likely has the same."""
    return DaemonView(
        phase="away",
        problem=problem,
        actions=view.actions,
        plugins=view.plugins,
        hotkey_problems=view.hotkey_problems,
        folder=view.folder,
    )


def phase_of(status: Status) -> Phase:
    """How it stands with the chosen model."""
    worker = _chosen_worker(status)
    if worker is None or worker.state not in ("starting", "ready"):
        if not status.model_count:
            return "empty"
        return "error" if worker is not None and worker.problem is not None else "cold"
    if worker.state == "starting":
        return "loading"
    return "answering" if worker.live_requests else "warm"


def _with_status(view: DaemonView, status: Status) -> DaemonView:
    worker, phase = _chosen_worker(status), phase_of(status)
    workers = {each.model: each for each in status.workers}
    return replace(
        view,
        phase=phase,
        status=status,
        models=tuple(_as_it_works(entry, workers) for entry in view.models),
        load_fraction=worker.load_fraction if worker and phase == "loading" else None,
        answering=sum(each.live_requests for each in status.workers),
        tokens_per_second=worker.tokens_per_second if worker else None,
        problem=worker.problem if worker and phase == "error" else None,
    )


def _as_it_works(entry: ModelEntry, workers: dict[str, WorkerStatus]) -> ModelEntry:
    """Whether a warm model answers is told by the status alone, which is asked for more often."""
    worker = workers.get(entry.info.worker)
    if entry.state not in ("warm", "answering") or worker is None or worker.state != "ready":
        return entry
    state: Literal["warm", "answering"] = "answering" if worker.live_requests else "warm"
    return entry if state == entry.state else msgspec.structs.replace(entry, state=state)


def _loading(view: DaemonView, fact: events.ModelLoading) -> Step:
    entry = next((each for each in view.models if each.info.name == fact.model), None)
    # Progress comes often: the daemon is asked when a load begins, and told nothing new after.
    known = entry is not None and entry.state == "loading"
    ask: frozenset[Part] = _NOTHING if known else frozenset(("status", "models"))
    if fact.model != view.chosen:
        return Step(view, ask)
    return Step(replace(view, phase="loading", load_fraction=fact.fraction, problem=None), ask)


def _copying(view: DaemonView, fact: events.ModelCopying) -> Step:
    copying = Copying(done_bytes=fact.done_bytes, total_bytes=fact.total_bytes)
    found = False

    def grown(entry: ModelEntry) -> ModelEntry:
        nonlocal found
        if entry.info.name != fact.model or entry.state != "copying":
            return entry
        found = True
        info = msgspec.structs.replace(entry.info, copying=copying)
        return msgspec.structs.replace(entry, info=info)

    models = tuple(grown(entry) for entry in view.models)
    return Step(replace(view, models=models), _NOTHING if found else frozenset(("models",)))


def _still_loading(actions: ActionList, plugins: PluginList) -> bool:
    """Whether there are no actions only because the plugins have just been started: taking the
    hotkeys away for that moment would lose presses."""
    begun = not plugins.plugins or any(each.state == "loading" for each in plugins.plugins)
    return not actions.actions and plugins.problem is None and begun


def _chosen_worker(status: Status) -> WorkerStatus | None:
    return next((each for each in status.workers if each.model == status.chosen), None)
