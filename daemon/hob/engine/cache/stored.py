"""A state in a file:

    magic, header's length, header's checksum | header, msgpack | state

Numbers are in the machine's byte order, as they are in the state. Checksums are CRC-32: they tell
a damaged file from a whole one, at 2 GB/s. They are no signature: a file is believed because
nobody but the user can write it.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import FileIO
from pathlib import Path

import msgspec

from hob.engine.cache.files import create_partial, open_ours, remove, touch
from hob.engine.cache.saved import Entry

_MAGIC = b"HobState"
_START = struct.Struct("=8sII")
_MAX_TOKENS = 2**20
_TOKEN_BYTES = 8
_OVERHEAD = 128
_MAX_HEADER = _MAX_TOKENS * _TOKEN_BYTES + _OVERHEAD
# The first read takes most headers whole: 8,000 tokens.
_FIRST_READ = 64 * 1024


class Damaged(Exception):
    """The file is not what was written."""


class Foreign(Exception):
    """The file belongs to another model."""


class _Header(msgspec.Struct, array_like=True):
    identity: str
    tokens: bytes
    state_size: int
    state_checksum: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, without the state: that begins at `start`."""

    tokens: array[int]
    start: int
    state_size: int
    state_checksum: int


def pack(tokens: Sequence[int]) -> array[int] | None:
    """Tokens in a fifth of the memory that a list takes; None when there are too many, or one is
    no 64-bit number."""
    try:
        return array("q", tokens) if len(tokens) <= _MAX_TOKENS else None
    except OverflowError:
        return None


def file_name(tokens: array[int]) -> str:
    return f"{blake2b(tokens.tobytes(), digest_size=16).hexdigest()}.state"


def size(tokens: array[int], entry: Entry) -> int:
    """Of its file in bytes, within a hundred."""
    return len(entry.state) + len(tokens) * _TOKEN_BYTES + _OVERHEAD


def write(folder: Path, identity: str, tokens: array[int], entry: Entry) -> None:
    """Write beside it and move it there, so that no half file has a state's name.

    Without fsync: what a loss of power leaves of it fails its checksum, and costs no more than
    reading that prompt again. Raises OSError.
    """
    state = memoryview(entry.state)
    header = msgspec.msgpack.encode(
        _Header(identity, tokens.tobytes(), len(state), zlib.crc32(state))
    )
    start = _START.pack(_MAGIC, len(header), zlib.crc32(header))
    partial, file = create_partial(folder)
    try:
        with file:
            for part in (start + header, state):
                _write_all(file, memoryview(part))
        partial.replace(folder / file_name(tokens))
    except BaseException:
        remove(partial)
        raise


def read_contents(path: Path, identity: str) -> Contents:
    """Raises OSError, NotOurs, Foreign and Damaged."""
    with open_ours(path) as file:
        return _contents(file, identity)


def read_entry(path: Path, identity: str, most: int) -> Entry:
    """The whole of it, checked, and used just now. A state larger than `most` bytes is Damaged.

    Raises OSError, NotOurs, Foreign and Damaged.
    """
    with open_ours(path) as file:
        contents = _contents(file, identity)
        if contents.state_size > most:
            raise Damaged("the state is larger than all that there may be")
        state = bytearray(contents.state_size)
        file.seek(contents.start)
        _read_all(file, memoryview(state))
    if zlib.crc32(state) != contents.state_checksum:
        raise Damaged("the state's checksum is wrong")
    touch(path)
    return Entry((), contents.tokens.tolist(), state)


def _contents(file: FileIO, identity: str) -> Contents:
    size = os.fstat(file.fileno()).st_size
    first = file.read(_FIRST_READ)
    if len(first) < _START.size:
        raise Damaged("it ends within its first line")
    magic, length, checksum = _START.unpack_from(first)
    start = _START.size + length
    if magic != _MAGIC or length > _MAX_HEADER or start > size:
        raise Damaged("it does not begin as a state does")
    encoded = bytearray(start)
    encoded[: len(first)] = first[:start]
    _read_all(file, memoryview(encoded)[len(first) :])
    header = _decode(bytes(encoded[_START.size :]), checksum)
    if header.identity != identity:
        raise Foreign("it belongs to another model")
    if header.state_size <= 0 or start + header.state_size != size:
        raise Damaged("its length is wrong")
    tokens = array("q", header.tokens)
    return Contents(tokens, start, header.state_size, header.state_checksum)


def _decode(encoded: bytes, checksum: int) -> _Header:
    if zlib.crc32(encoded) != checksum:
        raise Damaged("the header's checksum is wrong")
    try:
        header = msgspec.msgpack.decode(encoded, type=_Header)
    except msgspec.DecodeError as error:
        raise Damaged("the header is not as it should be") from error
    if not header.tokens or len(header.tokens) % _TOKEN_BYTES:
        raise Damaged("its tokens are not whole")
    return header


def _read_all(file: FileIO, target: memoryview) -> None:
    at = 0
    while at < len(target):
        count = file.readinto(target[at:])
        if not count:
            raise Damaged("it ends too early")
        at += count


def _write_all(file: FileIO, data: memoryview) -> None:
    at = 0
    while at < len(data):
        at += file.write(data[at:]) or 0
