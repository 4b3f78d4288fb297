"""Looking at the models folders: which files are there, and what each one is.

One bad file is one bad line of the list, and a file that is not whole yet is one that is copying.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.folder.copying import Now, Progress, add_up, copying_error
from hob.models.folder.files import Missing, ModelFile, Stamp, look, stem_of
from hob.models.folder.index import Index
from hob.models.folder.projectors import pair
from hob.models.folder.shards import find_set_problem, group_parts
from hob.models.folder.walk import Tree, walk
from hob.models.gguf.describe import Description
from hob.models.gguf.known import KnownLists
from hob.models.names import make_name, shard_of, unique_names
from hob.wire.base import ErrorInfo
from hob.wire.models import Copying, ModelInfo


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the library: what is told of it, and the files that it consists of; its
    projector is a file of its own. A profile whose model is not there has no files."""

    info: ModelInfo
    files: tuple[ModelFile, ...]
    projector: ModelFile | None = None

    @property
    def is_adapter(self) -> bool:
        """It changes a model, and is none by itself."""
        return bool(self.files) and self.files[0].about.is_adapter


@dataclass(frozen=True)
class Scan:
    """The models by name, what the walk found, and whether a file is to be looked at again soon
    because it is on its way."""

    models: Mapping[str, Model]
    tree: Tree
    unsettled: bool


def _now() -> Now:
    return Now(time.time(), time.monotonic())


