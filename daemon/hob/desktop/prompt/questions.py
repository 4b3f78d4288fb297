"""Recalls earlier questions, as a shell does. In memory alone: what people ask is private."""

from __future__ import annotations

MAX_QUESTIONS = 200


class Questions:
    """The questions so far, and the draft that was left to look at them."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        self._place = 0
        self._draft = ""

    def asked(self, question: str) -> None:
        """Keep it as the newest; the same one twice in a row is kept once."""
        if question.strip() and self._asked[-1:] != [question]:
            self._asked.append(question)
            del self._asked[:-MAX_QUESTIONS]
        self._place = len(self._asked)
        self._draft = ""

    def earlier(self, current: str) -> str | None:
        """The one before; None when there is none."""
        if self._place == 0:
            return None
        if self._place == len(self._asked):
            self._draft = current
        self._place -= 1
        return self._asked[self._place]

    def later(self) -> str | None:
        """The one after, and after the newest the draft; None when that is what stands there."""
        if self._place == len(self._asked):
            return None
        self._place += 1
        return self._draft if self._place == len(self._asked) else self._asked[self._place]
