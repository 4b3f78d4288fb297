"""What the desktop knows of the daemon, after any story that the daemon may tell."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.ports import model_info, worker_status
from hob.desktop.view import DaemonView, Phase
from hob.desktop.view_changes import ALL_PARTS, Answers, Part, after, away, merged, phase_of
from hob.errors import NotRunning, WorkerDied
from hob.wire import events
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Recent, RecentList
from hob.wire.generate import Usage
from hob.wire.models import ModelEntry, ModelList, ModelState
from hob.wire.plugins import ActionInfo, ActionList, PluginInfo, PluginList
from hob.wire.status import ApiStatus, Status, WorkerState, WorkerStatus

BROKEN = ErrorInfo.of(WorkerDied("The model died."))
ACTION = ActionInfo(name="ask", plugin="prompt", title="Ask", hotkey="ctrl+alt+space")
USAGE = Usage(prompt_tokens=1, completion_tokens=1, cached_tokens=0)


def worker(
    model: str,
    state: WorkerState = "ready",
    *,
    live: int = 0,
    fraction: float = 0.0,
    problem: ErrorInfo | None = None,
) -> WorkerStatus:
    return msgspec.structs.replace(
        worker_status(model),
        state=state,
        live_requests=live,
        load_fraction=fraction,
        problem=problem,
        tokens_per_second=40.0,
    )


def status(*workers: WorkerStatus, chosen: str = "a", count: int = 2) -> Status:
    return Status(
        version="1",
        pid=1,
        started_at=1.0,
        stopping=False,
        home="/h",
        log_file="/h/log",
        chosen=chosen,
        model_count=count,
        models_folder="/models",
        workers=workers,
        api=ApiStatus(socket="/s", address="", problem=None),
        rss_bytes=1,
    )


def entry(name: str, state: ModelState = "available", *, chosen: bool = False) -> ModelEntry:
    return ModelEntry(info=model_info(name), state=state, chosen=chosen)


def plugins(*states: str) -> PluginList:
    listed = tuple(
        msgspec.convert({"name": str(number), "state": state}, PluginInfo)
        for number, state in enumerate(states)
    )
    return PluginList(plugins=listed, folder="/p", settings_file="/p.toml")


@pytest.mark.parametrize(
    ("told", "phase"),
    [
        (status(count=0, chosen=""), "empty"),
        (status(chosen=""), "cold"),
        (status(), "cold"),
        (status(worker("a", "down")), "cold"),
        (status(worker("a", "stopping")), "cold"),
        (status(worker("a", "starting")), "loading"),
        (status(worker("a")), "warm"),
        (status(worker("a", live=2)), "answering"),
        (status(worker("a"), worker("b", live=2)), "warm"),
        (status(worker("a", "down", problem=BROKEN)), "error"),
        (status(worker("a", "starting", problem=BROKEN)), "loading"),
        (status(worker("a", problem=BROKEN)), "warm"),
    ],
)
def test_the_phase_is_that_of_the_chosen_model(told: Status, phase: Phase) -> None:
    assert phase_of(told) == phase
    view = merged(DaemonView(), Answers(status=told))
    assert view.phase == phase
    assert (view.problem == BROKEN) == (phase == "error")
    assert (view.load_fraction is None) == (phase != "loading")


def test_loading_is_seen_at_each_fact_without_asking_again() -> None:
    models = ModelList(models=(entry("a", "loading"),), folder="/models")
    view = merged(DaemonView(), Answers(models=models, status=status(worker("a", "starting"))))
    for fraction in (0.1, 0.5):
        step = after(view, events.ModelLoading(at=1, model="a", fraction=fraction))
        assert (step.view.phase, step.view.load_fraction) == ("loading", fraction)
        assert not step.ask
        view = step.view


def test_a_load_that_begins_is_asked_about() -> None:
    models = ModelList(models=(entry("a"), entry("b")), folder="/models")
    view = merged(DaemonView(), Answers(models=models, status=status()))
    for name, phase in (("a", "loading"), ("b", "cold")):
        step = after(view, events.ModelLoading(at=1, model=name, fraction=0.1))
        assert step.ask == {"status", "models"}
        assert step.view.phase == phase


def test_what_happens_to_the_chosen_model_is_seen_before_the_daemon_is_asked() -> None:
    view = merged(DaemonView(), Answers(status=status(worker("a"))))
    started = after(view, events.RequestStarted(at=1, id="1", model="a"))
    assert (started.view.phase, started.view.answering) == ("answering", 1)
    failed = after(view, events.ModelFailed(at=1, model="a", error=BROKEN))
    assert (failed.view.phase, failed.view.problem) == ("error", BROKEN)
    unloaded = after(view, events.ModelUnloaded(at=1, model="a", why="asked"))
    assert unloaded.view.phase == "cold"
    ready = after(unloaded.view, events.ModelReady(at=1, model="a", load_s=1))
    assert ready.view.phase == "warm"
    assert all(step.ask for step in (started, failed, unloaded, ready))


def test_another_model_changes_the_icon_for_nobody() -> None:
    view = merged(DaemonView(), Answers(status=status(worker("a"))))
    for fact in (
        events.ModelFailed(at=1, model="b", error=BROKEN),
        events.ModelUnloaded(at=1, model="b", why="idle"),
        events.RequestStarted(at=1, id="1", model="b"),
    ):
        assert after(view, fact).view.phase == "warm"


def test_a_daemon_that_is_away_leaves_what_hotkeys_need_and_nothing_else() -> None:
    why = ErrorInfo.of(NotRunning("Hob is not running."))
    full = merged(
        DaemonView(desktop="desktop-1", hotkey_problems=(("ask", BROKEN),)),
        Answers(
            status=status(worker("a")),
            models=ModelList(models=(entry("a", "warm"),), folder="/models"),
            actions=ActionList(actions=(ACTION,)),
            plugins=plugins("on"),
            recent=RecentList(answers=(Recent(title="t", text="x", at=1),)),
        ),
    )
    view = away(full, why)
    assert (view.phase, view.problem, view.status, view.models) == ("away", why, None, ())
    assert (view.desktop, view.recent, view.answering) == ("", (), 0)
    assert (view.actions, view.hotkey_problems) == ((ACTION,), (("ask", BROKEN),))


@pytest.mark.parametrize("early", [plugins(), plugins("on", "loading")])
def test_hotkeys_survive_the_start_of_the_plugins(early: PluginList) -> None:
    view = DaemonView(actions=(ACTION,))
    loading = merged(view, Answers(actions=ActionList(actions=()), plugins=early))
    assert loading.actions == (ACTION,)
    loaded = merged(loading, Answers(actions=ActionList(actions=()), plugins=plugins("off")))
    assert loaded.actions == ()


def test_plugins_that_cannot_run_have_no_actions() -> None:
    gone = msgspec.structs.replace(plugins(), problem=BROKEN)
    view = merged(
        DaemonView(actions=(ACTION,)), Answers(actions=ActionList(actions=()), plugins=gone)
    )
    assert view.actions == ()


def test_a_growing_file_is_followed_without_asking() -> None:
    models = ModelList(models=(entry("a", "copying"),), folder="/models")
    view = merged(DaemonView(), Answers(models=models))
    fact = events.ModelCopying(at=1, model="a", done_bytes=5, total_bytes=10)
    step = after(view, fact)
    assert step.view.models[0].info.copying is not None
    assert step.view.models[0].info.copying.done_bytes == 5
    assert not step.ask
    unknown = events.ModelCopying(at=1, model="c", done_bytes=5, total_bytes=10)
    assert after(view, unknown).ask == {"models"}


def test_facts_that_were_lost_are_made_good_by_asking_for_all() -> None:
    assert after(DaemonView(), events.EventsLost(at=1, count=3)).ask == ALL_PARTS


# ---- any story ----

_HAPPENINGS = (
    # Requests need a model that is loaded, so that has to be likely.
    *(("load", "ready", "start", "finish") * 4),
    *("unload", "fail"),
    *("choose", "add", "remove", "answer", "plugin", "api"),
)


@dataclass
class Story:
    """A daemon that things happen to: the truth, and the facts that it tells of it."""

    workers: dict[str, WorkerStatus] = field(default_factory=dict)
    chosen: str = "a"
    names: list[str] = field(default_factory=lambda: ["a", "b"])
    recent: tuple[Recent, ...] = ()
    plugins: tuple[str, ...] = ()
    address: str = ""

    def answers(self, parts: frozenset[Part] = ALL_PARTS) -> Answers:
        told = status(*self.workers.values(), chosen=self.chosen, count=len(self.names))
        told = msgspec.structs.replace(
            told, api=msgspec.structs.replace(told.api, address=self.address)
        )
        models = ModelList(
            models=tuple(entry(n, self._state(n), chosen=n == self.chosen) for n in self.names),
            folder="/models",
        )
        actions = tuple(
            msgspec.structs.replace(ACTION, name=name, plugin=name) for name in self.plugins
        )
        return Answers(
            status=told if parts & {"status", "models"} else None,
            models=models if "models" in parts else None,
            actions=ActionList(actions=actions) if "plugins" in parts else None,
            plugins=plugins(*("on" for _ in self.plugins), "off") if "plugins" in parts else None,
            recent=RecentList(answers=self.recent) if "recent" in parts else None,
        )

    def _state(self, name: str) -> ModelState:
        found = self.workers.get(name)
        if found is None or found.state in ("down", "stopping"):
            return "available"
        if found.state == "starting":
            return "loading"
        return "answering" if found.live_requests else "warm"

    def happen(self, chance: random.Random) -> events.Event | None:
        """One thing; None when it cannot happen now."""
        name = chance.choice(["a", "b", "c"])
        what = chance.choice(_HAPPENINGS)
        fact: events.Event | None = getattr(self, f"_{what}")(name)
        return fact

    def _load(self, name: str) -> events.Event | None:
        if name not in self.names or name in self.workers:
            return None
        self.workers[name] = worker(name, "starting", fraction=0.0)
        return events.ModelLoading(at=1, model=name, fraction=0.0)

    def _ready(self, name: str) -> events.Event | None:
        if name not in self.workers or self.workers[name].state != "starting":
            return None
        self.workers[name] = worker(name)
        return events.ModelReady(at=1, model=name, load_s=1)

    def _unload(self, name: str) -> events.Event | None:
        if self.workers.pop(name, None) is None:
            return None
        return events.ModelUnloaded(at=1, model=name, why="asked")

    def _fail(self, name: str) -> events.Event | None:
        if name not in self.workers:
            return None
        self.workers[name] = worker(name, "down", problem=BROKEN)
        return events.ModelFailed(at=1, model=name, error=BROKEN)

    def _start(self, name: str) -> events.Event | None:
        found = self.workers.get(name)
        if found is None or found.state != "ready":
            return None
        self.workers[name] = worker(name, live=found.live_requests + 1)
        return events.RequestStarted(at=1, id="r", model=name)

    def _finish(self, name: str) -> events.Event | None:
        found = self.workers.get(name)
        if found is None or not found.live_requests:
            return None
        self.workers[name] = worker(name, live=found.live_requests - 1)
        return events.RequestFinished(at=1, id="r", model=name, usage=USAGE, tokens_per_second=40)

    def _choose(self, name: str) -> events.Event | None:
        if name not in self.names or name == self.chosen:
            return None
        self.chosen = name
        return events.ModelChosen(at=1, model=name)

    def _add(self, name: str) -> events.Event | None:
        if name in self.names:
            return None
        self.names.append(name)
        return events.ModelAdded(at=1, model=name)

    def _remove(self, name: str) -> events.Event | None:
        if name not in self.names or name in self.workers or name == self.chosen:
            return None
        self.names.remove(name)
        return events.ModelRemoved(at=1, model=name)

    def _answer(self, name: str) -> events.Event:
        self.recent = (Recent(title=name, text=name, at=1), *self.recent)[:3]
        return events.RecentChanged(at=1)

    def _plugin(self, name: str) -> events.Event:
        self.plugins = (
            tuple(each for each in self.plugins if each != name)
            if name in self.plugins
            else (*self.plugins, name)
        )
        return events.PluginsChanged(at=1)

    def _api(self, name: str) -> events.Event:
        self.address = "" if self.address else f"http://{name}"
        return events.ApiChanged(at=1, address=self.address)


@given(st.integers(), st.integers(0, 200))
def test_whatever_happens_in_whatever_order_the_view_ends_as_the_daemon_is(
    seed: int, steps: int
) -> None:
    """Facts arrive late, answers arrive late and in between, and the last answers are to what the
    last facts asked for."""
    chance = random.Random(seed)
    story = Story()
    view = merged(DaemonView(), story.answers())
    late: list[events.Event] = []
    wanted: frozenset[Part] = frozenset()
    for _ in range(steps):
        if (fact := story.happen(chance)) is not None:
            late.append(fact)
        while late and chance.random() < 0.6:
            step = after(view, late.pop(0))
            view, wanted = step.view, wanted | step.ask
        if wanted and chance.random() < 0.3:
            view, wanted = merged(view, story.answers(wanted)), frozenset()
    for fact in late:
        step = after(view, fact)
        view, wanted = step.view, wanted | step.ask
    if wanted:
        view = merged(view, story.answers(wanted))
    assert view == replace(merged(DaemonView(), story.answers()), hotkey_problems=())
