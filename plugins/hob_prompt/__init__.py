"""The hotkeys that ask: Ctrl+Alt+Space opens the prompt window."""

from __future__ import annotations

from hob.plugins import Action, Context, Opens, Setting, hookimpl


@hookimpl
def register_settings() -> list[Setting]:
    return [
        Setting("system", "", "What the model is told before the questions of the prompt window."),
    ]


@hookimpl
def register_actions(context: Context) -> list[Action]:
    system = str(context.settings["system"])
    return [
        Action(
            "ask",
            "Ask...",
            help="Open the prompt window.",
            opens=Opens(window="prompt", system=system),
            system=system,
            hotkey="ctrl+alt+space",
        ),
        Action(
            "ask-clipboard",
            "Ask about the clipboard...",
            help="Open the prompt window with what is in the clipboard attached.",
            opens=Opens(window="prompt", system=system, attach="clipboard"),
            takes="clipboard",
            system=system,
        ),
        Action(
            "ask-selection",
            "Ask about the selection...",
            help="Open the prompt window with what is selected attached.",
            opens=Opens(window="prompt", system=system, attach="selection"),
            takes="selection",
            system=system,
            in_menu=False,
        ),
    ]
