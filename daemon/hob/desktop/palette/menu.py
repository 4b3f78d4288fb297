"""The action menu: opens at once, reads the clipboard, and lets the person find an action."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QGuiApplication, QPalette

from hob.client.read_ahead import ReadAhead
from hob.desktop.palette.preview import Preview, preview
from hob.desktop.palette.rows import Row, action_rows, input_rows, shared_system
from hob.desktop.palette.window import MenuWindow
from hob.desktop.parts import Parts
from hob.desktop.view import DaemonView
from hob.errors import ClipboardSecret, HobError
from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ActionInfo, Source

_KEEP_RECENT = 20
# A text of more characters than this does not fit into a context, so there is nothing to read.
_READ_AHEAD_CHARS = 400_000

_FIND = "Find an action"
_HINT = "↑ ↓ choose    Enter run    Alt+1 … Alt+9 run at once    Esc close"
_ASK_HINT = "Enter go on    Tab complete    Esc {}"

Chosen = Callable[[ActionInfo, str, Clip], None]


class ActionMenu:
    """Calls `chosen` with the action, the answer to what it asks, and what the clipboard holds.

    `colours` are those of now, for light and dark. While the person chooses, the model reads the
    text already, with the system prompt that most of the actions share.
    """

    def __init__(
        self,
        parts: Parts,
        chosen: Chosen,
        colours: Callable[[], QPalette] = QGuiApplication.palette,
    ) -> None:
        self._parts = parts
        self._chosen = chosen
        self._window = MenuWindow(colours)
        self._source: Source = "clipboard"
        # None while it is being read.
        self._clip: Clip | None = None
        self._preview = Preview(None, "")
        # Which opening a reply of the clipboard belongs to.
        self._opening = 0
        self._rows: list[Row] = []
        self._asking: ActionInfo | None = None
        # What it was opened for, so that there are no other actions to go back to.
        self._alone: ActionInfo | None = None
        self._recent: list[str] = []
        # Chosen before the clipboard had answered.
        self._waiting: Row | None = None
        self._ahead: ReadAhead | None = None
        self._connect()
        parts.bridge.watch(self._viewed)

    def _connect(self) -> None:
        window = self._window
        window.typed.connect(self._list)
        window.chosen.connect(self._take)
        window.completed.connect(self._complete)
        window.left.connect(self._leave)
        window.back.connect(self._back)
        window.forsaken.connect(self.hide)

    @property
    def visible(self) -> bool:
        return self._window.isVisible()

    @property
    def window(self) -> MenuWindow:
        """For the parent of dialogs, and for tests."""
        return self._window

    def open(self, source: Source = "clipboard") -> None:
        """Show it at once, focused; what it works on is read while it is shown."""
        self._begin(source, None)

    def ask(self, action: ActionInfo) -> None:
        """Show it for one action alone: what this asks, then it is chosen."""
        self._begin(action.takes, action)

    def _begin(self, source: Source, action: ActionInfo | None) -> None:
        if not self.visible:
            self._parts.clipboard.note_focus()
        self._stop_reading_ahead()
        self._opening += 1
        self._source = source
        self._asking = self._alone = action
        self._clip = Clip() if source == "nothing" else None
        self._preview = Preview(None, "" if source == "nothing" else f"Reading the {source} …")
        self._window.ask(action.asks if action else _FIND)
        self._show()
        self._window.appear()
        self._fetch(self._opening)

    def hide(self) -> None:
        """Close it without an action."""
        self._opening += 1
        self._waiting = None
        self._stop_reading_ahead()
        self._window.hide()

    # ---- the clipboard ----

    def _fetch(self, opening: int, then: Row | None = None) -> None:
        """Read what is worked on; `then` is run on it."""
        self._waiting = then
        if self._source == "nothing":
            return
        clipboard = self._parts.clipboard
        read = clipboard.selection if self._source == "selection" else clipboard.read
        read(
            lambda clip: self._got(opening, clip, preview(clip, self._source)),
            lambda error: self._got(opening, *_failed(error)),
        )

    def _got(self, opening: int, clip: Clip, shown: Preview) -> None:
        if opening != self._opening:
            return
        # Of a secret nothing is kept, should its text have come along.
        self._clip, self._preview = Clip(secret=True) if clip.secret else clip, shown
        if self._waiting is not None and shown.kind is not None:
            self._run(self._waiting)
            return
        self._waiting = None
        self._show()
        self._read_ahead()

    # ---- what is shown ----

    def _viewed(self, view: DaemonView) -> None:
        if self.visible:
            self._show(self._window.current)
            if self._ahead is None:
                self._read_ahead()

    def _show(self, current: int = 0) -> None:
        view = self._parts.bridge.view
        self._window.show_head(self._preview.label, self._preview.line)
        self._window.show_foot(_state(view) or self._hint())
        self._list(self._window.line.text(), current)

    def _hint(self) -> str:
        if self._asking is None:
            return _HINT
        return _ASK_HINT.format("close" if self._alone else "back")

    def _list(self, typed: str, current: int = 0) -> None:
        view = self._parts.bridge.view
        if self._asking is not None:
            self._rows = input_rows(self._asking, typed)
        elif view.phase == "away":
            self._rows = [Row("Start Hob", "Nothing can be done while it does not run")]
        else:
            # While the clipboard is being read, it is taken for a text.
            kind = "text" if self._clip is None else self._preview.kind
            self._rows = action_rows(view.actions, kind, typed, self._recent, self._source)
        self._window.show_rows(self._rows, current)

    # ---- choosing ----

    def _take(self, number: int) -> None:
        if not 0 <= number < len(self._rows):
            return
        row = self._rows[number]
        if row.action is None:
            self._parts.bridge.start_daemon()
            self._window.show_foot("Hob is being started …")
        elif row.input is None:
            self._ask(row.action)
        else:
            self._run(row)

    def _ask(self, action: ActionInfo) -> None:
        self._asking = action
        self._window.ask(action.asks)
        self._show()

    def _run(self, row: Row) -> None:
        action = row.action
        assert action is not None
        if self._needs_selection(action):
            self._clip, self._source = None, "selection"
            self._opening += 1
            self._fetch(self._opening, row)
            return
        clip, takes = self._clip, action.takes != "nothing" and action.opens is None
        if clip is None and takes:
            self._waiting = row
            self._window.show_foot(f"{action.title}: waiting for the {self._source} …")
            return
        if takes and self._preview.kind is None:
            # The head of the window says why there is nothing to work on.
            return
        self._recent = [action.name, *(n for n in self._recent if n != action.name)][:_KEEP_RECENT]
        self.hide()
        self._chosen(action, row.input or "", clip or Clip())

    def _needs_selection(self, action: ActionInfo) -> bool:
        """Whether it works on something else than what was read."""
        foreign = action.takes == "selection" and self._source != "selection"
        return foreign and action.opens is None

    def _complete(self, number: int) -> None:
        """Put the row into the line, for changing it or going on."""
        row = self._rows[number]
        if self._asking is None:
            self._take(number)
        elif row.input:
            self._window.ask(self._asking.asks, row.input)
            self._list(row.input)

    def _leave(self) -> None:
        if self._asking is not None and self._alone is None:
            self._back()
        else:
            self.hide()

    def _back(self) -> None:
        """From the question to the actions."""
        if self._asking is not None and self._alone is None:
            self._asking = None
            self._window.ask(_FIND)
            self._show()

    # ---- reading ahead ----

    def _read_ahead(self) -> None:
        clip, view = self._clip, self._parts.bridge.view
        if clip is None or not clip.text.strip() or len(clip.text) > _READ_AHEAD_CHARS:
            return
        if view.phase in ("away", "empty") or not view.actions:
            return
        system = shared_system(action_rows(view.actions, self._preview.kind))
        messages = [ChatMessage(role="user", content=clip.text)]
        if system:
            messages.insert(0, ChatMessage(role="system", content=system))
        self._ahead = ReadAhead(self._parts.bridge.client())
        self._ahead.begin(messages, "")

    def _stop_reading_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None


def _failed(error: HobError) -> tuple[Clip, Preview]:
    """What stands for a clipboard that is not read."""
    if isinstance(error, ClipboardSecret):
        clip = Clip(secret=True)
        return clip, preview(clip)
    return Clip(), Preview(None, error.message, error.hint)


def _state(view: DaemonView) -> str:
    """What a person must know of the daemon before choosing; empty when all is well."""
    if view.phase == "away":
        return "Hob does not run."
    if view.phase == "empty":
        return (
            "There is no model yet: put a GGUF file into the models folder, or `hob models pull`."
        )
    if view.phase == "loading":
        done = f" ({view.load_fraction:.0%})" if view.load_fraction is not None else ""
        return f"The model is being loaded{done}; what you choose begins when it is there."
    if view.phase == "error" and view.problem is not None:
        return f"{view.problem.message} {view.problem.hint}".strip()
    return ""
