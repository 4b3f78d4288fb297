"""Files that a profile names by their paths from where it lies."""

from __future__ import annotations

from pathlib import Path


def beside(path: str, name: str) -> str:
    """The path of the file `name` in the folder of the profile at `path`, if there is one; else
    the name, for the library to know."""
    there = file_beside(path, name) if name.lower().endswith(".gguf") else ""
    return there if there and is_file(there) else name


def file_beside(path: str, name: str) -> str:
    """The path of `name` as seen from the folder of the profile at `path`; empty when it is none,
    such as one in the home of somebody who is not there."""
    try:
        return str((Path(path).parent / Path(name).expanduser()).absolute())
    except (OSError, RuntimeError, ValueError):
        return ""


def is_file(path: str) -> bool:
    """False also for a path that no file can have."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
