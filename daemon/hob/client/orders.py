"""The orders that the daemon gives a desktop."""

from __future__ import annotations

import msgspec

from hob.client.http import Reply
from hob.client.replies import other_version
from hob.client.stream import Stream
from hob.wire.desktop import AnyOrder


class OrderStream(Stream[AnyOrder]):
    """Orders as they are given, the first of them Attached. It ends with DaemonUnreachable when
    the daemon does, and `interrupt` ends it from another thread."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[AnyOrder] = msgspec.json.Decoder(AnyOrder)

    def _read(self, data: bytes) -> AnyOrder | None:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            # A newer daemon gives orders that this desktop does not know; it asks in vain.
            return None
        except msgspec.DecodeError as error:
            raise other_version() from error
