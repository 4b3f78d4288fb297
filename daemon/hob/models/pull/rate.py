"""How fast a download is, and how long it has to go, without figures that jump. Pure."""

from __future__ import annotations

import math

# A change shows by two thirds after this time.
_SMOOTH_S = 5.0
# Before this much of a stage has passed, any figure would be a guess.
_FIRST_S = 1.0


class Rate:
    """Bytes per second of one stage, smoothed; times in seconds by any clock."""

    def __init__(self, done: int, now: float) -> None:
        self._began = self._at = now
        self._done = done
        self._rate: float | None = None

    def add(self, done: int, now: float) -> None:
        """So much is there now."""
        elapsed = now - self._at
        if elapsed <= 0:
            return
        if done < self._done:  # it began anew
            self._at, self._done = now, done
            return
        current = (done - self._done) / elapsed
        if self._rate is None:
            self._rate = current if now - self._began >= _FIRST_S else None
            if self._rate is None:
                return
        else:
            weight = 1 - math.exp(-elapsed / _SMOOTH_S)
            self._rate += weight * (current - self._rate)
        self._at, self._done = now, done

    @property
    def bytes_per_second(self) -> float | None:
        return self._rate

    def left_s(self, total: int) -> float | None:
        """Seconds until `total` is there; None while that is not known."""
        if not self._rate or total <= 0:
            return None
        return max(total - self._done, 0) / self._rate
