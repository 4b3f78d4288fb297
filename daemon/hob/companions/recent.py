"""The last answers that were given on the desktop: in memory alone, and never many."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from hob.wire.desktop import NewRecent, Recent, RecentList
from hob.wire.events import Event, RecentChanged

MOST_ANSWERS = 20
MOST_BYTES = 1_000_000
_MOST_TITLE_CHARS = 200


class RecentAnswers:
    """Keeps the newest; the oldest leave when there are too many or they are too large."""

    def __init__(
        self, publish: Callable[[Event], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._answers: deque[Recent] = deque()

    def add(self, answer: NewRecent) -> RecentList:
        """Remember it, unless it is blank or larger than all may be together: it would come back
        cut, or push out every other."""
        title = _one_line(answer.title)
        size = _size(title) + _size(answer.text)
        if answer.text.strip() and size <= MOST_BYTES:
            self._answers.appendleft(Recent(title=title, text=answer.text, at=self._clock()))
            self._shrink()
            self._publish(RecentChanged(at=self._clock()))
        return self.listing()

    def clear(self) -> RecentList:
        self._answers.clear()
        self._publish(RecentChanged(at=self._clock()))
        return self.listing()

    def listing(self) -> RecentList:
        return RecentList(answers=tuple(self._answers))

    def _shrink(self) -> None:
        def total() -> int:
            return sum(_size(each.title) + _size(each.text) for each in self._answers)

        while len(self._answers) > MOST_ANSWERS or total() > MOST_BYTES:
            self._answers.pop()


def _one_line(title: str) -> str:
    line = " ".join(title[: 4 * _MOST_TITLE_CHARS].split())
    return line if len(line) <= _MOST_TITLE_CHARS else f"{line[: _MOST_TITLE_CHARS - 2]} …"


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
