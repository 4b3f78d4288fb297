"""Reads the headers of image and sound files, before a decoder written in C sees them. Pure.

The decoders behind llama.cpp trust sizes: a few kilobytes can ask for gigabytes of pixels.
"""

from __future__ import annotations

import struct
import zlib
from typing import Never

from hob.errors import InvalidRequest

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
# A progressive JPEG may refine all its pixels again and again; photographs do it some ten times.
MAX_SCANS = 100
MAX_SECONDS = 1800
# At MP3's lowest rate this is an hour.
MAX_MP3_BYTES = 4 * 2**20

_IMAGES = "PNG, JPEG, GIF and BMP"
_SOUNDS = "WAV and MP3"
_INFLATE_STEP = 2**16
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SAMPLE_RATES = range(4000, 384_001)
# The first frame of an MP3 file tells the number of frames within so many bytes; a frame has at
# least so many.
_MP3_INFO_WITHIN, _LEAST_MP3_FRAME = 256, 24


def check_image(data: bytes) -> None:
    """Raises InvalidRequest unless it is a file of a known format and of bearable size."""
    _check_size(data)
    try:
        width, height = _dimensions(data)
        if width < 1 or height < 1:
            _refuse("The image has no pixels.")
        if width * height > MAX_PIXELS:
            _refuse(
                f"The image has {width} x {height} pixels, and at most {MAX_PIXELS:,} are read.",
                "Send a smaller version of it; models look at a few megapixels at most.",
            )
        if data.startswith(b"\x89PNG"):
            if data[12:16] != b"IHDR":
                # The decoder would take the size from elsewhere.
                _refuse("The PNG file does not begin with its size.", "Save it again.")
            _check_png(data, width, height)
        elif data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
            _refuse("The JPEG image has too many scans.", "Save it again as a plain JPEG.")
    except (struct.error, IndexError, zlib.error):
        _refuse("The image file is damaged or cut off.", "Save it again, and send it whole.")


def check_audio(data: bytes) -> None:
    """Raises InvalidRequest unless it is a file of a known format and of bearable length."""
    _check_size(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        try:
            _check_wav(data)
        except struct.error:
            _refuse("The WAV file is damaged or cut off.", "Save it again, and send it whole.")
    elif data[:3] == b"ID3" or _is_mp3_frame(data, 0):
        _check_mp3(data)
    else:
        _refuse("The sound is of no known format.", f"Send one of {_SOUNDS}.")


def _refuse(why: str, hint: str = "Send another one.") -> Never:
    raise InvalidRequest(why, hint=hint, param="messages")


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        _refuse(f"An image or sound may have at most {MAX_BYTES} bytes.", "Send a smaller one.")


def _dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises struct.error or IndexError for what is cut off."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(">II", data, 16)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", data, 6)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_dimensions(data)
    if data.startswith(b"BM"):
        core = _pair("<IH", data, 14)[0] == 12
        width, height = _pair("<HH" if core else "<ii", data, 18)
        return abs(width), abs(height)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _refuse("WebP images cannot be read.", f"Convert it; accepted are {_IMAGES}.")
    _refuse("The image is of no known format.", f"Send one of {_IMAGES}.")


def _pair(layout: str, data: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, data, at)
    return int(first), int(second)


def _jpeg_dimensions(data: bytes) -> tuple[int, int]:
    """The size in the first frame header, past the segments before it."""
    at = 2
    while True:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _STANDALONE_MARKERS:
            continue
        if marker in _FRAME_MARKERS:
            height, width = _pair(">HH", data, at + 3)
            return width, height
        at += struct.unpack_from(">H", data, at)[0]


def _check_png(data: bytes, width: int, height: int) -> None:
    """Inflate it without keeping it: deflate makes a thousand bytes of one, and the decoder takes
    whatever comes. Raises zlib.error or struct.error for what is damaged."""
    depth, color = data[24], data[25]
    bits = depth * _PNG_CHANNELS.get(color, 4)
    # A byte before each line; an interlaced image is seven smaller ones.
    most = 2 * height * (1 + (width * bits + 7) // 8) + 1024
    inflate = zlib.decompressobj()
    for chunk in _png_data(data):
        rest: bytes | memoryview = chunk
        while rest and not inflate.eof:
            most -= len(inflate.decompress(rest, _INFLATE_STEP))
            rest = inflate.unconsumed_tail
            if most < 0:
                _refuse("The PNG file holds more than its pixels.", "Save it again.")


def _png_data(data: bytes) -> list[memoryview]:
    parts: list[memoryview] = []
    view, at = memoryview(data), 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND":
            return parts
        if name == b"IDAT":
            parts.append(view[at + 8 : at + 8 + size])
        at += 12 + size
    raise struct.error("no end")


def _check_wav(data: bytes) -> None:
    form = None
    at = 12
    while True:
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt ":
            if form is not None:
                # The decoder takes the last one.
                _refuse("The WAV file says twice how it is stored.", "Save it again.")
            form = at
        if name == b"data":
            break
        at += 8 + size + size % 2
    if form is None:
        _refuse("The WAV file does not say how it is stored.", "Save it again.")
    at = form
    kind, channels, rate, per_second = struct.unpack_from("<HHII", data, at + 8)
    if kind not in (_PCM, _FLOAT, _EXTENSIBLE) or not channels or rate not in _SAMPLE_RATES:
        _refuse("The WAV file is not of plain samples.", "Save it as PCM at 16 kHz.")
    if len(data) > MAX_SECONDS * max(1, min(per_second, rate * channels)):
        _refuse(f"The sound is longer than {MAX_SECONDS // 60} minutes.", "Send a part of it.")


def _is_mp3_frame(data: bytes, at: int) -> bool:
    return data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] >= b"\xe0"


def _check_mp3(data: bytes) -> None:
    """The decoder makes room for as many samples as the file claims, so the claim is checked."""
    if len(data) > MAX_MP3_BYTES:
        _refuse(f"The MP3 file has more than {MAX_MP3_BYTES} bytes.", "Send a part of it.")
    at = 0
    if data[:3] == b"ID3":
        # Seven bits of each byte count.
        at = 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=False)
        )
    if not _is_mp3_frame(data, at):
        _refuse("The MP3 file has no sound after its tag.", "Save it again.")
    head = data[at : at + _MP3_INFO_WITHIN]
    for name in (b"Xing", b"Info"):
        found = head.find(name)
        if found < 0 or len(head) < found + 12:
            continue
        flags, frames = struct.unpack_from(">II", head, found + 4)
        if flags & 1 and frames > len(data) // _LEAST_MP3_FRAME:
            _refuse("The MP3 file claims to be longer than it is.", "Save it again.")
