"""Fetches the starter model for somebody who has none, and tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hob.client import Client
from hob.desktop.parts import Bridge
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.pulls import PullDone, PullEntry, PullProgress, PullState

STARTER = "starter"


class Pulling:
    """One download at a time; `changed` is called on the GUI's thread."""

    def __init__(self, bridge: Bridge, changed: Callable[[], None]) -> None:
        self._bridge = bridge
        self._changed = changed
        self.entry: PullEntry | None = None

    def begin(self) -> None:
        """Fetch it, unless it is being fetched already."""
        if self.entry is not None and self.entry.state == "running":
            return
        self._tell("running")
        self._bridge.run(self._fetch, self._done, self._failed)

    def _fetch(self, client: Client) -> None:
        with client.pull(STARTER) as stream:
            for event in stream:
                if isinstance(event, PullDone):
                    return
                self._bridge.post(partial(self._tell, "running", event))

    def _done(self, _nothing: None) -> None:
        self._tell("done")
        self._bridge.refresh()

    def _failed(self, error: HobError) -> None:
        self._tell("failed", error=ErrorInfo.of(error))

    def _tell(
        self,
        state: PullState,
        progress: PullProgress | None = None,
        error: ErrorInfo | None = None,
    ) -> None:
        self.entry = PullEntry(
            id=STARTER, source=STARTER, state=state, progress=progress, error=error
        )
        self._changed()
