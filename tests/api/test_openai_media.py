"""Images and sounds in a conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fakes.running_api import RunningApi
from hob.api.openai.media import MAX_MEDIA, MAX_MEDIA_BYTES, MediaReader
from hob.errors import InvalidRequest
from hob.wire.chat import ChatMessage, Media

PNG = b"\x89PNG\r\n\x1a\n pixels"
WAV = b"RIFF waves"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _image(data: bytes = PNG) -> dict[str, Any]:
    url = f"data:image/png;base64,{_base64(data)}"
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def _audio(data: bytes = WAV) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": _base64(data), "format": "wav"}}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


async def test_media_reach_the_model_at_their_places(api: RunningApi) -> None:
    parts = [_text("What"), _text("is"), _image(), _text("and"), _audio(), _image(b"x")]
    messages = [{"role": "user", "content": parts}, {"role": "user", "content": [_image()]}]
    assert (await api.chat(messages=messages)).status == 200
    assert api.fakes.models.requests[0].messages == (
        ChatMessage(
            role="user",
            content="What\nisand",
            media=(
                Media(kind="image", data=PNG, at=7),
                Media(kind="audio", data=WAV, at=10),
                Media(kind="image", data=b"x", at=10),
            ),
        ),
        ChatMessage(role="user", media=(Media(kind="image", data=PNG, at=0),)),
    )


async def test_the_url_of_an_image_may_stand_alone_and_in_any_case(api: RunningApi) -> None:
    part = {"type": "image_url", "image_url": f"DATA:image/PNG;x=y;Base64,{_base64(PNG)}"}
    assert (await api.chat(messages=[{"role": "user", "content": [part]}])).status == 200
    [message] = api.fakes.models.requests[0].messages
    assert message.media == (Media(kind="image", data=PNG),)


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "http://127.0.0.1/", "file:///etc/passwd", "/a.png", ""]
)
async def test_nothing_is_fetched_for_anyone(api: RunningApi, url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    reply = await api.chat(messages=[{"role": "user", "content": [part]}])
    assert (reply.status, reply.error["code"]) == (400, "unsupported_parameter")
    assert "fetches nothing" in reply.error["message"]
    assert reply.error["param"] == "messages[0].content[0].image_url"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url"},
        {"type": "image_url", "image_url": "data:image/png;base64"},
        {"type": "image_url", "image_url": "data:image/png,abcd"},
        {"type": "image_url", "image_url": "data:text/html;base64,abcd"},
        {"type": "image_url", "image_url": "data:image/png;base64,"},
        {"type": "image_url", "image_url": "data:image/png;base64,a"},
        {"type": "image_url", "image_url": "data:image/png;base64,ab cd"},
        {"type": "image_url", "image_url": "data:image/png;base64,äöüß"},
        {"type": "input_audio"},
        {"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}},
    ],
)
async def test_what_is_no_image_or_sound_is_refused(api: RunningApi, part: dict[str, Any]) -> None:
    reply = await api.chat(messages=[{"role": "user", "content": [part]}])
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["param"] == f"messages[0].content[0].{part['type']}"
    assert not api.fakes.models.requests


async def test_a_sound_of_an_unknown_format_is_refused(api: RunningApi) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "abcd", "format": "flac"}}
    reply = await api.chat(messages=[{"role": "user", "content": [part]}])
    assert (reply.status, reply.error["param"]) == (400, "messages")


async def test_more_media_than_a_request_may_hold_are_refused(api: RunningApi) -> None:
    half = [_image()] * (MAX_MEDIA // 2)
    messages = [{"role": "user", "content": half}, {"role": "user", "content": half}]
    assert (await api.chat(messages=messages)).status == 200
    messages.append({"role": "user", "content": [_audio()]})
    reply = await api.chat(messages=messages)
    assert (reply.status, reply.error["param"]) == (400, "messages[2].content[0].input_audio")


def test_the_bytes_of_all_media_together_are_bounded() -> None:
    reader = MediaReader()
    url = "data:image/png;base64," + _base64(bytes(MAX_MEDIA_BYTES // 2 - 3))
    reader.image(url, 0, "one")
    reader.image(url, 0, "two")
    with pytest.raises(InvalidRequest, match=str(MAX_MEDIA_BYTES)):
        reader.image(url, 0, "three")
