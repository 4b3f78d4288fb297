"""Hotkeys by the GlobalShortcuts portal: a real bus, with a portal of the test's own on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from desktop.bus import Bus
from desktop.gui_thread import GuiThread
from fakes.portal import FakePortal
from hob.desktop.hotkeys.portal import PortalHotkeys
from hob.desktop.launcher import APP_ID
from hob.wire.desktop import HotkeyState
from hob.wire.plugins import ActionInfo


class Desk:
    def __init__(self, address: str) -> None:
        self.gui = GuiThread()
        self.pressed: list[str] = []
        self.told: list[tuple[HotkeyState, ...]] = []
        self.hotkeys = PortalHotkeys(
            self.gui.post,
            self.pressed.append,
            lambda states: self.told.append(tuple(states)),
            address,
        )

    def ask(self, **wanted: str) -> None:
        self.told.clear()
        self.hotkeys.set(
            [
                (ActionInfo(name=name, plugin="test", title=name.title()), text)
                for name, text in wanted.items()
            ]
        )

    def set(self, **wanted: str) -> dict[str, tuple[str, str]]:
        self.ask(**wanted)
        self.gui.run_until(lambda: self.told)
        return self.state

    @property
    def state(self) -> dict[str, tuple[str, str]]:
        """By action: the keys and the problem."""
        return {
            each.action: (each.hotkey, each.problem.message if each.problem else "")
            for each in self.told[-1]
        }

    def hint(self, action: str) -> str:
        found = next(each for each in self.told[-1] if each.action == action)
        return found.problem.hint if found.problem else ""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    bus = Bus(tmp_path)
    bus.start()
    yield bus
    bus.stop()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    return tmp_path / "data"


@pytest.fixture
def desk(bus: Bus) -> Iterator[Desk]:
    desk = Desk(bus.address)
    yield desk
    desk.hotkeys.close()


@pytest.fixture
def portal(bus: Bus) -> Iterator[Callable[..., FakePortal]]:
    made: list[FakePortal] = []

    def make(*args: object, **kwargs: object) -> FakePortal:
        made.append(FakePortal(bus.address, *args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.stop()


Make = Callable[..., FakePortal]


def test_hotkeys_are_bound_and_their_presses_arrive(portal: Make, desk: Desk) -> None:
    there = portal()
    told = desk.set(ask="ctrl+alt+space", next="super+pagedown", plus="ctrl++")
    assert told == {
        "ask": ("ctrl+alt+space", ""),
        "next": ("super+pagedown", ""),
        "plus": ("ctrl++", ""),
    }
    assert desk.hotkeys.way == "portal"
    assert there.bound == [{"ask": "CTRL+ALT+space", "next": "LOGO+Page_Down", "plus": "CTRL+plus"}]
    assert there.titles["ask"] == "Ask"
    there.press("ask")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])


def test_the_token_that_lets_a_window_take_the_focus_is_kept_for_qt(
    portal: Make, desk: Desk
) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    there.press("ask", "token-7")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])
    assert os.environ["XDG_ACTIVATION_TOKEN"] == "token-7"


def test_the_portal_is_told_who_we_are_with_an_entry_that_desktops_find(
    portal: Make, desk: Desk, home: Path
) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    assert there.registered == [APP_ID]
    entry = (home / f"applications/{APP_ID}.desktop").read_text()
    assert "\nName=Hob\n" in entry
    assert "hob desktop\n" in entry


def test_a_change_makes_a_new_session_and_ends_the_old_one(portal: Make, desk: Desk) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    desk.set(ask="ctrl+alt+k")
    assert there.closed == there.sessions[:1]
    there.press("ask", session=there.sessions[0])
    there.press("ask")
    desk.gui.run_until(lambda: desk.pressed)
    assert desk.pressed == ["ask"]


def test_the_same_again_asks_the_person_nothing(portal: Make, desk: Desk) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    assert desk.set(ask="Ctrl+Alt+Space", bad="banana")["ask"] == ("ctrl+alt+space", "")
    assert len(there.bound) == 1


def test_keys_that_the_person_chose_instead_are_in_force(portal: Make, desk: Desk) -> None:
    there = portal(gives={"ask": "Press <Super>k", "menu": "", "other": "Strg gedrückt und K"})
    told = desk.set(ask="ctrl+alt+space", menu="ctrl+alt+c", other="ctrl+alt+o")
    assert told == {
        "ask": ("super+k", ""),
        "menu": ("ctrl+alt+c", "The desktop has given “Menu” no keys."),
        "other": ("ctrl+alt+o", ""),
    }
    there.change(ask="Meta+J", menu="Meta+M")
    desk.gui.run_until(lambda: desk.state["menu"] == ("super+m", ""))
    assert desk.state["ask"] == ("super+j", "")


def test_a_declined_question_is_told_and_not_asked_again(portal: Make, desk: Desk) -> None:
    there = portal("declines")
    told = desk.set(ask="ctrl+alt+space")
    assert "was declined" in told["ask"][1]
    assert "action run ask" in desk.hint("ask")
    assert desk.set(ask="ctrl+alt+space") == told
    assert len(there.bound) == 1
    there.person = "accepts"
    assert desk.set(ask="ctrl+alt+k") == {"ask": ("ctrl+alt+k", "")}


def test_a_question_that_stays_open_gives_way_to_what_is_wanted_then(
    portal: Make, desk: Desk
) -> None:
    there = portal("waits")
    desk.ask(ask="ctrl+alt+space")
    desk.gui.run_until(lambda: there.bound)
    # The same once more does not open a second one.
    desk.ask(ask="ctrl+alt+space")
    there.person = "accepts"
    assert desk.set(ask="ctrl+alt+k") == {"ask": ("ctrl+alt+k", "")}
    assert [each["ask"] for each in there.bound] == ["CTRL+ALT+space", "CTRL+ALT+k"]


@pytest.mark.parametrize("there_is_one", [False, True])
def test_without_the_portal_the_command_to_bind_is_told(
    portal: Make, desk: Desk, there_is_one: bool
) -> None:
    if there_is_one:
        portal(absent=True)
    told = desk.set(ask="ctrl+alt+space")
    assert "no portal for hotkeys" in told["ask"][1]
    assert "bind Ctrl+Alt+Space to this command: /" in desk.hint("ask")
    assert desk.hint("ask").endswith("hob action run ask")
    assert desk.hotkeys.way == "none"


def test_a_revoked_session_is_told(portal: Make, desk: Desk) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    there.revoke()
    desk.gui.run_until(lambda: "taken Hob's hotkeys back" in desk.state["ask"][1])
    assert desk.set(ask="ctrl+alt+k") == {"ask": ("ctrl+alt+k", "")}


def test_a_portal_that_starts_again_is_asked_again(portal: Make, desk: Desk) -> None:
    first = portal()
    desk.set(ask="ctrl+alt+space")
    first.stop()
    desk.gui.run_until(lambda: "has stopped" in desk.state["ask"][1])
    second = portal()
    desk.gui.run_until(lambda: desk.state == {"ask": ("ctrl+alt+space", "")})
    second.press("ask")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])
    assert second.registered == [APP_ID]


def test_a_bus_that_is_lost_is_told_and_used_again(bus: Bus, portal: Make, desk: Desk) -> None:
    portal()
    desk.set(ask="ctrl+alt+space")
    bus.stop()
    desk.gui.run_until(lambda: "D-Bus" in desk.state["ask"][1])
    assert "D-Bus" in desk.set(ask="ctrl+alt+k")["ask"][1]
    bus.start()
    there = portal()
    desk.gui.run_until(lambda: desk.state == {"ask": ("ctrl+alt+k", "")})
    there.press("ask")
    desk.gui.run_until(lambda: desk.pressed == ["ask"])


def test_another_program_cannot_press_our_hotkeys(bus: Bus, portal: Make, desk: Desk) -> None:
    there = portal()
    desk.set(ask="ctrl+alt+space")
    subprocess.run(
        [
            *("dbus-send", f"--bus={bus.address}", "--type=signal"),
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.GlobalShortcuts.Activated",
            *(f"objpath:{there.sessions[-1]}", "string:ask", "uint64:1"),
        ],
        check=True,
    )
    there.press("unknown")
    there.press("ask")
    desk.gui.run_until(lambda: desk.pressed)
    assert desk.pressed == ["ask"]
