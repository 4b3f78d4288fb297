"""Links into the models folder. Only links and Modelfiles are made; what they lead to stays as it
is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile, NameTaken
from hob.models.adopt.files import head
from hob.models.adopt.found import Found
from hob.models.adopt.ollama_extras import MARK, modelfile
from hob.models.gguf.checks import clean
from hob.models.names import shard_of

ADOPTED = "adopted"
_MAX_MODELFILES = 2_000
_HEAD_BYTES = 1_000


@dataclass(frozen=True)
class Linked:
    """Where the links of a model are, its first file's first."""

    paths: tuple[Path, ...]

    @property
    def model(self) -> Path:
        return self.paths[0]


def link_found(found: Found, models_folder: Path) -> Linked:
    """Link all files of a model into the models folder; all of them or none.

    Raises what is wrong with the model, or BadModelFile or NameTaken when no link can be made.
    """
    if found.problem:
        raise found.problem
    folder = models_folder / ADOPTED / found.program
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths = _free_names(folder, found)
        for part, path in zip(found.files, paths, strict=True):
            if not leads_to(path, part.path):
                make_link(part.path, path)
                made.append(path)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise _no_link(error) from error
    return Linked(paths)


def write_modelfile(found: Found, model: Path, name: str, folder: Path) -> None:
    """Put what Ollama sets for a model into `folder`, as the profile `name` of the file `model`.

    A file that somebody else wrote stays as it is. Raises OSError.
    """
    path = folder / f"{name}.modelfile"
    if os.path.lexists(path) and not head(path, len(MARK)).startswith(MARK.encode()):
        return
    adapters = [part.link + ".gguf" for part in found.extras.adapters]
    there = f"./{model.name}" if model.parent == folder else str(model)
    # Hidden until it is whole, since whatever is in this folder is read at once.
    partial = folder / f".{name}.part"
    partial.write_text(modelfile(found.name, found.extras, there, adapters), "utf-8")
    partial.replace(path)


def written_for(folder: Path) -> set[str]:
    """The names of the models that Modelfiles in `folder` were written for."""
    names = set()
    try:
        paths = [path for path in folder.iterdir() if path.name.endswith(".modelfile")]
    except OSError:
        return set()
    for path in paths[:_MAX_MODELFILES]:
        with contextlib.suppress(OSError):
            first, _, rest = head(path, _HEAD_BYTES).decode("utf-8", "replace").partition("\n")
            if first == MARK:
                names.add(rest.partition("\n")[0].removeprefix("# "))
    return names


def make_link(target: Path, link: Path) -> None:
    """A symbolic link; where Windows lets nobody but administrators make one, a hard link.

    Never takes the place of anything. Raises OSError.
    """
    try:
        link.symlink_to(target)
    except FileExistsError:
        raise
    except OSError:
        if sys.platform != "win32":
            raise
        link.hardlink_to(target)


def leads_to(link: Path, target: Path) -> bool:
    """Whether a link, of either kind, is one to this file."""
    try:
        return link.samefile(target)
    except OSError:
        return False


def _free_names(folder: Path, found: Found) -> tuple[Path, ...]:
    """Names for the links that nothing else has; those that are there already are taken again.

    What is put behind a name that is taken is the same for all files of a model, since its parts
    are known by it.
    """
    digest = hashlib.sha256(os.fsencode(found.parts[0].path)).hexdigest()
    for mark in ("", f"-{digest[:6]}", f"-{digest[:12]}"):
        paths = tuple(folder / f"{_with_mark(part.link, mark)}.gguf" for part in found.files)
        if all(
            leads_to(path, part.path) or not os.path.lexists(path)
            for part, path in zip(found.files, paths, strict=True)
        ):
            return paths
    raise NameTaken(
        f"All names for links to {clean(found.name)} are taken.",
        hint=f"Look into {clean(str(folder))}, and remove what you do not need.",
    )


def _with_mark(stem: str, mark: str) -> str:
    """The number of a part stays at the end."""
    shard = shard_of(stem)
    return f"{shard[0]}{mark}{stem[len(shard[0]) :]}" if shard and mark else f"{stem}{mark}"


def _no_link(error: OSError) -> BadModelFile:
    return BadModelFile(
        f"No link can be made in the models folder: {error.strerror or 'unknown error'}.",
        hint="Add that program's folder to the setting `models.folders` instead.",
    )