@dataclass
class _Memory:
    """What one scan leaves for the next, so that what did not change costs a look at its stamp.

    `wishes` are the names that files would like, with what they were made from, and `names` those
    that they got.
    """

    files: Mapping[str, ModelFile] = field(default_factory=dict)
    wishes: Mapping[str, tuple[Description, str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)


@dataclass(frozen=True)
class _Round:
    """One scan: what the one before left, and how far the files are that are on their way."""

    memory: _Memory
    ways: Mapping[str, Missing]
    now: Now
    roots: frozenset[str]


class Scanner:
    """Reads the folders again and again. Used by one thread at a time."""

    def __init__(
        self,
        index: Index | None = None,
        progress: Progress | None = None,
        clock: Callable[[], Now] = _now,
    ) -> None:
        self._index = index or Index(None)
        self._progress = progress or Progress()
        self._clock = clock
        self._memory: _Memory | None = None
        # The stamps of the files of which the index has a record.
        self._kept: dict[str, Stamp | None] = {}
        self._settled: Mapping[str, ModelFile] = {}

    def remember(self, files: Mapping[str, ModelFile]) -> None:
        """Begin with what was read of files before."""
        self._memory = _Memory(files)

    def scan(self, folders: Sequence[Path], profile_folders: Sequence[Path] = ()) -> Scan:
        """Every model under `folders`."""
        now = self._clock()
        tree = walk(folders, profile_folders)
        packed = {} if self._memory else self._index.load()
        self._kept |= dict.fromkeys(packed)
        memory = self._memory or _Memory()
        self._progress.begin()
        ways: dict[str, Missing] = {}
        lists = KnownLists()
        roots = frozenset(map(str, folders))
        files = {}
        for path, stamp in tree.files.items():
            known = memory.files.get(path) or self._indexed(path, stamp, packed)
            files[path] = file = look(path, known, stamp, lists)
            if file is known and not self._progress.watches(path):
                continue
            if (way := self._progress.judge(file, now)) is not None:
                ways[path] = way
        groups = list(group_parts(files.values()))
        self._memory = self._combine(files, groups, _Round(memory, ways, now, roots))
        self._progress.end()
        if not tree.problems:
            # Files on their way are read again anyway.
            self._settled = {
                path: file
                for path, file in files.items()
                if file.stamp and not file.missing and path not in ways
            }
        return Scan(self._memory.models, tree, self._progress.unsettled)

    def refresh(self, model: Model) -> Model:
        """`model` with its changed files read again; the same object when nothing changed. Another
        thread than that of `scan` may ask."""
        now = self._clock()
        return refreshed(model, lambda file: self._progress.glance(file, now))

    def _indexed(
        self, path: str, stamp: Stamp | None, packed: Mapping[str, bytes]
    ) -> ModelFile | None:
        if stamp is None or not (record := packed.get(path)):
            return None
        file = self._index.unpack(path, record, stamp)
        self._kept[path] = file.stamp if file else None
        return file

    def _combine(
        self,
        files: Mapping[str, ModelFile],
        groups: Sequence[tuple[ModelFile, ...]],
        this: _Round,
    ) -> _Memory:
        pairs = _find_projectors(groups)
        # A projector that belongs to a model is a part of it, and no line of its own.
        taken = {projector.path for projector in pairs.values()}
        groups = [group for group in groups if group[0].path not in taken]
        wishes = dict(_wishes(groups, this))
        names = this.memory.names
        if wishes != this.memory.wishes:
            names = unique_names({path: wish for path, (_, wish) in wishes.items()})
        models = {}
        for group in sorted(groups, key=lambda group: names[group[0].path]):
            name = names[group[0].path]
            models[name] = self._one(name, group, pairs.get(group[0].path), this)
        return _Memory(files, wishes, names, models)

    def _one(
        self,
        name: str,
        group: tuple[ModelFile, ...],
        projector: ModelFile | None,
        this: _Round,
    ) -> Model:
        """The model of a group: the old object when nothing of it changed."""
        old, ways = this.memory.models.get(name), this.ways
        own = {file.path: ways[file.path] for file in group if file.path in ways}
        if _lacks_parts(group) and not own and self._progress.judge_set(group, this.now):
            own = {file.path: Missing(_size(file), 0) for file in group}
        if projector and projector.path in ways:
            projector = None  # until it is whole, the model goes without
        if (
            old
            and not own
            and not old.info.copying
            and old.projector is projector
            and len(old.files) == len(group)
            and all(new is known for new, known in zip(group, old.files, strict=True))
        ):
            return old
        return combine(name, group, projector, own)

    def save(self) -> None:
        """Bring the index to what the last scan found; on the thread of `scan`."""
        found = self._settled
        fresh = [file for path, file in found.items() if self._kept.get(path) != file.stamp]
        self._index.save(fresh, [path for path in self._kept if path not in found])
        self._kept = {path: file.stamp for path, file in found.items()}


def scan(folders: Sequence[Path], known: Mapping[str, ModelFile]) -> dict[str, Model]:
    """Every model under `folders`, by name; files in `known` that did not change are not read,
    and none is taken to be on its way."""
    scanner = Scanner(progress=Progress(patience_s=0, is_written=lambda path: False))
    scanner.remember(known)
    return dict(scanner.scan(folders).models)


def refreshed(model: Model, way_of: Callable[[ModelFile], Missing | None] | None = None) -> Model:
    """`model` with its changed files read again; the same object when nothing changed. `way_of`
    tells how far a file is that is on its way."""
    files = tuple(look(file.path, file) for file in model.files)
    projector = model.projector and look(model.projector.path, model.projector)
    if projector is model.projector and all(
        new is old for new, old in zip(files, model.files, strict=True)
    ):
        return model
    ways = {file.path: way for file in files if way_of and (way := way_of(file))}
    still = projector if projector and projector.about.is_projector else None
    return combine(model.info.name, files, still, ways)


def _find_projectors(groups: Sequence[tuple[ModelFile, ...]]) -> Mapping[str, ModelFile]:
    firsts = [group[0] for group in groups]
    projectors = [file for file in firsts if file.about.is_projector]
    if not projectors:
        return {}
    return pair([file for file in firsts if "completion" in file.about.capabilities], projectors)


def _wishes(
    groups: Sequence[tuple[ModelFile, ...]], this: _Round
) -> Iterator[tuple[str, tuple[Description, str]]]:
    """The name that each first file would like, by its path, with what it was made from."""
    for first, *_ in groups:
        about, wish = this.memory.wishes.get(first.path, (None, ""))
        if about is not first.about:
            path = Path(first.path)
            folder = "" if str(path.parent) in this.roots else path.parent.name
            wish = make_name(path.stem, first.about, folder)
        yield first.path, (first.about, wish)


def combine(
    name: str,
    files: tuple[ModelFile, ...],
    projector: ModelFile | None = None,
    ways: Mapping[str, Missing] | None = None,
) -> Model:
    """The model that `files` make together, with what it sees or hears by; `ways` tells how far
    each file is that is on its way."""
    first = files[0]
    about = first.about
    problem = find_set_problem(files) or about.problem
    error = _info_of(problem) if problem else None
    way = None
    if ways:
        lacks = _lacks_parts(files)
        way = add_up(files, ways, complete=not lacks)
        error = ErrorInfo.of(copying_error(way, problem.message if problem and lacks else ""))
    parameters = [file.about.parameters for file in files]
    weights = [file.about.weight_bytes for file in files]
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
        + (("vision",) if projector and projector.about.sees else ())
        + (("audio",) if projector and projector.about.hears else ()),
        projector=_printable(projector.path) if projector else "",
        projector_bytes=_size(projector) if projector else 0,
        has_chat_template=about.has_chat_template,
        license=about.license,
        kv_bytes_per_token=about.attention.kv_bytes_per_token if about.attention else None,
        problem=error,
        copying=Copying(done_bytes=way.done, total_bytes=way.total) if way else None,
        id="" if error else about.fingerprint,
        files=tuple(_printable(file.path) for file in files),
        weight_bytes=sum(count or 0 for count in weights) or None,
    )
    return Model(info, files, projector)


def _lacks_parts(files: Sequence[ModelFile]) -> bool:
    path = files[0].path
    shard = shard_of(stem_of(path)) if "-of-" in path else None
    return shard is not None and shard[2] > len(files)


def _size(file: ModelFile) -> int:
    return file.stamp.size if file.stamp else 0


@functools.lru_cache(maxsize=256)
def _info_of(problem: BadModelFile) -> ErrorInfo:
    return ErrorInfo.of(problem)


def _printable(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "replace").decode()
    return path
