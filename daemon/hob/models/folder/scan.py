"""Looking at the models folder: which files are there, and what each one is.

A folder is visited once even when links form a ring, and one bad file is one bad line of the list.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.models.folder.files import ModelFile, look, stamp_of
from hob.models.folder.projectors import pair
from hob.models.folder.shards import find_set_problem, group_parts
from hob.models.gguf.checks import clean
from hob.models.names import make_name, shard_of, unique_names
from hob.wire.base import ErrorInfo
from hob.wire.models import ModelInfo

log = logging.getLogger(__name__)

MAX_DEPTH = 8
MAX_VISITED = 100_000


@dataclass(frozen=True)
class Model:
    """A model of the library: what is told of it, and the files that it consists of; its
    projector is a file of its own."""

    info: ModelInfo
    files: tuple[ModelFile, ...]
    projector: ModelFile | None = None

    @property
    def is_adapter(self) -> bool:
        """It changes a model, and is none by itself."""
        return bool(self.files) and self.files[0].about.is_adapter


def scan(folders: Sequence[Path], known: Mapping[str, ModelFile]) -> dict[str, Model]:
    """Every model under `folders`, by name; files in `known` that did not change are not read."""
    paths = [path for folder in folders for path in find_files(folder)]
    files = [look(path, known.get(path)) for path in _without_aliases(dict.fromkeys(paths))]
    groups = list(group_parts(files))
    pairs = _find_projectors(groups)
    # A projector that belongs to a model is a part of it, and no line of its own.
    taken = {projector.path for projector in pairs.values()}
    groups = [group for group in groups if group[0].path not in taken]
    wishes = {
        group[0].path: make_name(Path(group[0].path).stem, group[0].about) for group in groups
    }
    names = unique_names(wishes)
    return {
        names[group[0].path]: combine(names[group[0].path], group, pairs.get(group[0].path))
        for group in sorted(groups, key=lambda group: names[group[0].path])
    }


def _find_projectors(groups: Sequence[tuple[ModelFile, ...]]) -> Mapping[str, ModelFile]:
    firsts = [group[0] for group in groups]
    models = [file for file in firsts if "completion" in file.about.capabilities]
    return pair(models, [file for file in firsts if file.about.is_projector])


def find_files(folder: Path) -> Iterator[str]:
    """The paths under `folder` that end in .gguf; hidden and partial files are left out."""
    visits = _Visits()
    yield from visits.walk(str(folder), 0)


class _Visits:
    """One walk through a folder; remembers where it has been, since links may form rings."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()
        self._left = MAX_VISITED

    def walk(self, folder: str, depth: int) -> Iterator[str]:
        try:
            at = Path(folder).stat()
            if (at.st_dev, at.st_ino) in self._seen:
                return
            self._seen.add((at.st_dev, at.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            log.warning("cannot read the models folder %s: %s", clean(folder), error.strerror)
            return
        for entry in entries:
            self._left -= 1
            if self._left < 0:
                log.warning("over %d files in the models folder; not all are read", MAX_VISITED)
                return
            yield from self._visit(entry, depth)

    def _visit(self, entry: os.DirEntry[str], depth: int) -> Iterator[str]:
        if entry.name.startswith("."):
            return
        is_named_model = entry.name.lower().endswith(".gguf")
        try:
            is_folder = entry.is_dir()
        except OSError:
            # A ring of links, or a link into a folder that may not be read: neither is a folder.
            is_folder = False
        if not is_folder:
            if is_named_model:
                yield entry.path
            return
        inside = list(self.walk(entry.path, depth + 1)) if depth < MAX_DEPTH else []
        yield from inside
        if is_named_model and not inside:
            yield entry.path


def _without_aliases(paths: Iterable[str]) -> Iterator[str]:
    """The paths without those that lead to the same file as an earlier one, through a link."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        stamp = stamp_of(path)
        # Parts of a split model keep their places, so that a part linked twice is told as such.
        if stamp is None or shard_of(Path(path).stem):
            yield path
        elif (identity := (stamp.device, stamp.inode)) not in seen:
            seen.add(identity)
            yield path


def combine(name: str, files: tuple[ModelFile, ...], projector: ModelFile | None = None) -> Model:
    """The model that `files` make together, with what it sees or hears by."""
    first = files[0]
    about = first.about
    problem = find_set_problem(files) or about.problem
    parameters = [file.about.parameters for file in files]
    info = ModelInfo(
        name=name,
        path=_printable(first.path),
        file_bytes=sum(file.stamp.size for file in files if file.stamp),
        modified_at=max((file.stamp.mtime_ns / 1e9 for file in files if file.stamp), default=0.0),
        title=about.title,
        architecture=about.architecture,
        parameters=sum(count or 0 for count in parameters) or None,
        quantization=about.quantization,
        context_length=about.context_length,
        embedding_length=about.embedding_length,
        block_count=about.block_count,
        vocabulary_size=about.vocabulary_size,
        capabilities=about.capabilities
        + (("vision",) if projector and projector.about.sees else ()),
        projector=_printable(projector.path) if projector else "",
        has_chat_template=about.has_chat_template,
        license=about.license,
        problem=ErrorInfo.of(problem) if problem else None,
    )
    return Model(info, files, projector)


def _printable(path: str) -> str:
    return path.encode("utf-8", "replace").decode()


def refreshed(model: Model) -> Model:
    """`model` with its changed files read again; the same object when nothing changed."""
    files = tuple(look(file.path, file) for file in model.files)
    projector = model.projector and look(model.projector.path, model.projector)
    if projector is model.projector and all(
        new is old for new, old in zip(files, model.files, strict=True)
    ):
        return model
    still = projector if projector and projector.about.is_projector else None
    return combine(model.info.name, files, still)
