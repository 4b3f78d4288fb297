"""One look at the folders, on a thread: the files, the profiles, and what of it is watched."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.models.folder.files import Stamp
from hob.models.folder.scan import Model, Scanner
from hob.models.folder.walk import Tree, still_there
from hob.models.folder.watch import Watcher, wishes
from hob.models.gguf.checks import clean
from hob.wire.base import ErrorInfo
from hob.wire.profiles import Profile

log = logging.getLogger(__name__)

ReadProfiles = Callable[[Sequence[Path]], Sequence[Profile]]


@dataclass(frozen=True)
class Look:
    """`warnings` say what keeps changes from being seen; `watched_more`: there is more that is
    watched than there was during the look."""

    models: Mapping[str, Model]
    profiles: Sequence[Profile]
    unsettled: bool
    warnings: tuple[ErrorInfo, ...]
    watched_more: bool = False


# So many files less are worth asking for their memory.
_MANY = 1_000


class Looker:
    """Looks at the folders; on one thread at a time, and only `refresh` on any."""

    def __init__(
        self,
        folders: Sequence[Path],
        profile_folders: Sequence[Path],
        scanner: Scanner,
        read_profiles: ReadProfiles | None,
    ) -> None:
        self._folders = folders
        self._profile_folders = profile_folders
        self._scanner = scanner
        self._read_profiles = read_profiles
        self._profile_files: Mapping[str, Stamp | None] | None = None
        self._profiles: Sequence[Profile] = ()
        self._roots: tuple[object, ...] = ()
        self._linked: tuple[str, ...] = ()
        self._count = 0
        self._shrank = False

    def look(self, watcher: Watcher | None = None, thorough: bool = False) -> Look:
        """Look at everything. `thorough` reads what is otherwise taken to be as it was."""
        if self._profile_files is None:
            self._make_folder()
        if self._shrank:
            _give_memory_back()
        found = self._scanner.scan(self._folders, self._profile_folders)
        # Not yet: until this look is taken over, the list before it is in use.
        self._shrank = len(found.models) + _MANY < self._count
        self._count = len(found.models)
        tree = found.tree
        if self._read_profiles and (thorough or tree.profiles != self._profile_files):
            self._profiles = self._read(self._read_profiles)
        self._profile_files = tree.profiles
        self._linked = tuple(tree.linked_files)
        self._roots = self._places()
        more = False
        if watcher:
            wanted = wishes(self._folders, self._profile_folders, tree)
            try:
                more = watcher.sync(wanted, tree.folder_count, again=thorough)
            except Exception:  # whatever the system's watches do, looking goes on
                log.exception("the models folders cannot be watched")
                watcher.give_up()
        warnings = (*self._problems(tree), *(watcher.problems if watcher else ()))
        return Look(found.models, self._profiles, found.unsettled, warnings, more)

    def refresh(self, model: Model) -> Model:
        """The model with its changed files read again; the same object when nothing changed."""
        return self._scanner.refresh(model)

    def save(self) -> None:
        """Keep what was read for the next start."""
        self._scanner.save()

    def has_news(self, watcher: Watcher) -> bool:
        """Whether a folder came, went or was exchanged, a watch has ended, or the file behind a
        link changed: what events may not tell."""
        return not watcher.is_healthy() or self._places() != self._roots

    def _places(self) -> tuple[object, ...]:
        return still_there([*map(str, self._folders), *self._linked])

    def _make_folder(self) -> None:
        """Make the folder for new models, once: a folder that somebody takes away later stays
        away, and others may be drives that are not there now."""
        folder = self._folders[0]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            log.warning("cannot make the models folder %s: %s", folder, error.strerror)

    def _read(self, read: ReadProfiles) -> Sequence[Profile]:
        try:
            return read([*self._folders, *self._profile_folders])
        except Exception:  # a strange file must not cost the library
            log.exception("the profiles could not be read")
            return self._profiles

    def _problems(self, tree: Tree) -> list[ErrorInfo]:
        gone = [folder for folder in map(str, self._folders) if folder in tree.missing]
        return [
            ErrorInfo(
                code="model_error",
                message=f"The models folder {clean(folder)} is not there.",
                hint="Make it or connect its drive; Hob sees it when it comes.",
            )
            for folder in gone
        ] + [
            ErrorInfo(
                code="model_error",
                message=problem,
                hint="Look at the folder, or take it out of `models.folders`.",
            )
            for problem in tree.problems
        ]


def _give_memory_back() -> None:
    """The C library of Linux keeps what thousands of files took until it is asked."""
    if sys.platform == "linux":
        import ctypes

        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)
