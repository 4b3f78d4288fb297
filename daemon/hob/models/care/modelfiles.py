"""Keeping the Modelfiles that adoption wrote in step with the links that they are for.

Only those that bear its mark are touched.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hob.models.adopt.files import head
from hob.models.adopt.ollama_extras import MARK
from hob.models.care.moving import move

_MAX_FILES = 2_000
_ADAPTER = re.compile(r"^ADAPTER \./([^/\n]+)$", re.MULTILINE)
_MAX_BYTES = 2**20


def remove_for(model: Path) -> list[Path]:
    """Remove the Modelfiles of a link that has gone, and the links to adapters that only they
    name; which those were."""
    removed = []
    for path, text in list(_written_for(model.parent, model.name)):
        adapters = [model.parent / name for name in _ADAPTER.findall(text)]
        with contextlib.suppress(OSError):
            path.unlink()
            removed.append(path)
        for adapter in adapters:
            if adapter.is_symlink() and not any(_written_for(adapter.parent, adapter.name)):
                with contextlib.suppress(OSError):
                    adapter.unlink()
                    removed.append(adapter)
    return removed


def follow(moves: Mapping[Path, Path], names: tuple[str, str]) -> None:
    """Let the Modelfiles say the new names of the files in `moves`; the one that was called as
    the model (the first of `names`) is called by its new name."""
    for old, new in moves.items():
        for path, text in _written_for(old.parent, old.name):
            with contextlib.suppress(OSError):
                partial = path.with_name(f".{path.name}.part")
                partial.write_text(text.replace(f" ./{old.name}\n", f" ./{new.name}\n"), "utf-8")
                partial.replace(path)
                if path.stem == names[0]:
                    move(path, path.with_name(f"{names[1]}.modelfile"))


def _written_for(folder: Path, file: str) -> Iterator[tuple[Path, str]]:
    """Adoption's Modelfiles in `folder` that speak of `file`, each with its text."""
    try:
        paths = [path for path in folder.iterdir() if path.name.endswith(".modelfile")]
    except OSError:
        return
    for path in paths[:_MAX_FILES]:
        with contextlib.suppress(OSError, UnicodeError):
            text = head(path, _MAX_BYTES).decode()
            if text.startswith(MARK) and f" ./{file}\n" in text:
                yield path, text
