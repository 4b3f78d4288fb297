import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.errors import ProtocolError
from hob.wire.frames import MAX_FRAME_BYTES, FrameReader, encode_frame


@given(st.lists(st.text(), max_size=8), st.data())
def test_frames_come_out_whole_however_the_stream_is_cut(
    texts: list[str], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(text) for text in texts)
    reader = FrameReader()
    received: list[str] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        received += [msgspec.msgpack.decode(body) for body in reader.feed(stream[:cut])]
        stream = stream[cut:]
    assert received == texts


def test_a_claimed_length_over_the_limit_breaks_the_stream() -> None:
    with pytest.raises(ProtocolError):
        FrameReader().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


def test_a_message_over_the_limit_is_refused_by_the_sender() -> None:
    with pytest.raises(ProtocolError):
        encode_frame("x" * (MAX_FRAME_BYTES + 1))
