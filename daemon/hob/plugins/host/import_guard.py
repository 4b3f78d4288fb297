"""Keeps what a plugin does to Python's own tables and streams from being the others' trouble."""

from __future__ import annotations

import sys


class ImportGuard:
    """Knows what could be imported, and where prints went, before any plugin was there."""

    def __init__(self) -> None:
        self._path = list(sys.path)
        self._modules = dict(sys.modules)
        self._streams = sys.stdout, sys.stderr

    def restore(self) -> None:
        """Put back what is missing; what plugins have added stays."""
        sys.path += [place for place in self._path if place not in sys.path]
        for name, module in self._modules.items():
            sys.modules.setdefault(name, module)

    def restore_streams(self) -> None:
        """Else who prints would fail for one who has put something else there."""
        sys.stdout, sys.stderr = self._streams
