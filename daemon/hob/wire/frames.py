"""Frames on a pipe: four bytes of length, big-endian, then that many bytes of MessagePack."""

from __future__ import annotations

import msgspec

from hob.errors import ProtocolError

MAX_FRAME_BYTES = 64 * 2**20
_HEADER_BYTES = 4
_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: object) -> bytes:
    """One message as a frame.

    Raises ProtocolError when it is over MAX_FRAME_BYTES.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"A message of {len(body)} bytes is too large for the worker's pipe.")
    return len(body).to_bytes(_HEADER_BYTES, "big") + body


class FrameReader:
    """Cuts a byte stream into frame bodies; holds at most one partial frame, of `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that `data` completes.

        Raises ProtocolError when a length is over the limit: the stream is then unusable.
        """
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _HEADER_BYTES:
            length = int.from_bytes(self._buffer[start : start + _HEADER_BYTES], "big")
            if length > self._max_bytes:
                raise ProtocolError(f"A frame claims {length} bytes; the stream is broken.")
            end = start + _HEADER_BYTES + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[start + _HEADER_BYTES : end]))
            start = end
        del self._buffer[:start]
        return bodies
