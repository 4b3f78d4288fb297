"""What the menu says and offers, for every way the daemon may be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.tray_views import (
    ASK,
    AWAY,
    CHOSEN,
    MODELS,
    OTHER,
    PROBLEM,
    SUMMARISE,
    WARM,
    entry,
    in_phase,
    status,
    worker,
)
from hob.desktop.tray.items import (
    Ask,
    CancelLoad,
    Copy,
    CopyToken,
    Explain,
    InTerminal,
    Item,
    Keep,
    Load,
    OpenFolder,
    QuitAll,
    QuitDesktop,
    RunAction,
    SetApi,
    SetLogin,
    SetPlugin,
    StartDaemon,
    Switch,
    Unload,
)
from hob.desktop.tray.menu import Local, build
from hob.desktop.tray.models_menu import MOST_MODELS
from hob.desktop.tray.tooltip import LONGEST_TOOLTIP, tooltip
from hob.desktop.view import DaemonView, Phase
from hob.paths import find_paths
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Recent
from hob.wire.plugins import ActionInfo, PluginInfo

LOCAL = Local(find_paths({"HOB_HOME": "/hob"}), "linux", starts_at_login=False)
PHASES: tuple[Phase, ...] = get_args(Phase)


def find(view: DaemonView, *path: str) -> Item:
    items = build(view, LOCAL)
    for key in path[:-1]:
        items = next(item for item in items if item.key == key).submenu
    return next(item for item in items if item.key == path[-1])


def keys(view: DaemonView) -> list[str]:
    return [item.key for item in build(view, LOCAL) if not item.separator]


def every(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from every(item.submenu)


# ---- the daemon is away ----


def test_away_says_so_offers_a_start_and_keeps_what_works_without_a_daemon() -> None:
    assert find(AWAY, "headline").label == "Hob is not running"
    assert find(AWAY, "start").command == StartDaemon()
    without = {"models", "keep", "memory", "plugins", "api", "quit all"}
    assert not without & set(keys(AWAY))
    assert {"ask", "chat", "login", "settings", "logs", "about", "quit"} <= set(keys(AWAY))


def test_away_with_a_reason_says_it_in_a_line_that_tells_more() -> None:
    line = find(DaemonView(problem=PROBLEM), "problem")
    assert PROBLEM.message in line.label
    assert line.command == Explain("Hob is not running", PROBLEM)


def test_away_for_no_other_reason_says_it_once() -> None:
    view = DaemonView(problem=ErrorInfo(code="not_running", message="Hob is not running."))
    assert "problem" not in keys(view)
    assert tooltip(view) == "Hob is not running"


def test_only_a_daemon_that_is_there_can_be_quit() -> None:
    assert find(WARM, "quit").command == QuitDesktop()
    assert find(WARM, "quit all").command == QuitAll()


# ---- asking and actions ----


def test_ask_is_what_a_click_on_the_icon_does_and_names_its_hotkey() -> None:
    ask = find(WARM, "ask")
    assert (ask.command, ask.default, ask.hotkey) == (Ask(), True, "ctrl+alt+space")
    assert [item.key for item in every(build(WARM, LOCAL)) if item.default] == ["ask"]


def test_ask_is_there_when_its_plugin_is_off() -> None:
    assert find(dataclasses.replace(WARM, actions=(SUMMARISE,)), "ask").command == Ask()


def test_actions_stand_in_the_menu_in_their_order_unless_they_do_not_want_to() -> None:
    hidden = ActionInfo(name="hidden", plugin="p", title="Hidden", in_menu=False)
    view = dataclasses.replace(WARM, actions=(*WARM.actions, hidden))
    shown = [item for item in build(view, LOCAL) if isinstance(item.command, RunAction)]
    assert [item.label for item in shown] == ["Clipboard actions…", "Summarise the clipboard"]


def test_many_actions_get_a_submenu() -> None:
    many = tuple(ActionInfo(name=f"a{n}", plugin="p", title=f"Action {n}") for n in range(9))
    actions = find(dataclasses.replace(WARM, actions=many), "actions")
    assert [item.command for item in actions.submenu] == [RunAction(f"a{n}") for n in range(9)]


def test_of_many_actions_those_with_a_hotkey_stay_in_sight() -> None:
    many = tuple(ActionInfo(name=f"a{n}", plugin="p", title=f"Action {n}") for n in range(9))
    view = dataclasses.replace(WARM, actions=(*many, *WARM.actions))
    assert find(view, "action clipboard-actions").hotkey == "ctrl+alt+c"
    assert len(find(view, "actions").submenu) == 10


@pytest.mark.parametrize("title", ["Translate", "Translate...", "Translate…"])
def test_an_action_that_asks_first_has_its_dots_once(title: str) -> None:
    action = ActionInfo(name="x", plugin="p", title=title, asks="Into which language?")
    view = dataclasses.replace(WARM, actions=(action,))
    assert find(view, "action x").label == "Translate…"


def test_actions_of_one_title_are_told_apart_by_their_plugins() -> None:
    alike = tuple(ActionInfo(name=f"{p}-x", plugin=p, title="Explain") for p in ("one", "two"))
    view = dataclasses.replace(WARM, actions=alike)
    assert find(view, "action one-x").label == "Explain (one)"
    assert find(view, "action two-x").label == "Explain (two)"


def test_a_hotkey_that_does_not_work_is_not_shown_but_its_problem_is() -> None:
    view = dataclasses.replace(WARM, hotkey_problems=(("ask", PROBLEM),))
    assert find(view, "ask").hotkey == ""
    assert find(view, "hotkey ask").command == Explain("The hotkey of Ask", PROBLEM)


def test_nonsense_for_a_hotkey_shows_none() -> None:
    action = ActionInfo(name="ask", plugin="p", title="Ask", hotkey="ctrl+alt+")
    assert find(dataclasses.replace(WARM, actions=(action,)), "ask").hotkey == ""


# ---- models ----


def test_models_are_a_radio_list_of_which_one_is_chosen() -> None:
    lines = [item for item in find(WARM, "models").submenu if item.radio]
    assert [item.command for item in lines] == [Switch(each.info.name) for each in MODELS]
    assert [item.key for item in lines if item.checked] == [f"model {CHOSEN}"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (OTHER, "253 MB · fits"),
        (CHOSEN, "98.3 MB · warm"),
        ("llama-3.3:70b-q4_k_m", "42.5 GB · too large for the memory that is free"),
        ("qwen3:8b-q5_k_m", "5.8 GB · copying 34 %"),
        ("broken-model", "98.3 MB · The file ends in a tensor."),
    ],
)
def test_a_model_says_its_size_and_what_matters_most(name: str, words: str) -> None:
    assert find(WARM, "models", f"model {name}").label == f"{name} · {words}"


def test_models_that_cannot_be_loaded_cannot_be_chosen() -> None:
    lines = [item for item in find(WARM, "models").submenu if item.radio and not item.enabled]
    assert [item.key for item in lines] == ["model qwen3:8b-q5_k_m", "model broken-model"]


def test_a_model_that_is_too_large_now_may_be_tried_all_the_same() -> None:
    assert find(WARM, "models", "model llama-3.3:70b-q4_k_m").enabled


def test_a_loading_model_says_how_far_it_is() -> None:
    view = in_phase("loading", models=(entry(CHOSEN, state="loading", chosen=True),))
    assert find(view, "models", f"model {CHOSEN}").label.endswith("loading 42 %")
    assert find(view, "headline").label == f"{CHOSEN}: loading, 42 %"


def test_another_model_that_loads_shows_its_own_progress() -> None:
    loading = worker(OTHER, state="starting", load_fraction=0.7, chosen=False)
    view = dataclasses.replace(
        WARM, status=status(worker(), loading), models=(entry(OTHER, state="loading"),)
    )
    assert find(view, "models", f"model {OTHER}").label.endswith("loading 70 %")


def test_long_names_that_look_the_same_when_cut_are_told_apart() -> None:
    names = [f"family:7b-{'x' * 30}{letter}{'y' * 30}" for letter in "ab"]
    view = dataclasses.replace(WARM, models=tuple(map(entry, names)))
    labels = [find(view, "models", f"model {name}").label for name in names]
    assert labels[0] != labels[1]


def test_a_huge_library_is_cut_and_keeps_the_chosen_one() -> None:
    many = tuple(entry(f"model-{n}") for n in range(500))
    view = dataclasses.replace(WARM, models=(*many, entry(CHOSEN, chosen=True)))
    lines = find(view, "models").submenu
    assert sum(item.radio for item in lines) == MOST_MODELS
    assert any(item.checked for item in lines)
    assert find(view, "models", "more").label == f"and {501 - MOST_MODELS} more: hob models list"


def test_an_empty_library_says_what_to_do() -> None:
    view = in_phase("empty")
    assert "GGUF" in find(view, "models", "none").label
    assert find(view, "models", "folder").command == OpenFolder(Path("/models"))
    assert find(view, "recommend").command == InTerminal(("models", "recommend"))


# ---- what is loaded ----


def test_what_can_be_done_with_the_memory_follows_the_phase() -> None:
    assert find(in_phase("cold"), "memory").command == Load(CHOSEN)
    assert find(in_phase("loading"), "memory").command == CancelLoad(CHOSEN)
    assert find(WARM, "memory").command == Unload((CHOSEN,))


def test_of_several_loaded_models_each_can_be_unloaded_or_all() -> None:
    view = dataclasses.replace(WARM, status=status(worker(), worker(OTHER)))
    lines = [item for item in find(view, "unload").submenu if not item.separator]
    assert [item.command for item in lines] == [
        Unload((CHOSEN,)),
        Unload((OTHER,)),
        Unload((CHOSEN, OTHER)),
    ]


@pytest.mark.parametrize(
    ("stay", "checked"),
    [
        ({"keep_for_s": 900.0, "unload_at": 9e9}, [True, False, False]),
        ({"keep_for_s": 3600.0, "unload_at": 9e9}, [False, True, False]),
        ({}, [False, False, True]),
        ({"unload_at": 9e9}, [False, False, False]),
    ],
)
def test_keep_warm_shows_what_holds_now(stay: dict[str, Any], checked: list[bool]) -> None:
    view = dataclasses.replace(WARM, status=status(worker(**stay)))
    lines = find(view, "keep").submenu
    assert [item.checked for item in lines] == checked
    times = (900.0, 3600.0, None)
    assert [item.command for item in lines] == [Keep(CHOSEN, for_s) for for_s in times]


# ---- plugins, recent answers, API ----


def test_plugins_are_turned_on_and_off_and_say_what_is_wrong() -> None:
    assert find(WARM, "plugins", "plugin clipboard").command == SetPlugin("clipboard", False)
    assert find(WARM, "plugins", "plugin prompt").command == SetPlugin("prompt", True)
    mine = find(WARM, "plugins", "plugin my_plugin")
    assert (mine.label, mine.checked) == ("my_plugin · turned off by Hob", False)
    assert mine.command == SetPlugin("my_plugin", True), "another chance"
    assert "ZeroDivisionError" in find(WARM, "plugins", "problem my_plugin").label


def test_a_recent_answer_is_copied_again_also_while_the_daemon_is_away() -> None:
    for view in (WARM, dataclasses.replace(AWAY, recent=WARM.recent)):
        lines = find(view, "recent").submenu
        assert lines[1].label == "What is a hob? · The flat top of a cooker."
        assert lines[1].command == Copy("The flat top of a cooker.", "The answer")


def test_answers_of_the_same_moment_are_lines_of_their_own() -> None:
    twice = tuple(Recent(title="a", text=text, at=1.0) for text in ("one", "two"))
    lines = find(dataclasses.replace(WARM, recent=twice), "recent").submenu
    assert len({item.key for item in lines}) == len(lines)


def test_the_api_is_turned_off_and_its_address_copied() -> None:
    on = find(WARM, "api", "on")
    assert (on.label, on.checked, on.command) == ("On · http://127.0.0.1:8123", True, SetApi(False))
    address = Copy("http://127.0.0.1:8123", "The address of the API")
    assert find(WARM, "api", "address").command == address
    assert find(WARM, "api", "token").command == CopyToken()


def test_an_api_that_is_off_has_no_address_and_says_why_it_is_off() -> None:
    view = dataclasses.replace(WARM, status=status(worker(), problem=PROBLEM))
    on = find(view, "api", "on")
    assert (on.checked, on.command) == (False, SetApi(True))
    assert not find(view, "api", "address").enabled
    assert find(view, "api", "problem").command == Explain("The API", PROBLEM)


def test_start_at_login_is_offered_where_it_is_known() -> None:
    assert find(WARM, "login").command == SetLogin(True)
    unknown = dataclasses.replace(LOCAL, starts_at_login=None)
    assert "login" not in [item.key for item in build(WARM, unknown)]


# ---- whatever comes ----

texts = st.text(max_size=300)
problems = st.none() | st.builds(ErrorInfo, code=st.just("x"), message=texts, hint=texts)
unique_names = st.lists(st.text(min_size=1, max_size=120), max_size=12, unique=True)


@st.composite
def views(draw: st.DrawFn) -> DaemonView:
    """Names, titles and messages are a stranger's."""
    names = draw(unique_names)
    plugins = draw(unique_names)
    recent = st.builds(Recent, title=texts, text=texts, at=st.floats(0, 3))
    return dataclasses.replace(
        in_phase(draw(st.sampled_from(PHASES))),
        models=tuple(entry(name, problem=draw(problems)) for name in names),
        actions=tuple(ActionInfo(name=name, plugin=name, title=draw(texts)) for name in plugins),
        plugins=tuple(PluginInfo(name=name, problem=draw(problems)) for name in plugins),
        recent=tuple(draw(st.lists(recent, max_size=12))),
        problem=draw(problems),
        hotkey_problems=tuple((n, PROBLEM) for n in plugins[:2]),
        load_fraction=draw(st.none() | st.floats(0, 1)),
    )


