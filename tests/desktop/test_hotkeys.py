"""What is decided about hotkeys without any system, and the ways whose systems are not here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from desktop.gui_thread import GuiThread
from hob.desktop.hotkeys.macos import MacHotkeys, pynput_form
from hob.desktop.hotkeys.none import NoHotkeys
from hob.desktop.hotkeys.plan import MAX_HOTKEYS, plan
from hob.desktop.hotkeys.presses import Presses
from hob.desktop.hotkeys.windows import WindowsHotkeys, virtual_key
from hob.desktop.hotkeys.x11_keys import Repeats
from hob.desktop.launcher import ensure_launcher, launcher_path
from hob.desktop.x_keyboard import Combo, keyboard, with_locks, without_locks
from hob.errors import DesktopRefused
from hob.wire.desktop import HotkeyState
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugins import ActionInfo


def action(name: str) -> ActionInfo:
    return ActionInfo(name=name, plugin="test", title=name.title())


class Told:
    def __init__(self) -> None:
        self.gui = GuiThread()
        self.pressed: list[str] = []
        self.states: list[tuple[HotkeyState, ...]] = []

    def told(self, states: object) -> None:
        self.states.append(tuple(states))  # type: ignore[arg-type]

    def after(self, call: Callable[[], None]) -> dict[str, str]:
        """The problems told after a call."""
        self.states.clear()
        call()
        self.gui.run_until(lambda: self.states)
        return {each.action: each.problem.message for each in self.states[-1] if each.problem}


# ---- the plan ----


def test_the_first_of_two_actions_with_one_hotkey_has_it() -> None:
    made = plan([(action("ask"), "ctrl+alt+k"), (action("menu"), "<alt>+<ctrl>+K")])
    assert [wish.action for wish in made.wishes] == ["ask"]
    assert [state.action for state in made.refused] == ["menu"]
    assert made.refused[0].problem is not None
    assert "is the hotkey of Ask already" in made.refused[0].problem.message


def test_no_hotkey_is_no_problem_and_a_bad_one_is() -> None:
    made = plan([(action("quiet"), ""), (action("bad"), "shift+a")])
    assert made.wishes == ()
    assert [(state.action, state.hotkey) for state in made.refused] == [("bad", "shift+a")]


def test_more_hotkeys_than_anybody_has_keys_for_are_refused() -> None:
    keys = [f"{mods}+f{n}" for mods in ("ctrl", "alt", "super", "ctrl+alt") for n in range(1, 25)]
    made = plan([(action(f"a{number}"), text) for number, text in enumerate(keys)])
    assert len(made.wishes) == MAX_HOTKEYS
    assert len(made.refused) == len(keys) - MAX_HOTKEYS


def test_where_no_hotkeys_can_be_had_the_command_is_told() -> None:
    told = Told()
    hotkeys = NoHotkeys(told.gui.post, told.told)
    problems = told.after(lambda: hotkeys.set([(action("ask"), "ctrl+alt+space")]))
    assert list(problems) == ["ask"]
    problem = told.states[-1][0].problem
    assert problem is not None
    assert str(problem.details["command"]).endswith("hob action run ask")
    assert str(problem.details["command"]) in problem.hint
    assert Path(str(problem.details["command"]).split()[0]).is_absolute()
    assert hotkeys.way == "none"
    hotkeys.close()


def test_presses_that_wait_do_not_pile_up() -> None:
    told = Told()
    presses = Presses(told.gui.post, told.pressed.append)
    for _ in range(50):
        presses.press("ask")
        presses.press("menu")
    assert told.gui.waiting == 2
    told.gui.run_until(lambda: len(told.pressed) == 2)
    presses.press("ask")
    told.gui.run_until(lambda: told.pressed == ["ask", "menu", "ask"])


def test_the_launcher_is_written_once_and_made_right_again(tmp_path: Path) -> None:
    path = launcher_path({"XDG_DATA_HOME": str(tmp_path)})
    ensure_launcher(path, ("/opt/100% mine/hob",))
    assert "\nExec='/opt/100%% mine/hob' desktop\n" in path.read_text()
    before = path.stat().st_mtime_ns
    ensure_launcher(path, ("/opt/100% mine/hob",))
    assert path.stat().st_mtime_ns == before
    ensure_launcher(path, ("/usr/bin/hob",))
    assert "\nExec=/usr/bin/hob desktop\n" in path.read_text()


def test_a_home_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ensure_launcher(tmp_path / "file/applications/hob.desktop", ("/usr/bin/hob",))
    assert (tmp_path / "file").is_file()


# ---- X11's arithmetic ----

BOARD = keyboard(
    {38: (ord("a"), ord("A")), 77: (0xFF7F,), 64: (0xFFE9,), 133: (0xFFEB,), 66: (0xFFE5,)},
    [(50,), (66,), (37,), (64,), (77,), (), (133,), ()],
)


def test_each_lock_doubles_the_grabs() -> None:
    assert BOARD.locks == (2, 16)
    assert {each.mask for each in with_locks(Combo(38, 12), BOARD)} == {12, 14, 28, 30}


def test_an_event_is_seen_without_locks_buttons_and_group() -> None:
    assert without_locks(38, 12 | 2 | 16 | 0x100 | 0x2000, BOARD) == Combo(38, 12)


def test_a_press_counts_again_when_the_release_was_lost() -> None:
    repeats = Repeats()
    assert repeats.pressed(38, 1000)
    assert not repeats.pressed(38, 1030)
    assert repeats.pressed(38, 9000)


def test_a_release_and_press_at_one_time_is_a_repeat() -> None:
    repeats = Repeats()
    assert repeats.pressed(38, 1000)
    repeats.released(38, 1500)
    assert not repeats.pressed(38, 1500)
    repeats.released(38, 1600)
    assert repeats.pressed(38, 1620)


# ---- Windows ----


class FakeKeys:
    """What Windows would say; `taken` are combinations that other programs have."""

    def __init__(self) -> None:
        self.taken: set[tuple[int, int]] = set()
        self.held: dict[int, tuple[int, int]] = {}
        self.calls: list[str] = []
        self._events: list[int | None] = []
        self._more = threading.Condition()

    def scan(self, sign: str) -> tuple[int, int] | None:
        return {"/": (0xBF, 0), "?": (0xBF, 0x4), "@": (0x51, 0x3)}.get(sign)

    def register(self, number: int, modifiers: int, key: int) -> int:
        self.calls.append("register")
        if (modifiers, key) in self.taken:
            return 1409
        self.held[number] = (modifiers, key)
        return 0

    def unregister(self, number: int) -> None:
        self.calls.append("unregister")
        del self.held[number]

    def wait(self) -> int | None:
        with self._more:
            self._more.wait_for(lambda: self._events)
            return self._events.pop(0)

    def wake(self) -> None:
        self.happen(None)

    def happen(self, event: int | None) -> None:
        with self._more:
            self._events.append(event)
            self._more.notify()


def test_windows_registers_presses_and_frees_hotkeys() -> None:
    keys, told = FakeKeys(), Told()
    hotkeys = WindowsHotkeys(told.gui.post, told.pressed.append, told.told, keys)
    wanted = [(action("ask"), "ctrl+alt+space"), (action("menu"), "super+k")]
    assert told.after(lambda: hotkeys.set(wanted)) == {}
    assert sorted(keys.held.values()) == [(0x4003, 0x20), (0x4008, ord("K"))]
    keys.happen(next(number for number, held in keys.held.items() if held[1] == 0x20))
    told.gui.run_until(lambda: told.pressed == ["ask"])
    keys.calls.clear()
    told.after(lambda: hotkeys.set([(action("ask"), "ctrl+alt+space")]))
    assert keys.calls == ["unregister"]
    hotkeys.close()
    assert keys.held == {}


def test_windows_says_which_hotkey_another_program_has() -> None:
    keys, told = FakeKeys(), Told()
    keys.taken.add((0x4003, 0x20))
    hotkeys = WindowsHotkeys(told.gui.post, told.pressed.append, told.told, keys)
    wanted = [(action("ask"), "ctrl+alt+space"), (action("menu"), "ctrl+alt+c")]
    problems = told.after(lambda: hotkeys.set(wanted))
    assert list(problems) == ["ask"]
    assert "taken by another program" in problems["ask"]
    hotkeys.close()


def test_windows_finds_signs_in_the_present_layout() -> None:
    assert virtual_key(parse_hotkey("ctrl+?"), FakeKeys()) == (0x4006, 0xBF)
    assert virtual_key(parse_hotkey("f24"), FakeKeys()) == (0x4000, 0x87)
    with pytest.raises(DesktopRefused, match="no key @"):
        virtual_key(parse_hotkey("ctrl+@"), FakeKeys())
    with pytest.raises(DesktopRefused, match="no key ~"):
        virtual_key(parse_hotkey("ctrl+~"), FakeKeys())


# ---- macOS ----


class FakeListener:
    def __init__(self, hotkeys: Mapping[str, Callable[[], None]]) -> None:
        self.hotkeys = hotkeys
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


class Mac(Told):
    def __init__(self, *, trusted: bool = True) -> None:
        super().__init__()
        self.trusted = trusted
        self.listeners: list[FakeListener] = []
        self.settings_opened = 0
        self.hotkeys = MacHotkeys(
            self.gui.post,
            self.pressed.append,
            self.told,
            listen=self.listen,
            trusted=lambda: self.trusted,
            open_settings=self.open_settings,
        )

    def listen(self, hotkeys: Mapping[str, Callable[[], None]]) -> FakeListener:
        self.listeners.append(FakeListener(hotkeys))
        return self.listeners[-1]

    def open_settings(self) -> None:
        self.settings_opened += 1


def test_macos_listens_for_what_is_wanted() -> None:
    mac = Mac()
    assert mac.after(lambda: mac.hotkeys.set([(action("ask"), "option+cmd+space")])) == {}
    mac.listeners[-1].hotkeys["<alt>+<cmd>+<space>"]()
    mac.gui.run_until(lambda: mac.pressed == ["ask"])
    mac.after(lambda: mac.hotkeys.set([(action("ask"), "ctrl+k")]))
    assert [each.running for each in mac.listeners] == [False, True]
    mac.hotkeys.close()
    assert not mac.listeners[-1].running


def test_macos_leaves_a_listener_that_serves() -> None:
    mac = Mac()
    for _ in range(2):
        mac.after(lambda: mac.hotkeys.set([(action("ask"), "ctrl+k")]))
    assert len(mac.listeners) == 1


def test_macos_explains_the_permission_and_opens_its_page_once() -> None:
    mac = Mac(trusted=False)
    for _ in range(2):
        problems = mac.after(lambda: mac.hotkeys.set([(action("ask"), "ctrl+k")]))
        assert "until you allow it" in problems["ask"]
    problem = mac.states[-1][0].problem
    assert problem is not None
    assert "Privacy & Security" in problem.hint
    assert sys.executable in problem.hint
    assert mac.settings_opened == 1
    assert mac.listeners == []
    mac.trusted = True
    assert mac.after(lambda: mac.hotkeys.set([(action("ask"), "ctrl+k")])) == {}
    assert mac.listeners[-1].running


def test_hotkeys_are_written_as_pynput_does() -> None:
    assert pynput_form(parse_hotkey("ctrl+alt+k")) == "<ctrl>+<alt>+k"
    assert pynput_form(parse_hotkey("super+pageup")) == "<cmd>+<page_up>"
    assert pynput_form(parse_hotkey("ctrl++")) == "<ctrl>++"
