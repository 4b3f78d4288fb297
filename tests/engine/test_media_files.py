"""Files of images and sounds, before a decoder sees them."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.pictures import picture
from hob.engine.mediafiles import MAX_BYTES, MAX_MP3_BYTES, MAX_SCANS, check_audio, check_image
from hob.errors import InvalidRequest

FORMATS = ["PNG", "JPEG", "GIF", "BMP"]


def png(width: int, height: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def wav(rate: int = 16_000, kind: int = 1, size: int = 3200, per_second: int = 32_000) -> bytes:
    form = struct.pack("<HHIIHH", kind, 1, rate, per_second, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", size) + bytes(size)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("form", FORMATS)
def test_the_usual_formats_are_accepted(form: str) -> None:
    check_image(picture("red", (300, 200), form))


def test_an_interlaced_or_grey_image_is_no_bomb() -> None:
    check_image(png(1, 1, zlib.compress(bytes(4))))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no known format"),
        (b"hello", "no known format"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"%PDF-1.7", "no known format"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0\0\0\0", "damaged"),
        (b"GIF89a", "damaged"),
        (b"BM", "damaged"),
        (bytes(MAX_BYTES + 1), "at most"),
        (png(100_000, 100_000, b""), "pixels"),
        (png(0, 1, b""), "no pixels"),
        (png(1, 1, zlib.compress(bytes(10_000_000))), "more than its pixels"),
        (b"GIF89a" + struct.pack("<HH", 65535, 65535), "pixels"),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, 30_000, -30_000), "pixels"),
        (b"\xff\xd8\xff\xc2\0\x11\x08" + struct.pack(">HH", 60_000, 60_000), "pixels"),
        (picture("red", form="JPEG") + MAX_SCANS * b"\xff\xda", "scans"),
    ],
)
def test_other_images_are_refused_with_words(data: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        check_image(data)
    assert refused.value.hint


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_cut_anywhere_is_taken_or_refused(form: str) -> None:
    data = picture("red", (20, 20), form)
    for end in range(len(data)):
        accepts(data[:end])


@given(st.sampled_from(FORMATS), st.binary(max_size=60), st.integers(0, 40))
def test_an_image_with_anything_in_it_is_taken_or_refused(form: str, noise: bytes, at: int) -> None:
    data = picture("red", (20, 20), form)
    accepts(data[:at] + noise + data[at + len(noise) :])


def accepts(data: bytes) -> bool:
    try:
        check_image(data)
    except InvalidRequest:
        return False
    return True


def test_wav_and_mp3_are_accepted() -> None:
    check_audio(wav())
    check_audio(b"\xff\xfb" + bytes(100))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no known format"),
        (b"fLaC" + bytes(40), "no known format"),
        (wav(rate=1, size=10), "plain samples"),
        (wav(kind=2), "plain samples"),
        (wav(per_second=1), "minutes"),
        (wav()[:20], "damaged"),
        (b"RIFF\0\0\0\0WAVE", "damaged"),
        (b"ID3" + bytes(MAX_MP3_BYTES), "MP3"),
    ],
)
def test_other_sounds_are_refused_with_words(data: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        check_audio(data)


def test_a_png_takes_its_size_from_where_the_decoder_does() -> None:
    hidden = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 8, b"CgBI", 1, 1) + bytes(4)
    with pytest.raises(InvalidRequest):
        check_image(hidden + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 6, 0, 0, 0))


def test_another_format_behind_an_mp3_tag_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        check_audio(b"ID3\x04\x00\x00" + bytes(4) + b"fLaC" + b"\xff" * 40)
    check_audio(b"ID3\x04\x00\x00" + bytes(4) + b"\xff\xfb\x90\x00" + bytes(400))


@pytest.mark.parametrize("name", [b"Xing", b"Info"])
def test_an_mp3_that_claims_more_frames_than_fit_is_refused(name: bytes) -> None:
    frame = b"\xff\xfb\x90\x00" + bytes(32) + name
    check_audio(frame + struct.pack(">II", 1, 10) + bytes(2_000))
    with pytest.raises(InvalidRequest):
        check_audio(frame + struct.pack(">II", 1, 2**31) + bytes(2_000))


def test_a_wav_that_says_twice_how_it_is_stored_is_refused() -> None:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    slow = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 1, 2, 2, 16)
    sound = struct.pack("<4sI", b"data", 8) + bytes(8)
    check_audio(b"RIFF" + bytes(4) + b"WAVE" + form + sound)
    with pytest.raises(InvalidRequest):
        check_audio(b"RIFF" + bytes(4) + b"WAVE" + form + slow + sound)
