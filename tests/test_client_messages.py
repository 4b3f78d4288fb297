"""Messages with images arrive at the daemon as they were."""

from __future__ import annotations

import msgspec
import pytest

from hob.api.openai.messages import messages_of
from hob.client.messages import as_sent
from hob.errors import UnsupportedParameter
from hob.wire.chat import ChatMessage, Media
from hob.wire.openai.messages import Message

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff" + bytes(40)


@pytest.mark.parametrize(
    "media",
    [
        (),
        (Media(kind="image", data=PNG),),
        (Media(kind="image", data=PNG, at=4), Media(kind="image", data=JPEG, at=4)),
        (Media(kind="image", data=JPEG, at=11),),
    ],
)
def test_the_daemon_reads_what_was_meant(media: tuple[Media, ...]) -> None:
    said = [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="What is it?", media=media),
    ]
    body = msgspec.json.encode(as_sent(said))
    assert list(messages_of(msgspec.json.decode(body, type=list[Message]))) == said


def test_a_sound_is_refused() -> None:
    sound = ChatMessage(role="user", media=(Media(kind="audio", data=b"RIFF"),))
    with pytest.raises(UnsupportedParameter):
        as_sent([sound])
