"""Hotkeys on a real X server, with real keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from desktop.gui_thread import GuiThread
from desktop.screen import Screen
from hob.desktop.hotkeys.x11 import X11Hotkeys
from hob.desktop.hotkeys.x11_keys import Repeats
from hob.wire.desktop import HotkeyState
from hob.wire.plugins import ActionInfo


class Desk:
    """Hotkeys with all that they said."""

    def __init__(self, screen: Screen) -> None:
        self.gui = GuiThread()
        self.pressed: list[str] = []
        self.told: list[tuple[HotkeyState, ...]] = []
        self.hotkeys = X11Hotkeys(
            self.gui.post,
            self.pressed.append,
            lambda states: self.told.append(tuple(states)),
            screen.display,
        )

    def set(self, **wanted: str) -> tuple[HotkeyState, ...]:
        """Ask for the hotkeys of these actions; what is said of them."""
        self.told.clear()
        self.hotkeys.set([(action(name), text) for name, text in wanted.items()])
        self.gui.run_until(lambda: self.told)
        return self.told[-1]

    def problems(self, **wanted: str) -> dict[str, str]:
        return problems(self.set(**wanted))


def action(name: str) -> ActionInfo:
    return ActionInfo(name=name, plugin="test", title=name.title())


def problems(states: Sequence[HotkeyState]) -> dict[str, str]:
    return {state.action: state.problem.message for state in states if state.problem}


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen(panel=False, notices=False) as screen:
        yield screen


@pytest.fixture
def desk(screen: Screen) -> Iterator[Desk]:
    desk = Desk(screen)
    yield desk
    desk.hotkeys.close()


def test_a_pressed_hotkey_says_its_action(screen: Screen, desk: Desk) -> None:
    assert desk.problems(ask="ctrl+alt+space", menu="ctrl+alt+c") == {}
    screen.xdotool("key", "ctrl+alt+c")
    desk.gui.run_until(lambda: desk.pressed == ["menu"])
    screen.xdotool("key", "ctrl+alt+space")
    desk.gui.run_until(lambda: desk.pressed == ["menu", "ask"])


def test_the_focused_window_does_not_get_the_key(screen: Screen, desk: Desk) -> None:
    desk.set(ask="ctrl+alt+k", probe="ctrl+alt+j")
    watching = screen.spawn("xterm", "-T", "watching", "-e", "cat -v > $HOME/typed; true")
    window = screen.window("^watching$")
    screen.xdotool("windowfocus", "--sync", window)
    screen.xdotool("key", "ctrl+alt+k")
    screen.xdotool("type", "end")
    screen.xdotool("key", "Return")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])
    typed = screen.folder / "home/typed"
    screen.eventually(lambda: typed.exists() and typed.read_text().endswith("\n"))
    assert typed.read_text() == "end\n"
    watching.kill()


@pytest.mark.parametrize("lock", ["Num_Lock", "Caps_Lock"])
def test_locks_do_not_matter(screen: Screen, desk: Desk, lock: str) -> None:
    desk.set(ask="ctrl+alt+k")
    screen.xdotool("key", lock)
    screen.xdotool("key", "ctrl+alt+k")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])
    screen.xdotool("key", lock)
    screen.xdotool("key", "ctrl+alt+k")
    desk.gui.run_until(lambda: desk.pressed == ["ask", "ask"])


def test_another_programs_hotkey_is_told_and_had_once_it_is_free(
    screen: Screen, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hob.desktop.hotkeys.x11.TRY_AGAIN_S", 0.1)
    other = Desk(screen)
    other.set(theirs="ctrl+alt+k")
    told = desk.problems(ask="ctrl+alt+k", menu="ctrl+alt+m")
    assert told == {
        "ask": "Ctrl+Alt+K is taken by another program, so it does not reach “Ask”.",
    }
    other.hotkeys.close()
    desk.gui.run_until(lambda: not problems(desk.told[-1]))
    screen.xdotool("key", "ctrl+alt+k")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])


def test_a_change_takes_effect_at_once_and_leaves_the_rest(screen: Screen, desk: Desk) -> None:
    desk.set(ask="ctrl+alt+k", menu="ctrl+alt+m")
    desk.set(ask="ctrl+alt+j", menu="ctrl+alt+m")
    for keys in ("ctrl+alt+k", "ctrl+alt+m", "ctrl+alt+j"):
        screen.xdotool("key", keys)
    desk.gui.run_until(lambda: len(desk.pressed) == 2)
    assert desk.pressed == ["menu", "ask"]


def test_nothing_is_held_when_nothing_is_wanted(screen: Screen, desk: Desk) -> None:
    desk.set(ask="ctrl+alt+k")
    desk.set()
    other = Desk(screen)
    assert other.problems(theirs="ctrl+alt+k") == {}
    other.hotkeys.close()


def test_a_held_key_counts_once(
    screen: Screen, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeats: list[int] = []
    pressed = Repeats.pressed

    def spied(self: Repeats, code: int, time: int) -> bool:
        repeats.append(code)
        return pressed(self, code, time)

    monkeypatch.setattr(Repeats, "pressed", spied)
    desk.set(ask="ctrl+alt+k", menu="ctrl+alt+m")
    screen.run("xset", "r", "rate", "50", "100")
    for key in ("ctrl", "alt", "k"):
        screen.xdotool("keydown", key)
    desk.gui.run_until(lambda: len(repeats) > 20)
    for key in ("k", "alt", "ctrl"):
        screen.xdotool("keyup", key)
    screen.xdotool("key", "ctrl+alt+m")
    desk.gui.run_until(lambda: "menu" in desk.pressed)
    assert desk.pressed == ["ask", "menu"]


def test_hammering_piles_nothing_up(screen: Screen, desk: Desk) -> None:
    desk.set(ask="ctrl+alt+k")
    screen.xdotool("key", "--delay", 10, *["ctrl+alt+k"] * 50)
    desk.gui.run_until(lambda: desk.gui.waiting)
    # Nobody took a call while the keys came.
    assert desk.gui.waiting == 1
    desk.gui.run_until(lambda: desk.pressed == ["ask"])
    screen.xdotool("key", "ctrl+alt+k")
    desk.gui.run_until(lambda: desk.pressed == ["ask", "ask"])


def test_every_press_arrives_while_the_gui_keeps_up(screen: Screen, desk: Desk) -> None:
    desk.set(ask="ctrl+alt+k")
    for number in range(1, 21):
        screen.xdotool("key", "ctrl+alt+k")
        desk.gui.run_until(lambda number=number: len(desk.pressed) == number)  # type: ignore[misc]


def test_keys_follow_the_layout(screen: Screen, desk: Desk) -> None:
    screen.run("setxkbmap", "us")
    desk.set(ask="ctrl+alt+z", slash="ctrl+/")
    try:
        screen.run("setxkbmap", "de")
        # By position: what stands on Z of a US keyboard is Y now, and the slash is shift with 7.
        screen.eventually(lambda: code_of(screen, "z") == 29)
        screen.xdotool("key", "ctrl+alt+29")
        desk.gui.run_until(lambda: desk.pressed == ["ask"])
        screen.xdotool("key", "ctrl+shift+7")
        desk.gui.run_until(lambda: desk.pressed == ["ask", "slash"])
        screen.run("setxkbmap", "ru")
        screen.eventually(lambda: code_of(screen, "Cyrillic_ya") == 52)
        screen.xdotool("key", "ctrl+alt+52")
        desk.gui.run_until(lambda: desk.pressed == ["ask", "slash", "ask"])
    finally:
        screen.run("setxkbmap", "us")


def test_a_layout_that_has_no_such_key_is_told(screen: Screen, desk: Desk) -> None:
    try:
        screen.run("setxkbmap", "de")
        told = desk.problems(at="ctrl+@", f="ctrl+alt+k")
        assert told == {"at": "On this keyboard @ needs AltGr, which cannot be a part of a hotkey."}
    finally:
        screen.run("setxkbmap", "us")


def test_two_names_of_one_key_conflict(desk: Desk) -> None:
    assert list(desk.problems(one="ctrl+shift+/", two="ctrl+?")) == ["two"]


def test_without_a_server_the_reason_is_told() -> None:
    gui = GuiThread()
    told: list[Sequence[HotkeyState]] = []
    hotkeys = X11Hotkeys(gui.post, lambda _: None, told.append, ":987")
    hotkeys.set([(action("ask"), "ctrl+alt+k")])
    gui.run_until(lambda: told and told[-1])
    assert "The X server does not give Hob any keys" in problems(told[-1])["ask"]
    hotkeys.set([(action("menu"), "ctrl+alt+m")])
    gui.run_until(lambda: "menu" in problems(told[-1]))
    hotkeys.close()


def code_of(screen: Screen, keysym: str) -> int:
    """The key code that the server has for a keysym."""
    for line in screen.run("xmodmap", "-pke").splitlines():
        parts = line.split()
        if len(parts) > 3 and parts[3] == keysym:
            return int(parts[1])
    return 0
