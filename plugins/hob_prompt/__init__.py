"""The hotkey that asks: Ctrl+Alt+Space opens the prompt window."""

from __future__ import annotations

from hob.plugins import Action, Opens, hookimpl


@hookimpl
def register_actions() -> list[Action]:
    return [
        Action(
            "ask",
            "Ask...",
            help="Open the prompt window.",
            opens=Opens(window="prompt"),
            hotkey="ctrl+alt+space",
        ),
    ]
