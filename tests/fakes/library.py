"""The real library over folders of a test, read when it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.models.registry import Registry
from hob.wire.events import Event
from hob.wire.profiles import Profile


class ReadLibrary(Registry):
    """`events` is what it told; `profiles` are those that its folders are said to hold."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.events: list[Event] = []
        self.profiles: list[Profile] = []
        super().__init__(folders, self.events.append, read_profiles=lambda _: self.profiles)

    @property
    def aliases(self) -> Mapping[str, str]:
        """The names of the models that aliases mean."""
        return {alias: info.name for info in self.infos() for alias in info.aliases}
