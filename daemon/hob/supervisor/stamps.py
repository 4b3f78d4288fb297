"""Whether a model's files are still what was loaded.

A model is mapped into memory, so that whoever writes into its file changes the weights under an
answer, and llama.cpp notices nothing. A file that was unlinked or replaced by another one is no
harm: the mapping keeps the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.wire.models import ModelInfo

# A network drive that does not answer for so long cannot tell, and must not hold the answer up.
LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """One file: which one it is, and as of when."""

    device: int
    inode: int
    size: int
    modified_ns: int


# By path; None: not there, or unreadable.
Stamps = dict[str, Stamp | None]


async def read_stamps(info: ModelInfo) -> Stamps:
    """Those of all files of the model; on a thread, since a file may lie on a network drive.

    Empty when they cannot be had in time.
    """
    folder = Path(info.path).parent
    parts = (str(folder / part) for part in info.files)
    paths = [path for path in dict.fromkeys((info.path, *parts, info.projector)) if path]
    try:
        return await asyncio.wait_for(asyncio.to_thread(_read_all, paths), LIMIT_S)
    except TimeoutError:
        return {}


def changed_in_place(before: Stamps, now: Stamps) -> bool:
    """Whether a file was written into, or cut short, since it was loaded."""
    for path, old in before.items():
        new = now.get(path)
        if old is None or new is None:
            continue
        same_file = (old.device, old.inode) == (new.device, new.inode)
        if same_file and (old.size, old.modified_ns) != (new.size, new.modified_ns):
            return True
    return False


def _read_all(paths: Sequence[str]) -> Stamps:
    return {path: _read(path) for path in paths}


def _read(path: str) -> Stamp | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
