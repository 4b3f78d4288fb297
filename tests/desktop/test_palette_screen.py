"""The action menu on a real X screen: its hotkey is pressed, and keys are typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import fakes.palette_program as program
from desktop.screen import Screen

NAME = "Hob: actions"
MESSAGE = "Dear Anna,\n\nthank you for the plan. Shall we meet on Friday at ten?\n\nYours, Bob"


class Menu:
    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._out = screen.folder / "chosen.jsonl"
        screen.spawn(sys.executable, str(program.__file__), str(self._out))
        screen.eventually(lambda: {"ready": ["actions"]} in self.told, what="the hotkey")
        screen.spawn("xmessage", "-title", "somebody", "hello")
        screen.window("somebody")
        screen.eventually(lambda: screen.active_window() == "somebody", what="the focus")
        text = screen.folder / "message.txt"
        text.write_text(MESSAGE)
        screen.spawn("xclip", "-quiet", "-selection", "clipboard", str(text))
        screen.eventually(lambda: self._clipboard() == MESSAGE, what="xclip to have the clipboard")

    @property
    def told(self) -> list[dict[str, Any]]:
        text = self._out.read_text() if self._out.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    @property
    def chosen(self) -> list[dict[str, Any]]:
        return [one for one in self.told if "action" in one]

    def _clipboard(self) -> str:
        return self.screen.run("sh", "-c", "xclip -selection clipboard -o || true")

    @property
    def focused(self) -> bool:
        """Whether it knows that it has the focus."""
        return [one["focus"] for one in self.told if "focus" in one][-1:] == [NAME]

    def open(self) -> None:
        self.screen.xdotool("key", "ctrl+alt+c")
        self.screen.eventually(lambda: self.screen.active_window() == NAME, what="the menu")
        self.screen.eventually(lambda: self.focused, what="the focus")

    def wait_closed(self) -> None:
        self.screen.eventually(lambda: not self.screen.windows(NAME), what="the menu to close")


@pytest.fixture(scope="module")
def menu() -> Iterator[Menu]:
    with Screen(panel=False, notices=False) as screen:
        yield Menu(screen)


def test_the_hotkey_shows_it_and_typing_and_enter_choose(menu: Menu) -> None:
    menu.open()
    menu.screen.xdotool("type", "gram")
    menu.screen.xdotool("key", "Return")
    menu.screen.eventually(lambda: menu.chosen, what="an action")
    assert menu.chosen[-1] == {"action": "fix-grammar", "input": "", "text": MESSAGE}
    menu.wait_closed()


def test_a_language_is_typed_and_the_translation_is_chosen(menu: Menu) -> None:
    before = len(menu.chosen)
    menu.open()
    menu.screen.xdotool("type", "trans")
    menu.screen.xdotool("key", "Return")
    menu.screen.xdotool("type", "fris")
    menu.screen.xdotool("key", "Return")
    menu.screen.eventually(lambda: len(menu.chosen) > before, what="an action")
    assert menu.chosen[-1] == {"action": "translate", "input": "Frisian", "text": MESSAGE}


def test_escape_gives_the_focus_back(menu: Menu) -> None:
    menu.open()
    menu.screen.xdotool("key", "Escape")
    menu.wait_closed()
    menu.screen.eventually(
        lambda: menu.screen.active_window() == "somebody", what="the focus to go back"
    )


def test_it_closes_when_another_window_is_clicked(menu: Menu) -> None:
    menu.open()
    other = menu.screen.window("somebody")
    menu.screen.xdotool("windowactivate", "--sync", other)
    menu.wait_closed()


def test_fifty_presses_open_one_menu(menu: Menu) -> None:
    menu.screen.xdotool("key", "--delay", "20", *["ctrl+alt+c"] * 50)
    menu.screen.eventually(lambda: menu.focused, what="the menu")
    assert len(menu.screen.windows(NAME)) == 1
    menu.screen.xdotool("key", "Escape")
    menu.wait_closed()
