"""Writing and removing the one file that is a login item."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hob.errors import DesktopRefused


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all; a session that starts meanwhile reads no half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _refused(path, error) from error


def remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def read_file(path: Path, most: int = 64 * 1024) -> bytes:
    """The file's bytes, empty when it is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError:
        return b""


def _refused(path: Path, error: OSError) -> DesktopRefused:
    return DesktopRefused(
        f"Whether Hob starts at login could not be changed: {path} cannot be written"
        f" ({error.strerror or error}).",
        hint="Make the file and its folder writable for you.",
    )