def levels(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    yield items
    for item in items:
        if item.submenu:
            yield from levels(item.submenu)


@given(views())
def test_lines_have_keys_of_their_own_and_short_harmless_labels(view: DaemonView) -> None:
    for level in levels(build(view, LOCAL)):
        assert len({item.key for item in level}) == len(level)
        for item in level:
            assert item.separator or item.label.strip()
            assert len(item.label) < 240
            assert item.label.isprintable(), repr(item.label)


@given(views())
def test_models_never_look_alike(view: DaemonView) -> None:
    items = build(view, LOCAL)
    models = next((item.submenu for item in items if item.key == "models"), ())
    labels = [item.label for item in models if item.radio]
    assert len(set(labels)) == len(labels)


@given(views())
def test_a_tooltip_is_as_short_as_windows_wants_it(view: DaemonView) -> None:
    said = tooltip(view)
    assert said
    assert len(said) <= LONGEST_TOOLTIP
    assert said.replace("\n", "").isprintable()


def test_a_tooltip_names_model_state_memory_and_speed() -> None:
    assert tooltip(WARM) == f"{CHOSEN}: warm\n312 MB of memory · 45 tokens/s"
    assert tooltip(AWAY) == "Hob is not running"
    assert tooltip(in_phase("error")) == f"{CHOSEN}: failed\n{PROBLEM.message}"


def test_each_phase_has_a_headline_of_its_own() -> None:
    assert len({build(in_phase(phase), LOCAL)[0].label for phase in PHASES}) == len(PHASES)


def test_ask_action_needs_no_line_of_its_own() -> None:
    assert f"action {ASK.name}" not in keys(WARM)
