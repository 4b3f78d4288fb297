"""What is shown to the person, and when: windows, runs of actions, and what becomes of answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from hob.client import Client
from hob.desktop.parts import Parts
from hob.errors import ClipboardSecret, HobError
from hob.wire.desktop import Clip, NewRecent
from hob.wire.plugins import ActionInfo, ActionRequest, ActionText, Opens, Source

# A hotkey that is held down repeats itself; it means one run.
_REPEAT_S = 0.4
MAX_ANSWER_CHARS = 16 * 2**20


class Prompt(Protocol):
    """The prompt window."""

    def open(self, opens: Opens) -> None: ...
    def show_run(self, action: ActionInfo, request: ActionRequest) -> None: ...
    def show_text(self, title: str, text: str) -> None: ...


class Menu(Protocol):
    """The action menu."""

    def open(self, source: Source = "clipboard") -> None: ...
    def ask(self, action: ActionInfo) -> None: ...


@dataclass
class DesktopWindows:
    """A parts.Windows. `prompt` and `menu` make their windows, each when it is first needed."""

    parts: Parts
    prompt: Callable[[], Prompt]
    menu: Callable[[], Menu]
    clock: Callable[[], float] = time.monotonic
    _began: dict[str, float] = field(default_factory=dict)

    def open(self, opens: Opens) -> None:
        """Show what is wanted, focused, on the screen with the pointer."""
        if opens.window == "actions":
            self.menu().open("selection" if opens.attach == "selection" else "clipboard")
        else:
            self.prompt().open(opens)

    def show_text(self, title: str, text: str) -> None:
        """Show a finished answer in the prompt window."""
        self.prompt().show_text(title, text)

    def pressed(self, name: str) -> None:
        """The hotkey of an action was pressed."""
        actions = self.parts.bridge.view.actions
        action = next((each for each in actions if each.name == name), None)
        if action is not None:
            self.run_action(action)

    def run_action(self, action: ActionInfo, input: str = "", clip: Clip | None = None) -> None:
        """Run an action and show what it makes, as it says. What it takes is read first, unless
        `clip` is that; what it asks is asked, unless `input` answers it."""
        if action.opens is not None:
            self.open(action.opens)
        elif action.asks and not input and clip is None:
            self.menu().ask(action)
        elif action.takes == "nothing" or clip is not None:
            self._run(action, input, clip)
        elif not self._repeats(action):
            clipboard = self.parts.clipboard
            read = clipboard.selection if action.takes == "selection" else clipboard.read
            read(partial(self._run, action, input), partial(self._refused, action))

    def chosen(self, action: ActionInfo, input: str, clip: Clip) -> None:
        """The menu's choice: it has read and asked already."""
        self.run_action(action, input, clip)

    def _repeats(self, action: ActionInfo) -> bool:
        now = self.clock()
        before = self._began.get(action.name)
        self._began[action.name] = now
        return before is not None and now - before < _REPEAT_S

    def _run(self, action: ActionInfo, input: str, clip: Clip | None) -> None:
        if clip is not None and clip.secret and action.takes != "nothing":
            return self._refused(action, _secret())
        takes = action.takes != "nothing" and clip is not None
        request = ActionRequest(
            action=action.name,
            text=clip.text if takes and clip else None,
            image=clip.image if takes and clip else "",
            input=input,
            desktop=self.parts.bridge.view.desktop,
        )
        if action.shows == "answer":
            return self.prompt().show_run(action, request)
        told = self._told if action.shows == "notice" else self._silent
        self.parts.bridge.run(
            lambda client: collected(client, request),
            partial(told, action),
            partial(self._refused, action),
        )
        return None

    def _told(self, action: ActionInfo, text: str) -> None:
        """The answer as a notice, and among the recent ones."""
        notices = self.parts.notices
        if not text.strip():
            notices.show(action.title, "Done.")
            return
        answer = NewRecent(title=action.title, text=text)
        self.parts.bridge.run(lambda client: client.add_recent(answer), failed=lambda _error: None)
        notices.show(
            action.title, text, copy=text, open=partial(self.show_text, action.title, text)
        )

    def _silent(self, action: ActionInfo, text: str) -> None:
        """An action that shows nothing has done its work elsewhere."""

    def _refused(self, action: ActionInfo, error: HobError) -> None:
        self.parts.notices.show(action.title, str(error))


def collected(client: Client, request: ActionRequest) -> str:
    """All text that a run makes, within bounds. Raises HobError."""
    pieces: list[str] = []
    size = 0
    with client.run_action(request) as events:
        for event in events:
            if isinstance(event, ActionText):
                size += len(event.text)
                if size > MAX_ANSWER_CHARS:
                    break
                pieces.append(event.text)
    return "".join(pieces)


def _secret() -> ClipboardSecret:
    return ClipboardSecret(
        "The clipboard holds what its owner has marked as a secret, so it was not read.",
        hint="Copy something else, and try again.",
    )
