"""Hearing of changes in folders from the operating system, by watchdog.

It only says that something changed: what did is found out by looking. Where the system cannot
tell, on network drives or when its watches are used up, they are to be `polled`, and `problems`
says so in plain words.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchdog import events

from hob.models.folder.files import stamp_of
from hob.models.folder.mounts import network_folders
from hob.models.folder.walk import Tree, is_model_name, is_profile_name
from hob.models.gguf.checks import clean
from hob.wire.base import ErrorInfo

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

# Each costs a thread. What links lead to beyond that is seen by looking now and then.
MAX_WATCHES = 48

# Said when something is seen late; the folders themselves are in order.
_CODE = "model_error"
_MORE_WATCHES = (
    "Let it have more: `sudo sysctl fs.inotify.max_user_watches=524288 "
    "fs.inotify.max_user_instances=512`."
    if sys.platform == "linux"
    else "End programs that watch many files."
)

# Not the reading of files, which a loading model does a lot of.
_EVENTS = (
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
    events.FileDeletedEvent,
    events.FileClosedEvent,
    events.DirCreatedEvent,
    events.DirMovedEvent,
    events.DirDeletedEvent,
)


class Wish(NamedTuple):
    """A folder to be watched; `everything`: what happens there matters whatever its name."""

    recursive: bool
    everything: bool
    place: tuple[int, int]


def wishes(
    folders: Sequence[Path], profile_folders: Sequence[Path], tree: Tree
) -> Mapping[str, Wish]:
    """What is to be watched, by real path: the folders, what links in them lead to, and for a
    folder that is not there the nearest one in which it may appear."""
    found: dict[str, Wish] = {}
    for path, recursive, everything in _wished(folders, profile_folders, tree):
        real = os.path.realpath(path)
        stamp = stamp_of(real)
        covered = real in found or any(
            real.startswith(above.rstrip(os.sep) + os.sep)
            for above, wish in found.items()
            if wish.recursive and not everything
        )
        if stamp and not covered and len(found) < MAX_WATCHES:
            found[real] = Wish(recursive, everything, stamp.place)
    return found


def _wished(
    folders: Sequence[Path], profile_folders: Sequence[Path], tree: Tree
) -> Iterator[tuple[str, bool, bool]]:
    for folder in folders:
        if str(folder) not in tree.missing:
            yield str(folder), True, False
    for folder in profile_folders:
        if str(folder) not in tree.missing:
            yield str(folder), False, False
    for path in tree.linked_folders:
        yield path, True, False
    for path in tree.missing:
        parent = next((above for above in Path(path).parents if above.is_dir()), None)
        if parent:
            yield str(parent), False, True
    # The file that a link leads to may have any name.
    for path in tree.linked_files:
        yield str(Path(os.path.realpath(path)).parent), False, True


@dataclass
class _Watched:
    wish: Wish
    watch: ObservedWatch


def native_observer() -> BaseObserver:
    """The observer that this system has. Raises OSError when it cannot be had."""
    from watchdog.observers import Observer

    return Observer()


class Watcher:
    """Calls `wake`, on a thread of its own, when something changed in the folders of the last
    `sync`. Every method may block for a moment."""

    def __init__(
        self, wake: Callable[[], None], observer: Callable[[], BaseObserver] = native_observer
    ) -> None:
        self._wake = wake
        self._make_observer = observer
        self._observer: BaseObserver | None = None
        self._watched: dict[str, _Watched] = {}
        # Folders that the system does not watch for us; the second: since they are remote.
        self._failed: dict[str, tuple[Wish, bool]] = {}
        self._cramped = False
        self._folders_seen = 0
        self._overheard = _Overheard(wake)
        self.problems: tuple[ErrorInfo, ...] = ()

    @property
    def polled(self) -> bool:
        """Changes in some folder are seen only by looking."""
        return bool(self._failed) or self._cramped

    def sync(self, wanted: Mapping[str, Wish], folders_seen: int, again: bool = False) -> bool:
        """Watch `wanted` and nothing else; whether anything is watched now that was not.

        `folders_seen` counts all folders below: more of them may be more than can be watched.
        `again` tries what did not work before.
        """
        alive = self._alive()
        for path, watched in list(self._watched.items()):
            if wanted.get(path) != watched.wish or watched.watch not in alive:
                self._drop(path)
        kept = {} if again else self._failed
        self._failed = {path: why for path, why in kept.items() if wanted.get(path) == why[0]}
        added = {
            path: wish
            for path, wish in wanted.items()
            if path not in self._watched and path not in self._failed
        }
        if not added and folders_seen == self._folders_seen and not again:
            return False
        self._folders_seen = folders_seen
        for path in network_folders(added):
            self._failed[path] = (added.pop(path), True)
        self._watch_all(added)
        self.problems = tuple(self._problems())
        return any(path in self._watched for path in added)

    def is_healthy(self) -> bool:
        """Everything that should be watched still is."""
        alive = self._alive()
        return all(watched.watch in alive for watched in self._watched.values())

    def close(self) -> None:
        logging.getLogger("watchdog").removeHandler(self._overheard)
        observer, self._observer = self._observer, None
        self._watched.clear()
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join()

    def _alive(self) -> set[ObservedWatch]:
        observer = self._observer
        if observer is None or not observer.is_alive():
            return set()
        return {emitter.watch for emitter in observer.emitters if emitter.is_alive()}

    def _drop(self, path: str) -> None:
        watched = self._watched.pop(path)
        if self._observer is not None:
            try:
                self._observer.unschedule(watched.watch)
            except (KeyError, OSError) as error:
                log.debug("cannot end the watch of %s: %s", path, error)

    def _watch_all(self, wanted: Mapping[str, Wish]) -> None:
        try:
            observer = self._ready_observer()
        except OSError as error:
            log.info("folders cannot be watched: %s", error)
            self._failed |= {path: (wish, False) for path, wish in wanted.items()}
            return
        for path, wish in wanted.items():
            try:
                watch = observer.schedule(
                    _Handler(self._wake, wish.everything),
                    path,
                    recursive=wish.recursive,
                    event_filter=list(_EVENTS),
                )
            except OSError as error:
                if stamp_of(path):  # else it went away just now, and the next look sees that
                    log.info("%s cannot be watched: %s", path, error)
                    self._failed[path] = (wish, False)
            else:
                self._watched[path] = _Watched(wish, watch)
        self._cramped = not _has_room(observer)

    def _ready_observer(self) -> BaseObserver:
        if self._observer is not None and self._observer.is_alive():
            return self._observer
        self._watched.clear()
        self._observer = self._make_observer()
        self._observer.start()
        # That events were lost is told in the log alone.
        logging.getLogger("watchdog").addHandler(self._overheard)
        return self._observer

    def _problems(self) -> Iterator[ErrorInfo]:
        for path, (_, remote) in sorted(self._failed.items()):
            if remote:
                yield ErrorInfo(
                    code=_CODE,
                    message=f"The folder {clean(path)} lies on a network drive, which does not "
                    "tell of changes, so they are seen a few seconds late.",
                    hint="Nothing needs to be done; a folder on a disk of this machine is quicker.",
                )
        full = [path for path, (_, remote) in self._failed.items() if not remote]
        if full or self._cramped:
            where = ", ".join(map(clean, sorted(full)[:3])) or "folders far down"
            yield ErrorInfo(
                code=_CODE,
                message="The system has no watches left for folders, so changes in "
                f"{where} are seen a few seconds late.",
                hint=_MORE_WATCHES,
            )


def _has_room(observer: BaseObserver) -> bool:
    """Whether one more folder could be watched: watchdog does not say when the folders below one
    were too many."""
    if sys.platform != "linux":
        return True
    try:
        watch = observer.schedule(
            _Handler(lambda: None, False), "/", event_filter=[events.DirDeletedEvent]
        )
    except OSError:
        return False
    observer.unschedule(watch)
    return True


class _Handler(events.FileSystemEventHandler):
    """Takes watchdog's events, on its thread."""

    def __init__(self, wake: Callable[[], None], everything: bool) -> None:
        self._wake = wake
        self._everything = everything

    def dispatch(self, event: events.FileSystemEvent) -> None:
        if self._everything or event.is_directory or any(map(_matters, _names(event))):
            self._wake()


def _names(event: events.FileSystemEvent) -> Iterator[str]:
    for path in (event.src_path, event.dest_path):
        if path:
            yield os.fsdecode(path).rpartition(os.sep)[2]


def _matters(name: str) -> bool:
    return is_model_name(name) or is_profile_name(name)


class _Overheard(logging.Handler):
    """Whatever watchdog warns of, such as events that were lost, is a reason to look."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._wake = wake

    def emit(self, record: logging.LogRecord) -> None:
        self._wake()
