"""What the daemon streams while an action runs."""

from __future__ import annotations

import msgspec

from hob.client.http import Reply
from hob.client.stream import Stream, decode_event
from hob.wire.plugins import (
    ActionEvent,
    ActionFailed,
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ActionText,
)


class ActionStream(Stream[ActionStarted | ActionProgress | ActionText | ActionFinished]):
    """ActionStarted comes first, ActionFinished last. A failure is raised as its error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[ActionEvent] = msgspec.json.Decoder(ActionEvent)

    def _read(
        self, data: bytes
    ) -> ActionStarted | ActionProgress | ActionText | ActionFinished | None:
        event = decode_event(self._decoder, data)
        if isinstance(event, ActionFailed):
            raise event.error.error()
        self._over = isinstance(event, ActionFinished)
        return event
