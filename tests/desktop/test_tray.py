"""The tray in a real panel: seen by its pixels, clicked by a real pointer."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.screen import PANEL_HEIGHT, Screen
from desktop.tray_driver import ICON_PIXELS, OpenMenu, TrayProgram, wait_for_icon
from desktop.tray_views import AWAY, CHOSEN, MODELS, OTHER, WARM, entry, in_phase
from hob.desktop.view import DaemonView, Phase

PHASES: tuple[Phase, ...] = ("away", "empty", "cold", "loading", "warm", "answering", "error")
# A panel of the old kind: nothing but a tray, along the top.
_TINT2 = f"""\
panel_items = S
panel_position = top left horizontal
panel_size = 100% {PANEL_HEIGHT}
panel_background_id = 0
systray_padding = 4 4 4
systray_icon_size = {ICON_PIXELS}
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


@pytest.fixture
def tray(screen: Screen) -> Iterator[TrayProgram]:
    with TrayProgram(screen) as tray:
        yield tray


def place(tray: TrayProgram, view: DaemonView, key: str, *path: str) -> int:
    """Which line of a menu it is."""
    return [item.key for item in tray.items(view, *path)].index(key)


def keep_picture(screen: Screen, name: str) -> None:
    """For a person to look at, where wanted."""
    if folder := os.environ.get("HOB_TEST_PICTURES"):
        screen.save(Path(folder) / f"{name}.png")


def open_menu(screen: Screen, tray: TrayProgram, view: DaemonView) -> OpenMenu:
    tray.show(view)
    at = wait_for_icon(screen, view)
    return OpenMenu(screen, at, len(tray.items(view)))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_icon_in_the_panel_shows_each_phase(dark: bool) -> None:
    with Screen(dark=dark) as screen, TrayProgram(screen) as tray:
        for phase in PHASES:
            view = in_phase(phase)
            tray.show(view)
            wait_for_icon(screen, view)
            keep_picture(screen, f"phase-{phase}-{'dark' if dark else 'light'}")
        for fraction in (0.1, 0.5, 0.9):
            view = in_phase("loading", load_fraction=fraction)
            tray.show(view)
            wait_for_icon(screen, view)


def test_a_model_is_switched_by_clicking_it(screen: Screen, tray: TrayProgram) -> None:
    menu = open_menu(screen, tray, WARM)
    keep_picture(screen, "menu")
    menu.enter(place(tray, WARM, "models"), len(tray.items(WARM, "models")))
    keep_picture(screen, "menu-models")
    menu.choose(place(tray, WARM, f"model {OTHER}", "models"))
    assert tray.expect("use") == [OTHER]


def test_an_open_menu_shows_a_new_model_and_it_can_be_chosen(
    screen: Screen, tray: TrayProgram
) -> None:
    menu = open_menu(screen, tray, WARM)
    menu.enter(place(tray, WARM, "models"), len(tray.items(WARM, "models")))
    before = menu.picture()
    # On top, since a panel may scroll to what is lower.
    after = dataclasses.replace(WARM, models=(entry("a-new-one:1b"), *MODELS))
    tray.show(after)
    menu.follow(before)
    keep_picture(screen, "menu-new-model")
    menu.choose(place(tray, after, "model a-new-one:1b", "models"))
    assert tray.expect("use") == ["a-new-one:1b"]


def test_the_open_menu_follows_a_load(screen: Screen, tray: TrayProgram) -> None:
    loading = in_phase("loading")
    menu = open_menu(screen, tray, loading)
    before = menu.picture()
    assert tray.items(loading)[place(tray, loading, "memory")].label == "Stop loading"
    tray.show(WARM)
    menu.follow(before)
    menu.choose(place(tray, WARM, "memory"))
    assert tray.expect("unload") == [CHOSEN]


def test_a_click_on_the_icon_opens_the_prompt(screen: Screen, tray: TrayProgram) -> None:
    tray.show(WARM)
    at = wait_for_icon(screen, WARM)
    screen.xdotool("mousemove", *at, "click", 1)
    assert tray.expect("open") == ["prompt"]


