"""Whose states these are: a state means something only to the very model that wrote it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Counts up with each change of the file format.
FORMAT = 1

_MIB = 2**20
_BLOCK = 64 * 1024
_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """`model` is its digest, `build` that of llama.cpp; `parameters` are whatever else decides what
    a state means, such as the types of the KV cache."""

    model: str
    build: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """32 hexadecimal digits, the same for equal identities alone."""
        parts = [self.model, self.build, sorted(self.parameters.items()), self.format]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def model_digest(*paths: Path) -> str:
    """A digest of a model's files in milliseconds: of each its size, the time of its last change,
    its first and last MiB, and 64 blocks of 64 KiB evenly between.

    It does not see a change between those blocks that leaves size and time as they were. Whoever
    copies or touches a file gets another digest, and the cache starts anew. Raises OSError.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            digest.update(f"{found.st_size} {found.st_mtime_ns};".encode())
            for start, length in _samples(found.st_size):
                file.seek(start)
                digest.update(file.read(length))
    return digest.hexdigest()


def _samples(size: int) -> list[tuple[int, int]]:
    """Which parts are looked at, as start and length; all of a small file."""
    if size <= 2 * _MIB + _BLOCKS * _BLOCK:
        return [(0, size)]
    between = size - 2 * _MIB - _BLOCK
    middle = [(_MIB + between * block // (_BLOCKS - 1), _BLOCK) for block in range(_BLOCKS)]
    return [(0, _MIB), *middle, (size - _MIB, _MIB)]


_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.gguf")


def shards_of(path: Path) -> list[Path]:
    """The files of a model of which `path` is the only or the first one."""
    match = _SHARD.fullmatch(path.name)
    if match is None:
        return [path]
    stem, count = match.groups()
    return [
        path.with_name(f"{stem}-{number:05}-of-{count}.gguf") for number in range(1, int(count) + 1)
    ]
