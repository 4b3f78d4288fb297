"""Walking through the models folders: which files and folders there are, each looked at once.

Links are followed; a folder is visited once even when they form a ring.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hob.models.folder.files import Stamp, stamp_from, stamp_of, stem_of
from hob.models.gguf.checks import clean
from hob.models.names import shard_of
from hob.models.profiles.files import kind_of

MAX_DEPTH = 16
MAX_VISITED = 100_000


@dataclass
class Tree:
    """What a walk found.

    `files`: each model file's stamp by its path, None for one that cannot be looked at. `profiles`:
    the same for files that profiles are read from. `linked_folders` and `linked_files` are what
    links lead to, which are watched beside the folders themselves. `missing` are folders that are
    not there, and `problems` says in plain words what could not be read.
    """

    files: dict[str, Stamp | None] = field(default_factory=dict)
    profiles: dict[str, Stamp | None] = field(default_factory=dict)
    linked_folders: list[str] = field(default_factory=list)
    linked_files: dict[str, Stamp] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    folder_count: int = 0


def walk(folders: Sequence[Path], profile_folders: Sequence[Path] = ()) -> Tree:
    """Everything under `folders`, hidden and partial files left out; of `profile_folders` only
    the profiles."""
    tree = Tree()
    visits = _Visits(tree)
    for folder in folders:
        visits.root(str(folder))
    tree.files = dict(_without_aliases(tree.files))
    for folder in profile_folders:
        visits.root(str(folder), models=False)
    tree.folder_count = visits.folder_count
    return tree


def is_model_name(name: str) -> bool:
    """Whether a file of this name may be a model. Those of downloads and editors that are not
    done end in .part, .crdownload, .incomplete, .tmp, ~ and the like, and never in .gguf."""
    return not name.startswith(".") and name[-5:].lower() == ".gguf"


def is_profile_name(name: str) -> bool:
    return bool(kind_of(name))


class _Visits:
    """One walk; remembers where it has been, since links may form rings."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._seen: set[tuple[int, int]] = set()
        self._left = MAX_VISITED

    @property
    def folder_count(self) -> int:
        return len(self._seen)

    def root(self, folder: str, models: bool = True) -> None:
        try:
            at = os.stat(folder)  # noqa: PTH116 (this walk is timed in microseconds)
        except FileNotFoundError:
            self._tree.missing.append(folder)
            return
        except OSError as error:
            self._cannot_read(folder, error)
            return
        self._walk(folder, (at.st_dev, at.st_ino), 0, models)

    def _walk(self, folder: str, place: tuple[int, int], depth: int, models: bool) -> bool:
        """Visit `folder`; whether it holds any model."""
        if place in self._seen:
            return False
        self._seen.add(place)
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._cannot_read(folder, error)
            return False
        found = False
        for entry in entries:
            self._left -= 1
            if self._left < 0:
                if self._left == -1:
                    self._tree.problems.append(
                        f"There are over {MAX_VISITED:,} files in the models folders, and not all"
                        " are looked at."
                    )
                break
            if not entry.name.startswith("."):
                found = self._visit(entry, depth, models) or found
        return found

    def _visit(self, entry: os.DirEntry[str], depth: int, models: bool) -> bool:
        try:
            is_folder = entry.is_dir()
        except OSError:
            # A ring of links, or a link into a folder that may not be read: neither is a folder.
            is_folder = False
        named = models and is_model_name(entry.name)
        if is_folder:
            inside = models and depth < MAX_DEPTH and self._enter(entry, depth)
            if named and not inside:
                self._tree.files[entry.path] = _stamp(entry)
            return inside
        if named:
            self._tree.files[entry.path] = stamp = _stamp(entry)
            if stamp and entry.is_symlink():
                self._tree.linked_files[entry.path] = stamp
            return True
        if is_profile_name(entry.name):
            self._tree.profiles[entry.path] = _stamp(entry)
        return False

    def _enter(self, entry: os.DirEntry[str], depth: int) -> bool:
        stamp = _stamp(entry)
        if stamp is None:
            return False
        if entry.is_symlink() and stamp.place not in self._seen:
            self._tree.linked_folders.append(entry.path)
        return self._walk(entry.path, stamp.place, depth + 1, models=True)

    def _cannot_read(self, folder: str, error: OSError) -> None:
        self._tree.problems.append(
            f"The folder {clean(folder)} cannot be read: {error.strerror or 'unknown error'}."
        )


def _stamp(entry: os.DirEntry[str]) -> Stamp | None:
    try:
        if sys.platform == "win32":  # where a listing does not tell which file it is
            return stamp_of(entry.path)
        return stamp_from(entry.stat())
    except (OSError, ValueError):
        return None


def _without_aliases(files: dict[str, Stamp | None]) -> Iterator[tuple[str, Stamp | None]]:
    """The files without those that lead to the same file as an earlier one, through a link."""
    seen: set[tuple[int, int]] = set()
    for path, stamp in files.items():
        # Parts of a split model keep their places, so that a part linked twice is told as such.
        if stamp is None or ("-of-" in path and shard_of(stem_of(path))):
            yield path, stamp
        elif stamp.place not in seen:
            seen.add(stamp.place)
            yield path, stamp


def still_there(paths: Sequence[str]) -> tuple[object, ...]:
    """What changes when one of these files or folders comes, goes, or is another one."""
    stamps = (stamp_of(path) for path in paths)
    return tuple(stamp and (stamp.place, stamp.size, stamp.mtime_ns) for stamp in stamps)
