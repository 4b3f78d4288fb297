"""What the daemon streams while it checks a model's files or takes one in."""

from __future__ import annotations

import msgspec

from hob.client.http import Reply
from hob.client.stream import Stream, decode_event
from hob.wire.library import (
    Imported,
    ImportEvent,
    ImportFailed,
    ImportProgress,
    Verified,
    VerifyEvent,
    VerifyFailed,
    VerifyProgress,
)


class VerifyStream(Stream[VerifyProgress | Verified]):
    """How far it is; Verified is the last. A failure is raised as its error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[VerifyEvent] = msgspec.json.Decoder(VerifyEvent)

    def _read(self, data: bytes) -> VerifyProgress | Verified | None:
        event = decode_event(self._decoder, data)
        if isinstance(event, VerifyFailed):
            raise event.error.error()
        self._over = isinstance(event, Verified)
        return event


class ImportStream(Stream[ImportProgress | Imported]):
    """How far it is; Imported is the last. A failure is raised as its error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[ImportEvent] = msgspec.json.Decoder(ImportEvent)

    def _read(self, data: bytes) -> ImportProgress | Imported | None:
        event = decode_event(self._decoder, data)
        if isinstance(event, ImportFailed):
            raise event.error.error()
        self._over = isinstance(event, Imported)
        return event
