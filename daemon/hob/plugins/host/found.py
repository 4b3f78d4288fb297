"""Where plugins come from: entry points of installed packages, and files of the plugins folder.

Nothing is imported here: what is off stays unread.
"""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from hob.errors import HobError, PluginBroken
from hob.plugins.host.blame import one_line
from hob.wire.plugins import MAX_NAME_CHARS, PluginSource

_OWN = "hob-daemon"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_MODULES = "hob_plugin_"
# What a plugins folder may hold; more is somebody's mistake.
_MOST_FILES = 200

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Candidate:
    """A plugin that could be loaded by `load`. `stamp` changes when its files do. `problem` says
    why it cannot be, before anything was tried."""

    name: str
    source: PluginSource
    path: str
    load: Callable[[], object]
    version: str = ""
    stamp: Stamp = ()
    problem: HobError | None = None

    @property
    def on_by_default(self) -> bool:
        """A package may have come along with another one; a file was put there."""
        return self.source != "package"


def find_plugins(folder: Path) -> list[Candidate]:
    """Shipped ones first, then packages, then files, each by name. Names may occur twice."""
    packages = sorted(map(_packaged, entry_points(group="hob")), key=lambda c: c.name)
    shipped = [one for one in packages if one.source == "built-in"]
    others = [one for one in packages if one.source != "built-in"]
    return [*shipped, *others, *_in_folder(folder)]


def _packaged(point: EntryPoint) -> Candidate:
    dist = point.dist
    own = dist is not None and dist.name.replace("_", "-").lower() == _OWN
    return Candidate(
        name=point.name if _NAME.fullmatch(point.name) else one_line(point.name)[:MAX_NAME_CHARS],
        source="built-in" if own else "package",
        path=point.value,
        load=point.load,
        version=dist.version if dist else "",
        problem=None if _NAME.fullmatch(point.name) else _bad_name(point.name),
    )


def _in_folder(folder: Path) -> list[Candidate]:
    try:
        entries = sorted(folder.iterdir())[:_MOST_FILES]
    except OSError:
        return []
    found = []
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.suffix == ".py" and entry.is_file():
            found.append(_from_file(entry, entry.stem, entry))
        elif (entry / "__init__.py").is_file():
            found.append(_from_file(entry / "__init__.py", entry.name, entry))
    return found


def _from_file(file: Path, stem: str, top: Path) -> Candidate:
    name = stem.lower()
    good = _NAME.fullmatch(name) and len(name) <= MAX_NAME_CHARS
    return Candidate(
        name=name if good else one_line(stem)[:MAX_NAME_CHARS],
        source="folder",
        path=str(file),
        load=lambda: _load_file(file, name),
        stamp=_stamp(top),
        problem=_unsafe(file) if good else _bad_name(stem),
    )


def _load_file(file: Path, name: str) -> ModuleType:
    module_name = _MODULES + name.replace("-", "_")
    forget_module(name)
    inside = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(
        module_name, file, submodule_search_locations=inside
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        forget_module(name)
        raise
    return module


def forget_module(name: str) -> None:
    """So that it is read anew when it is loaded again."""
    top = _MODULES + name.replace("-", "_")
    for loaded in [m for m in sys.modules if m == top or m.startswith(f"{top}.")]:
        del sys.modules[loaded]


def _stamp(top: Path) -> Stamp:
    files = [top] if top.is_file() else sorted(top.rglob("*.py"))[:_MOST_FILES]
    stamps = []
    for file in files:
        try:
            facts = file.stat()
        except OSError:
            continue
        stamps.append((str(file), facts.st_mtime_ns, facts.st_size))
    return tuple(stamps)


def _unsafe(file: Path) -> HobError | None:
    """Code that others can write is not this user's to run."""
    if sys.platform == "win32":
        return None
    for place in (file, file.parent):
        try:
            facts = place.stat()
        except OSError:
            return None
        if facts.st_uid not in (os.getuid(), 0) or facts.st_mode & stat.S_IWOTH:
            return PluginBroken(
                f"The plugin {file.stem} is not loaded, because others can write {place}.",
                hint=f"If the file is yours: chmod o-w '{place}'.",
                plugin=file.stem,
            )
    return None


def _bad_name(name: str) -> HobError:
    return PluginBroken(
        f"{one_line(name)!r} is no name of a plugin.",
        hint="A name is a letter and up to 63 letters, digits, hyphens or underscores.",
    )
