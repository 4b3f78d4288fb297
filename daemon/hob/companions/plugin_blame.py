"""Which plugin is to blame when the process that runs them ends. Pure; times in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# So many ends within that time, and the plugin is kept out.
STRIKES = 2
FORGOTTEN_S = 3600.0
# Whoever lived this long has loaded all of its plugins.
LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Inside:
    """Code of `plugin` runs, called for `hook`."""

    plugin: str
    hook: str


@dataclass(slots=True)
class Entries:
    """What the process has entered and not left."""

    _open: dict[int, Inside] = field(default_factory=dict)

    def enter(self, number: int, plugin: str, hook: str) -> None:
        self._open[number] = Inside(plugin, hook)

    def leave(self, number: int) -> None:
        self._open.pop(number, None)

    def within(self, plugin: str, hook: str) -> bool:
        return Inside(plugin, hook) in self._open.values()

    def suspects(self) -> tuple[Inside, ...]:
        """One for each plugin, whoever was entered last first: nobody enters any more once one
        plugin holds the whole interpreter, and so the last is the likeliest."""
        latest = {entry.plugin: entry for entry in self._open.values()}
        order = {entry.plugin: number for number, entry in self._open.items()}
        return tuple(sorted(latest.values(), key=lambda entry: -order[entry.plugin]))


def in_doubt(before: bool, suspects: Sequence[Inside], lived_s: float) -> bool:
    """Whether the next life must enter plugins one by one, since this one does not tell which of
    several has ended it; and so on until one has lived for long."""
    return len(suspects) > 1 or (before and lived_s < LONG_S)


Strikes = Mapping[str, Sequence[float]]


def strike(strikes: Strikes, suspects: Sequence[Inside], now: float) -> tuple[Strikes, str]:
    """The strikes after one more end, and the plugin that is to be kept out; empty for none.

    One plugin at most: that another one was there each time may be chance, and if it was not, the
    next end says so.
    """
    recent = {
        plugin: kept
        for plugin, times in strikes.items()
        if (kept := [at for at in times if now - at < FORGOTTEN_S])
    }
    for suspect in suspects:
        recent[suspect.plugin] = [*recent.get(suspect.plugin, ()), now]
    guilty = [one.plugin for one in suspects if len(recent[one.plugin]) >= STRIKES]
    if not guilty:
        return recent, ""
    recent.pop(guilty[0])
    return recent, guilty[0]