def test_without_a_daemon_the_menu_says_so_and_starts_one(
    screen: Screen, tray: TrayProgram
) -> None:
    menu = open_menu(screen, tray, AWAY)
    keep_picture(screen, "menu-away")
    menu.choose(place(tray, AWAY, "start"))
    tray.expect("start_daemon")


def test_start_at_login_writes_the_file_and_takes_it_away(
    screen: Screen, tray: TrayProgram
) -> None:
    file = Path(screen.environ["XDG_CONFIG_HOME"]) / "autostart/hob.desktop"
    open_menu(screen, tray, WARM).choose(place(tray, WARM, "login"))
    screen.eventually(file.exists, what="the autostart file")
    keep_picture(screen, "login")
    open_menu(screen, tray, WARM).choose(place(tray, WARM, "login"))
    screen.eventually(lambda: not file.exists(), what="the autostart file to go")


def test_recent_answers_are_copied_again(screen: Screen, tray: TrayProgram) -> None:
    menu = open_menu(screen, tray, WARM)
    menu.enter(place(tray, WARM, "recent"), len(tray.items(WARM, "recent")))
    menu.choose(1)
    assert tray.expect("write") == ["The flat top of a cooker."]
    assert tray.expect("notice")[0] == "Copied"


def test_about_opens_a_window(screen: Screen, tray: TrayProgram) -> None:
    open_menu(screen, tray, WARM).choose(place(tray, WARM, "about"))
    window = screen.window("About Hob")
    keep_picture(screen, "about")
    screen.xdotool("windowfocus", "--sync", window, "key", "Escape")
    screen.eventually(lambda: not screen.windows("About Hob"), what="the window to close")


def test_quit_ends_the_desktop(screen: Screen, tray: TrayProgram) -> None:
    open_menu(screen, tray, WARM).choose(place(tray, WARM, "quit"))
    tray.expect("ended")
    assert tray.wait() == 0


def test_the_icon_comes_back_when_the_panel_is_started_again() -> None:
    with Screen() as screen, TrayProgram(screen) as tray:
        tray.show(WARM)
        wait_for_icon(screen, WARM)
        screen.run("xfce4-panel", "--quit")
        screen.eventually(lambda: not screen.owns("org.kde.StatusNotifierWatcher"))
        screen.spawn("xfce4-panel", "--sm-client-disable")
        wait_for_icon(screen, WARM)


def test_a_screen_without_a_tray_is_told_once_and_the_icon_comes_with_the_tray() -> None:
    with Screen(panel=False) as screen, TrayProgram(screen) as tray:
        tray.show(WARM)
        title, text = tray.expect("notice")
        assert "no place" in title
        assert "ctrl+alt+space" in text
        screen.spawn("xfce4-panel", "--sm-client-disable")
        at = wait_for_icon(screen, WARM)
        assert tray.did.empty()
        menu = OpenMenu(screen, at, len(tray.items(WARM)))
        menu.choose(place(tray, WARM, "ask"))
        assert tray.expect("open") == ["prompt"]


def test_a_panel_that_takes_windows_only_shows_icon_and_menu() -> None:
    with Screen(panel=False) as screen:
        config = screen.folder / "tint2rc"
        config.write_text(_TINT2)
        screen.spawn("tint2", "-c", str(config))
        screen.window("tint2")
        with TrayProgram(screen) as tray:
            for phase in ("away", "loading"):
                tray.show(in_phase(phase))
                wait_for_icon(screen, in_phase(phase))
            menu = open_menu(screen, tray, WARM)
            keep_picture(screen, "tint2-menu")
            menu.enter(place(tray, WARM, "models"), len(tray.items(WARM, "models")))
            keep_picture(screen, "tint2-models")
            before = menu.picture()
            after = dataclasses.replace(WARM, models=(entry("a_new&one:1b"), *MODELS))
            tray.show(after)
            menu.follow(before)
            keep_picture(screen, "tint2-new-model")
            menu.choose(place(tray, after, "model a_new&one:1b", "models"))
            assert tray.expect("use") == ["a_new&one:1b"]
            screen.xdotool("mousemove", *wait_for_icon(screen, after), "click", 1)
            assert tray.expect("open") == ["prompt"]
