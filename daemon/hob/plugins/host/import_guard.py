"""Keeps what a plugin does to Python's own tables from being the others' trouble."""

from __future__ import annotations

import sys


class ImportGuard:
    """Knows what could be imported before any plugin was."""

    def __init__(self) -> None:
        self._path = list(sys.path)
        self._modules = dict(sys.modules)

    def restore(self) -> None:
        """Put back what is missing; what plugins have added stays."""
        sys.path += [place for place in self._path if place not in sys.path]
        for name, module in self._modules.items():
            sys.modules.setdefault(name, module)
