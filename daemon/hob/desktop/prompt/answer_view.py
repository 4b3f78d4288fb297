"""One answer while it grows: settled blocks are rendered once, the last one again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hob.desktop.prompt.blocks import CodeView, ProseView
from hob.desktop.prompt.labels import PlainLabel
from hob.desktop.prompt.markdown import Block, Blocks, Code, Prose
from hob.desktop.prompt.theme import Colors

# Nobody sees more than thirty pictures of a growing text in a second.
FRAME_MS = 33
# What may be rendered before the window must hear keys again.
_SLICE_S = 0.006
# After what took long to render, so many times as long is left for everything else.
_PAUSE = 5
MAX_SHOWN_CHARS = 2**20


class AnswerView(QWidget):
    """`feed` and `finish` return at once; what they bring is shown bit by bit."""

    wants_link = Signal(str)

    def __init__(self, colors: Colors, copy: Callable[[str], None]) -> None:
        super().__init__()
        self._colors = colors
        self._copy = copy
        self._blocks = Blocks()
        self._settled: deque[Block] = deque()
        self._shown_chars = 0
        self._finished = False
        self._prose: ProseView | None = None
        self._tail: ProseView | None = None
        self._code: CodeView | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        # Room to spare goes below the answer, not between its blocks.
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._render)
        self._rendered_at = 0.0
        self._took_ms = 0.0

    def feed(self, text: str) -> None:
        """More of the answer."""
        if self._shown_chars > MAX_SHOWN_CHARS or self._finished:
            return
        self._shown_chars += len(text)
        if self._shown_chars > MAX_SHOWN_CHARS:
            self._cut(text)
            return
        self._settled.extend(self._blocks.feed(text))
        self._soon()

    def finish(self) -> None:
        """There is no more of it."""
        if not self._finished:
            self._settled.extend(self._blocks.finish())
            self._finished = True
            self._soon()

    @property
    def busy(self) -> bool:
        """Whether something waits to be shown."""
        return self._timer.isActive()

    def _cut(self, text: str) -> None:
        within = len(text) - (self._shown_chars - MAX_SHOWN_CHARS)
        self._settled.extend(self._blocks.feed(text[:within]))
        self.finish()
        note = "The answer is too long to be shown further. Copy copies all of it."
        self._column.addWidget(PlainLabel(note, "warning"))

    def _soon(self) -> None:
        if not self._timer.isActive():
            passed = (time.monotonic() - self._rendered_at) * 1000
            self._timer.start(max(0, int(max(FRAME_MS, self._took_ms * _PAUSE) - passed)))

    def _render(self) -> None:
        began = time.perf_counter()
        end = began + _SLICE_S
        while self._settled and time.perf_counter() < end:
            self._settle(self._settled.popleft())
        if self._settled:
            self._timer.start(1)
        else:
            self._show_rest(self._blocks.rest)
        self._rendered_at = time.monotonic()
        self._took_ms = (time.perf_counter() - began) * 1000

    def _settle(self, block: Block) -> None:
        if isinstance(block, Code):
            view = self._code or self._new_code()
            view.show_code(block.language, block.text)
            self._code = None
            self._prose = None
            return
        if self._prose is None:
            self._prose = self._new_prose()
        self._prose.append_markdown(block.text)
        if self._tail is not None:
            self._tail.hide()

    def _show_rest(self, rest: Block | None) -> None:
        if isinstance(rest, Code):
            self._drop_tail()
            self._code = self._code or self._new_code()
            self._code.show_code(rest.language, rest.text)
        elif isinstance(rest, Prose):
            if self._tail is None:
                self._tail = self._new_prose()
            self._tail.show_markdown(rest.text)
            self._tail.show()
        else:
            self._drop_tail()

    def _drop_tail(self) -> None:
        if self._tail is not None:
            self._column.removeWidget(self._tail)
            self._tail.hide()
            self._tail.deleteLater()
            self._tail = None

    def _new_prose(self) -> ProseView:
        view = ProseView(self._colors)
        view.wants_link.connect(self.wants_link)
        self._place(view)
        return view

    def _new_code(self) -> CodeView:
        view = CodeView(self._colors, self._copy)
        self._place(view)
        return view

    def _place(self, view: QWidget) -> None:
        """Above the tail, which is always the last."""
        count = self._column.count()
        self._column.insertWidget(count - 1 if self._tail is not None else count, view)
