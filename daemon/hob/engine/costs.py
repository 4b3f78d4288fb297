"""What a step costs on this machine, learned from the steps themselves."""

from __future__ import annotations

from bisect import bisect_left

# How quickly old measurements are forgotten, and how far one may be off before it counts less.
_WEIGHT = 0.2
_SURPRISE = 3.0
# A step is worth its time when it reads at this share of the best rate.
_GOOD_RATE = 0.75
_FULL_RATE = 0.95


class CostCurve:
    """Seconds of a step by how many tokens it computes.

    Sizes are powers of two, and between them the curve is straight. `default_useful` and
    `default_full` are what to read at once before anything is known.
    """

    def __init__(self, largest: int, default_useful: int, default_full: int) -> None:
        self._largest = largest
        self._default_useful = min(default_useful, largest)
        self._default_full = min(default_full, largest)
        self._known: dict[int, float] = {}

    def learn(self, tokens: int, seconds: float) -> None:
        """A step of `tokens` took `seconds`."""
        size = _size(tokens)
        seconds *= size / tokens
        known = self._known.get(size)
        if known is None:
            self._known[size] = seconds
        else:
            self._known[size] += _WEIGHT * (min(seconds, known * _SURPRISE) - known)

    def unknown(self, sizes: tuple[int, ...]) -> list[int]:
        """Those of `sizes` that were never measured and are possible."""
        return [size for size in sizes if size <= self._largest and size not in self._known]

    def seconds(self, tokens: int) -> float:
        """An estimate; 0 before anything is known."""
        if not self._known or tokens <= 0:
            return 0.0
        sizes = sorted(self._known)
        at = bisect_left(sizes, tokens)
        if at == len(sizes):
            return self._known[sizes[-1]] * tokens / sizes[-1]
        if at == 0:
            return self._known[sizes[0]]
        low, high = sizes[at - 1], sizes[at]
        share = (tokens - low) / (high - low)
        return self._known[low] + share * (self._known[high] - self._known[low])

    def reading(self, tokens: int) -> float:
        """Seconds that reading a prompt of so many tokens takes at the best known rate."""
        if not self._known:
            return 0.0
        return tokens / max(self._rate(size) for size in self._known)

    def useful(self, target_s: float) -> int:
        """Tokens of a step that takes at most `target_s`; where that would read at a small part
        of the possible rate, the fewest that read well."""
        if len(self._known) < 2:
            return self._default_useful
        within = [size for size in self._sizes() if self.seconds(size) <= target_s]
        good = self._fewest(_GOOD_RATE)
        most = max(within, default=0)
        return most if most >= good else good

    def full(self, target_s: float) -> int:
        """Tokens of a step that reads at full speed, and takes at most `target_s` where it can."""
        if max(self._known, default=0) < self._default_full:
            return self._default_full
        fewest = self._fewest(_FULL_RATE)
        within = [size for size in self._sizes() if self.seconds(size) <= target_s]
        return max(fewest, max(within, default=0))

    def _fewest(self, share: float) -> int:
        sizes = self._sizes()
        best = max(map(self._rate, sizes))
        return min(size for size in sizes if self._rate(size) >= share * best)

    def _rate(self, size: int) -> float:
        return size / max(self.seconds(size), 1e-9)

    def _sizes(self) -> list[int]:
        """Candidates between the sizes that are known: eight to each doubling."""
        sizes = {min(size, self._largest) for size in self._known}
        for low in sorted(self._known):
            sizes.update(low + low * part // 8 for part in range(8))
        return sorted(size for size in sizes if 0 < size <= min(self._largest, max(self._known)))


def _size(tokens: int) -> int:
    """The power of two next to `tokens`, by ratio."""
    size = 1
    while size * 1.5 <= tokens:
        size *= 2
    return size
