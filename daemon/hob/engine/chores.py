"""What can wait until nobody asks anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Does one piece of work, bounded and soon done; False when there is none.
Chore = Callable[[], bool]


class Chores:
    """Done one at a time, in order; the first that has work goes again."""

    def __init__(
        self, chores: Sequence[Chore] = (), last: Callable[[], None] | None = None
    ) -> None:
        self._chores = chores
        self._last = last

    def do_one(self) -> bool:
        """Was there anything to do?"""
        return any(chore() for chore in self._chores)

    def finish(self) -> None:
        """At the end of the worker's life."""
        if self._last is not None:
            self._last()
