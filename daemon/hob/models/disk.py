"""What is asked of the disk in more than one place."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_to_read(path: str | Path) -> int:
    """A file descriptor of what lies at `path`, which may be something else than when it was looked
    at: without O_NONBLOCK, opening a FIFO waits for a writer. Raises OSError or ValueError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0))


def sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power cut, where the OS has that. Raises OSError."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
