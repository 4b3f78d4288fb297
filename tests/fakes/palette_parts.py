"""What the action menu talks with: a daemon's view and a clipboard that a test holds in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hob.client import Client
from hob.client.interrupt import Interrupt
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ActionInfo, Opens


class RecordingClient(Client):
    """Keeps what it is to read ahead; reads until it is interrupted when `endless`."""

    def __init__(self) -> None:
        self.read: list[list[ChatMessage]] = []
        self.interrupts: list[Interrupt] = []

    def prefill(self, messages: Any, *, interrupt: Any = None, **_: Any) -> Any:
        self.read.append(list(messages))
        self.interrupts.append(interrupt)


class FakeBridge:
    def __init__(self, view: DaemonView) -> None:
        self.view = view
        self.recording = RecordingClient()
        self.started = 0
        self._told: list[Callable[[DaemonView], None]] = []

    def watch(self, told: Callable[[DaemonView], None]) -> None:
        self._told.append(told)
        told(self.view)

    def change(self, view: DaemonView) -> None:
        self.view = view
        for told in self._told:
            told(view)

    def client(self) -> Client:
        return self.recording

    def run(self, work: Any, done: Any = None, failed: Any = None) -> None:
        result = work(self.recording)
        if done is not None:
            done(result)

    def post(self, call: Callable[[], None]) -> None:
        call()

    def start_daemon(self) -> None:
        self.started += 1

    def refresh(self) -> None:
        """There is nothing to ask."""


class HeldClipboard:
    """Answers when the test says so; `clip` None lets it wait."""

    pastes = True

    def __init__(self, clip: Clip | None = None, error: HobError | None = None) -> None:
        self.clip = clip
        self.error = error
        self.asked: list[str] = []
        self.focus_noted = 0
        self._waiting: list[Callable[[Clip], None]] = []

    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        self._ask("clipboard", done, failed)

    def selection(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        self._ask("selection", done, failed)

    def _ask(
        self, source: str, done: Callable[[Clip], None], failed: Callable[[HobError], None]
    ) -> None:
        self.asked.append(source)
        if self.error is not None:
            failed(self.error)
        elif self.clip is not None:
            done(self.clip)
        else:
            self._waiting.append(done)

    def answer(self, clip: Clip) -> None:
        """To the first that waits."""
        self._waiting.pop(0)(clip)

    def write(self, text: str, done: Any = None, failed: Any = None) -> None:
        """Nothing is written by a menu."""

    def note_focus(self) -> None:
        self.focus_noted += 1

    def paste(self, text: str, done: Any = None, failed: Any = None) -> None:
        """Nothing is pasted by a menu."""


class NoNotices:
    def show(self, title: str, text: str = "", *, copy: str = "", open: Any = None) -> None:
        """A menu shows what it has to say itself."""


def action(name: str, title: str, **fields: Any) -> ActionInfo:
    fields = {"plugin": "clipboard", "takes": "clipboard", "system": "Be brief.", **fields}
    return ActionInfo(name=name, title=title, **fields)


ACTIONS = (
    action(
        "actions",
        "Actions on the clipboard...",
        takes="nothing",
        opens=Opens(window="actions"),
        hotkey="ctrl+alt+c",
    ),
    action(
        "summarize",
        "Summarize",
        help="Say briefly what the text says, in its own language, however long it is.",
        kinds=("text", "message"),
        hotkey="ctrl+alt+s",
    ),
    action("explain", "Explain", help="Say in simple words what the text means.", kinds=("text",)),
    action(
        "translate",
        "Translate...",
        help="Translate the text into the language that you name.",
        kinds=("text", "message"),
        asks="Into which language?",
        choices=("English", "German", "French", "Frisian", "Spanish"),
    ),
    action(
        "fix-grammar",
        "Fix spelling and grammar",
        help="Correct the text, and change nothing else.",
        kinds=("text", "message"),
    ),
    action(
        "reply",
        "Reply...",
        help="Write an answer to the message or e-mail.",
        kinds=("message",),
        asks="What should the reply say?",
    ),
    action(
        "explain-code",
        "Explain the code",
        help="Say what the code does, and what is wrong with it.",
        kinds=("code",),
    ),
    action(
        "table-to-csv",
        "Table to CSV",
        help="Turn a copied table into comma-separated values.",
        kinds=("table",),
    ),
    action(
        "describe-image",
        "Describe the picture",
        help="Needs a model that can see.",
        kinds=("image",),
        system="You look at a picture.",
    ),
    action("haiku", "As a haiku", system="Be brief."),
    action(
        "ask",
        "Ask...",
        help="Open the prompt window.",
        takes="nothing",
        opens=Opens(),
        hotkey="ctrl+alt+space",
    ),
)
