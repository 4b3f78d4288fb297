"""Telling of changes: the facts for whoever listens, and the calls for who must act at once."""

from __future__ import annotations

from collections.abc import Callable

from hob.models.changes import Change, Changes
from hob.models.shelf import Shelf
from hob.wire.base import ErrorInfo
from hob.wire.events import (
    Event,
    LibraryWarning,
    ModelAdded,
    ModelChanged,
    ModelCopying,
    ModelRemoved,
    ModelRenamed,
)
from hob.wire.models import Copying

# A copy tells how far it is no more often than this.
COPYING_S = 0.3


class Teller:
    """Remembers what it told, so that each model is added once and each warning said once."""

    def __init__(
        self,
        publish: Callable[[Event], None],
        changes: Changes,
        clock: Callable[[], float],
    ) -> None:
        self._publish = publish
        self._changes = changes
        self._clock = clock
        # The models that were told of as added; how far each copy was told to be, and when.
        self._added: set[str] = set()
        self._copying: dict[str, tuple[float, Copying]] = {}
        self._warned: tuple[ErrorInfo, ...] = ()

    def report_to(self, changes: Changes) -> None:
        """From now on `changes` is called."""
        self._changes = changes

    def tell(self, change: Change, before: Shelf, after: Shelf) -> None:
        """Tell one change from `before` to `after`."""
        match change.what:
            case "removed":
                self._removed(change.old)
            case "renamed":
                self._renamed(change, after)
            case "changed" if not change.new:
                self._changes.model_changed(before.models[change.old].info, change.in_place)
            case "copying":
                self._tell_copying(change.new, after)
            case _:
                self._changed(change, after)

    def shown_otherwise(self, name: str, shelf: Shelf) -> None:
        """What is noted of a model is another now, and its files are not."""
        self._changed(Change("changed", name, name, loads=False), shelf)

    def warn(self, warnings: tuple[ErrorInfo, ...]) -> None:
        """Say those of the warnings that did not hold before."""
        before, self._warned = self._warned, warnings
        for error in warnings:
            if error not in before:
                self._publish(LibraryWarning(at=self._clock(), error=error))

    def _removed(self, name: str) -> None:
        self._added.discard(name)
        self._copying.pop(name, None)
        self._changes.model_removed(name)
        self._publish(ModelRemoved(at=self._clock(), model=name))

    def _renamed(self, change: Change, after: Shelf) -> None:
        old, new = change.old, change.new
        info = after.models[new].info
        if old in self._added:
            self._added.discard(old)
            self._added.add(new)
        self._copying.pop(old, None)
        self._changes.model_renamed(old, info)
        if old != new:
            self._publish(ModelRenamed(at=self._clock(), old=old, model=new))

    def _changed(self, change: Change, after: Shelf) -> None:
        name = change.new
        info = after.models[name].info
        if name not in self._added and info.problem is None:
            self._added.add(name)
            self._copying.pop(name, None)
            self._publish(ModelAdded(at=self._clock(), model=name))
            return
        if change.loads and name in self._added:
            self._changes.model_changed(info, change.in_place)
            for made in after.models.values():
                if made.info.base == name and not made.info.served_by:
                    self._changes.model_changed(made.info, change.in_place)
        self._publish(ModelChanged(at=self._clock(), model=name))

    def catch_up(self, shelf: Shelf) -> None:
        """Tell how far copies are whose last step came too soon after the one before."""
        for name in tuple(self._copying):
            if name in shelf.models:
                self._tell_copying(name, shelf)

    def _tell_copying(self, name: str, after: Shelf) -> None:
        way = after.models[name].info.copying
        now = self._clock()
        told_at, told = self._copying.get(name, (0.0, None))
        if way is None or way == told or now - told_at < COPYING_S:
            return
        self._copying[name] = now, way
        self._publish(
            ModelCopying(at=now, model=name, done_bytes=way.done_bytes, total_bytes=way.total_bytes)
        )
