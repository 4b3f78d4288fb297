"""Putting a model away: into the trash, or for good."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.errors import DownloadError, HobError
from hob.models.care import modelfiles
from hob.models.care.places import own_files
from hob.models.folder.scan import Model
from hob.models.gguf.checks import clean
from hob.wire.library import Removed
from hob.wire.models import ModelInfo

Trash = Callable[[str], None]


@dataclass(frozen=True)
class Removal:
    """What goes: the files of a model, links among them."""

    model: str
    paths: tuple[Path, ...]


def to_trash(path: str) -> None:
    """Move one file to the trash of the desktop. Raises OSError where there is none."""
    from send2trash import send2trash

    send2trash(path)


def plan_removal(model: Model, infos: Sequence[ModelInfo]) -> Removal:
    """All parts of the model, and its projector unless another model sees by it.

    Raises InvalidRequest for a profile.
    """
    paths = own_files(model)
    if model.projector and not shared_projector(model, infos):
        paths.append(Path(model.projector.path))
    return Removal(model.info.name, tuple(paths))


def shared_projector(model: Model, infos: Sequence[ModelInfo]) -> list[str]:
    """The other models that have the model's projector."""
    projector = model.info.projector
    return [
        info.name
        for info in infos
        if projector and info.projector == projector and info.name != model.info.name
        if not info.base
    ]


def remove(removal: Removal, *, for_good: bool, trash: Trash = to_trash) -> Removed:
    """Blocks. Raises DownloadError that says what is left when a file cannot be removed."""
    gone: list[str] = []
    trashed = False
    freed = 0
    for path in removal.paths:
        if not os.path.lexists(path):
            continue  # somebody was faster
        is_link = path.is_symlink()
        size = 0 if is_link else path.stat().st_size
        try:
            if is_link or for_good:
                path.unlink()
                freed += size
            else:
                trash(str(path))
                trashed = True
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _stuck(path, gone, error, for_good=for_good) from error
        gone.append(str(path).encode("utf-8", "replace").decode())
        if is_link:
            gone += map(str, modelfiles.remove_for(path))
    return Removed(model=removal.model, files=tuple(gone), trash=trashed, freed_bytes=freed)


def _stuck(path: Path, gone: Sequence[str], error: OSError, *, for_good: bool) -> HobError:
    why = error.strerror or str(error) or "unknown error"
    already = f" Removed already: {clean(', '.join(gone))}." if gone else ""
    if for_good:
        return DownloadError(
            f"{clean(str(path))} cannot be removed: {clean(why)}.{already}",
            hint="Look at the folder's permissions, and run the command again.",
            param="model",
        )
    return DownloadError(
        f"{clean(str(path))} cannot be moved to the trash: {clean(why)}.{already}",
        hint="Where there is no trash, `hob models rm --for-good NAME` removes the file itself.",
        param="model",
    )
