"""One run of an action as the action sees it; fits hob.plugins.Run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hob.errors import BodyTooLarge, ClipboardSecret, InvalidRequest
from hob.plugins.host.blame import broken, one_line
from hob.plugins.host.context import PluginContext
from hob.plugins.values import Action
from hob.wire.contents import content_kind
from hob.wire.desktop import Clip
from hob.wire.plugins import (
    MAX_TEXT_CHARS,
    ActionEvent,
    ActionProgress,
    ActionRequest,
    ActionStarted,
    ActionText,
    ContentKind,
)

# What one run may make.
MAX_MADE_CHARS = 2**20
# Pieces that come faster are sent together.
_EVERY_S = 0.03
_NOTE_CHARS = 300


class RunContext(PluginContext):
    """`tell` sends an event. `over` is set when nothing more may be sent."""

    def begin(
        self, action: Action, request: ActionRequest, tell: Callable[[ActionEvent], None]
    ) -> None:
        """What it is the run of; called once, before the action is."""
        self._action = action
        self._request = request
        self._tell = tell
        self._lock = threading.Lock()
        self._clip: Clip | None = None
        self._made = 0
        self._waiting_text: list[str] = []
        self._waiting_progress: ActionProgress | None = None
        self._sent_at = 0.0
        self.last_sign = time.monotonic()
        self.over = False

    @property
    def text(self) -> str:
        text = self._content().text
        if not text.strip():
            raise InvalidRequest(
                f"There is no text to work on: {self._place()}.",
                hint="Copy or select some text first." if self._action.takes != "nothing" else "",
                param="text",
            )
        return text

    @property
    def image(self) -> str:
        return self._content().image

    @property
    def kind(self) -> ContentKind:
        clip = self._content()
        return content_kind(clip.text, clip.image)

    @property
    def input(self) -> str:
        return self._request.input

    @property
    def model(self) -> str:
        return self._model

    @property
    def cancelled(self) -> bool:
        return self.waits.cancelled

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        self.waits.check()
        share = None if fraction is None else min(max(float(fraction), 0.0), 1.0)
        share = None if share != share else share  # noqa: PLR0124 - not a number
        said = ActionProgress(fraction=share, note=one_line(str(note), _NOTE_CHARS))
        with self._lock:
            self._waiting_progress = said
        self.last_sign = time.monotonic()
        self.flush(only_after_s=_EVERY_S)

    # ---- for the host ----

    def started(self, event: ActionStarted) -> None:
        """Send the first event."""
        with self._lock:
            self._tell(event)

    def add(self, piece: str) -> None:
        """More of what the action makes. Raises PluginBroken for too much, and Cancelled."""
        self.waits.check()
        if not piece:
            return  # no sign of life: there could be endlessly many
        self._made += len(piece)
        if self._made > MAX_MADE_CHARS:
            what = f"the action {self._action.name}"
            raise broken(self.name, what, f"it made more than {MAX_MADE_CHARS} characters")
        with self._lock:
            self._waiting_text.append(piece)
        self.last_sign = time.monotonic()
        self.flush(only_after_s=_EVERY_S)

    def flush(self, *, only_after_s: float = 0.0) -> None:
        """Send the text and the last progress that wait, unless some was sent a moment ago."""
        with self._lock:
            if time.monotonic() - self._sent_at < only_after_s:
                return
            text, progress = "".join(self._waiting_text), self._waiting_progress
            self._waiting_text.clear()
            self._waiting_progress = None
            if self.over or not (text or progress):
                return
            self._sent_at = time.monotonic()
            if text:
                self._tell(ActionText(text=text))
            if progress:
                self._tell(progress)

    def idle_s(self) -> float:
        """For how long the plugin has shown no sign of life, though it waits for nobody."""
        if self.waits.waits:
            self.last_sign = time.monotonic()
        return time.monotonic() - self.last_sign

    def end(self, event: ActionEvent) -> None:
        """Send the last event, once; whatever comes later is dropped."""
        self.flush()
        with self._lock:
            if not self.over:
                self.over = True
                self._tell(event)

    def _content(self) -> Clip:
        if self._clip is None:
            self._clip = self._fetched()
        return self._clip

    def _fetched(self) -> Clip:
        request = self._request
        if request.text is not None or request.image:
            return Clip(text=request.text or "", image=request.image)
        if self._action.takes == "nothing":
            return Clip()
        held = self.clipboard
        clip = held.read() if self._action.takes == "clipboard" else held.selection()
        if clip.secret:
            raise ClipboardSecret(
                "The clipboard holds a secret of a password manager, which Hob does not read.",
                hint="Copy something else.",
            )
        if len(clip.text) > MAX_TEXT_CHARS:
            raise BodyTooLarge(
                f"The text has {len(clip.text)} characters; {MAX_TEXT_CHARS} are the most.",
                hint="Copy a part of it.",
            )
        return clip

    def _place(self) -> str:
        match self._action.takes:
            case "clipboard":
                return "the clipboard is empty or holds none"
            case "selection":
                return "nothing is selected"
            case _:
                return "none was given"
