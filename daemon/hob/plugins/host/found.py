"""Where plugins come from: entry points of installed packages, and files of the plugins folder.

Nothing is imported here: what is off stays unread.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
import os
import stat
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from pathlib import Path
from types import ModuleType

from hob.errors import HobError, PluginBroken
from hob.plugins.host.blame import one_line
from hob.plugins.host.infos import bad_name
from hob.wire.plugins import MAX_NAME_CHARS, PluginSource

_OWN = "hob-daemon"
_MODULES = "hob_plugin_"
# What a plugins folder may hold; more is somebody's mistake.
_MOST_FILES = 200
_MOST_BYTES = 2 * 2**20

_log = logging.getLogger("plugins")

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Candidate:
    """A plugin that could be loaded by `load`. `stamp` changes when its files do. `problem` says
    why it cannot be, before anything was tried."""

    name: str
    source: PluginSource
    path: str
    load: Callable[[], object]
    forget: Callable[[], None]
    version: str = ""
    stamp: Stamp = ()
    problem: HobError | None = None

    @property
    def on_by_default(self) -> bool:
        """A package may have come along with another one; a file was put there."""
        return self.source != "package"


def find_packages() -> list[Candidate]:
    """Those of installed packages: shipped ones first, then the others, each by name."""
    try:
        points = list(entry_points(group="hob"))
    except Exception as error:  # what is installed may be broken in any way
        _log.warning("the installed packages cannot be looked through: %s", one_line(str(error)))
        points = []
    packages = sorted(map(_packaged, points), key=lambda c: c.name)
    return sorted(packages, key=lambda c: c.source != "built-in")


def find_plugins(folder: Path, packages: Sequence[Candidate]) -> list[Candidate]:
    """The `packages` and those of the folder by name. Names may occur twice."""
    return [*packages, *_in_folder(folder)]


def _packaged(point: EntryPoint) -> Candidate:
    dist = point.dist
    module = point.value.partition(":")[0].strip()
    own = dist is not None and dist.name.replace("_", "-").lower() == _OWN
    good = not bad_name(point.name)
    return Candidate(
        name=point.name if good else one_line(point.name)[:MAX_NAME_CHARS],
        source="built-in" if own else "package",
        path=module,
        load=point.load,
        forget=lambda: _forget(module),
        version=dist.version if dist else "",
        problem=None if good else _misnamed(point.name),
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
        try:
            if entry.suffix == ".py" and entry.is_file():
                found.append(_from_file(entry, entry.stem, entry))
            elif (entry / "__init__.py").is_file():
                found.append(_from_file(entry / "__init__.py", entry.name, entry))
        except OSError as error:
            _log.warning("%s cannot be read: %s", entry, error.strerror)
    return found


def _from_file(file: Path, stem: str, top: Path) -> Candidate:
    name = stem.lower()
    good = not bad_name(name)
    return Candidate(
        name=name if good else one_line(stem)[:MAX_NAME_CHARS],
        source="folder",
        path=str(file),
        load=lambda: _load_file(file, name),
        forget=lambda: _forget(_MODULES + name),
        stamp=_stamp(top),
        problem=_unsafe(file) if good else _misnamed(stem),
    )


def _load_file(file: Path, name: str) -> ModuleType:
    module_name = _MODULES + name
    _forget(module_name)
    inside = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(
        module_name,
        file,
        loader=_SourceLoader(module_name, str(file)),
        submodule_search_locations=inside,
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(module_name)
        raise
    return module


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles what the file says now: compiled files know times only by the second."""

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _forget(module: str) -> None:
    """So that it is read anew when it is loaded again."""
    for loaded in [m for m in list(sys.modules) if m == module or m.startswith(f"{module}.")]:
        sys.modules.pop(loaded, None)


def _stamp(top: Path) -> Stamp:
    # Before they are sorted: below a folder anything may lie, and it is looked at again and again.
    files = [top] if top.is_file() else sorted(islice(top.rglob("*.py"), _MOST_FILES))
    stamps = []
    for file in files:
        try:
            facts = file.stat()
        except OSError:
            continue
        stamps.append((str(file), facts.st_mtime_ns, facts.st_size))
    return tuple(stamps)


def _unsafe(file: Path) -> HobError | None:
    """Code that others can write is not this user's to run, and a huge file is no program."""
    if _size(file) > _MOST_BYTES:
        return PluginBroken(
            f"The plugin {file.stem} is not loaded, because its file has more than {_MOST_BYTES}"
            " bytes.",
            hint="Keep large data in files beside it, and read them when they are needed.",
            plugin=file.stem,
        )
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


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _misnamed(name: str) -> HobError:
    return PluginBroken(
        f"{one_line(name)!r} is no name of a plugin.",
        hint="A name is a letter and up to 63 letters, digits, hyphens or underscores.",
    )
