"""Hears when the plugins folder or plugins.toml change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

# Editors write a file in several steps; one look is enough for all of them.
_SETTLE_S = 0.1
# Folders are made anew, watches are lost: a look now and then finds what was missed.
_LOOK_EVERY_S = 10.0
_READS = frozenset({"opened", "closed_no_write"})


class Watch(FileSystemEventHandler):
    """Calls `changed` on a thread of its own after every change, and now and then."""

    def __init__(self, folder: Path, settings_file: Path, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._settings = settings_file
        self._changed = changed
        self._some = threading.Event()

    def start(self) -> None:
        observer = Observer()
        try:
            observer.schedule(self, str(self._folder), recursive=True)
            observer.schedule(self, str(self._settings.parent), recursive=False)
            observer.daemon = True
            observer.start()
        except OSError:
            # No watches left, or no folder: the looks find changes, only later.
            pass
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _READS or "__pycache__" in str(event.src_path):
            return
        paths = {str(event.src_path), str(event.dest_path)}
        inside = any(path.startswith(str(self._folder)) for path in paths)
        if inside or str(self._settings) in paths:
            self._some.set()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            if self._some.wait(_LOOK_EVERY_S):
                pause.wait(_SETTLE_S)
            self._some.clear()
            self._changed()
