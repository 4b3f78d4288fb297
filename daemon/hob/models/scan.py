"""Looking at the models folder: which files are there, and what each one is.

Whatever lies in the folder is data from a stranger: a file is opened without blocking and checked
on its descriptor, a folder is visited once even when links form a ring, and one bad file is one
bad line of the list.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.describe import Description, clean, describe
from hob.models.gguf import read_header
from hob.models.names import make_name, shard_of, unique_names
from hob.wire.base import ErrorInfo
from hob.wire.models import ModelInfo

log = logging.getLogger(__name__)

MAX_DEPTH = 8
MAX_VISITED = 100_000
_NAMED_PARTS = 5


@dataclass(frozen=True)
class Stamp:
    """What changes when a file does; an unreadable file has none of it."""

    size: int
    mtime_ns: int
    inode: int
    device: int


@dataclass(frozen=True)
class ModelFile:
    """One file as it was when it was last read."""

    path: str
    stamp: Stamp | None
    about: Description


@dataclass(frozen=True)
class Model:
    """A model of the library: what is told of it, and the files that it consists of."""

    info: ModelInfo
    files: tuple[ModelFile, ...]


def scan(folders: Sequence[Path], known: Mapping[str, ModelFile]) -> dict[str, Model]:
    """Every model under `folders`, by name; files in `known` that did not change are not read."""
    paths = [path for folder in folders for path in find_files(folder)]
    files = [look(path, known.get(path)) for path in _without_aliases(dict.fromkeys(paths))]
    groups = list(_groups(files))
    wishes = {
        group[0].path: make_name(Path(group[0].path).stem, group[0].about) for group in groups
    }
    names = unique_names(wishes)
    return {
        names[group[0].path]: combine(names[group[0].path], group)
        for group in sorted(groups, key=lambda group: names[group[0].path])
    }


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


def look(path: str, known: ModelFile | None = None) -> ModelFile:
    """What the file at `path` is now: `known` again when it did not change."""
    stamp = stamp_of(path)
    if known is not None and stamp is not None and known.stamp == stamp:
        return known
    try:
        about = _read(path)
    except BadModelFile as problem:
        about = Description(problem=problem)
    except OSError as error:
        about = Description(problem=_unreadable(error))
    return ModelFile(path, stamp, about)


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a file, or None when there is none that can be looked at."""
    try:
        at = Path(path).stat()
    except (OSError, ValueError):
        return None
    return Stamp(at.st_size, at.st_mtime_ns, at.st_ino, at.st_dev)


def _read(path: str) -> Description:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadModelFile(
            "The file's name is not valid UTF-8.", hint="Give the file another name."
        ) from None
    # Without O_NONBLOCK, opening a FIFO waits for somebody to write into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0))
    try:
        at = os.fstat(fd)
        if not stat.S_ISREG(at.st_mode):
            raise BadModelFile(
                f"It is {_kind(at.st_mode)}, not a file.", hint="Remove it from the models folder."
            )
        if not at.st_size:
            raise BadModelFile(
                "The file is empty.", hint="Wait for the copy to end, or fetch the file again."
            )
        return describe(read_header(fd, at.st_size))
    finally:
        os.close(fd)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device or socket"


def _unreadable(error: OSError) -> BadModelFile:
    if isinstance(error, FileNotFoundError):
        return BadModelFile(
            "The link leads to a file that is not there.",
            hint="Put the file back, or remove the link.",
        )
    if isinstance(error, PermissionError):
        return BadModelFile(
            "The file may not be read by you.", hint="Change the file's permissions."
        )
    if isinstance(error, IsADirectoryError):
        return BadModelFile("It is a folder, not a file.", hint="Give the folder another name.")
    return BadModelFile(
        f"The file cannot be read: {error.strerror or 'unknown error'}.",
        hint="Look at the disk, or move the file to another one.",
    )


def _groups(files: Iterable[ModelFile]) -> Iterator[tuple[ModelFile, ...]]:
    """Files that make one model together, in their order; most are alone."""
    split: dict[tuple[str, str, int], list[ModelFile]] = {}
    for file in files:
        path = Path(file.path)
        if (shard := shard_of(path.stem)) and shard[2] > 1:
            prefix, _, count = shard
            split.setdefault((str(path.parent), prefix, count), []).append(file)
        else:
            yield (file,)
    for parts in split.values():
        yield tuple(sorted(parts, key=lambda file: file.path))


def combine(name: str, files: tuple[ModelFile, ...]) -> Model:
    """The model that `files` make together."""
    first = files[0]
    about = first.about
    problem = _shard_problem(files) or about.problem
    parameters = [file.about.parameters for file in files]
    info = ModelInfo(
        name=name,
        path=first.path.encode("utf-8", "replace").decode(),
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
        capabilities=about.capabilities,
        has_chat_template=about.has_chat_template,
        license=about.license,
        problem=ErrorInfo.of(problem) if problem else None,
    )
    return Model(info, files)


def _shard_problem(files: tuple[ModelFile, ...]) -> BadModelFile | None:
    """What is wrong with the parts of a split model as a set, and with any of them."""
    shard = shard_of(Path(files[0].path).stem)
    count = shard[2] if shard else 1
    if count <= 1:
        return _lone_part(files[0].about)
    parts = {number: file for file in files if (number := _number(file)) is not None}
    missing = [number for number in range(1, min(count, MAX_VISITED) + 1) if number not in parts]
    if missing:
        return _missing_parts(missing, count)
    for number, file in sorted(parts.items()):
        about = file.about
        if about.problem:
            return _in_part(about.problem, number, count)
        if (about.shard_number + 1, about.shard_count) != (number, count):
            return BadModelFile(
                f"Part {number} of {count} says that it is part {about.shard_number + 1:,}"
                f" of {about.shard_count:,}.",
                hint="Fetch the parts again, and keep their names.",
            )
    return None


def _lone_part(about: Description) -> BadModelFile | None:
    if about.shard_count <= 1:
        return None
    return BadModelFile(
        f"The file is one part of {about.shard_count:,} and has lost its place in the name.",
        hint="Name the parts as they were, such as NAME-00001-of-00003.gguf.",
    )


def _number(file: ModelFile) -> int | None:
    shard = shard_of(Path(file.path).stem)
    return shard[1] if shard else None


def _missing_parts(missing: Sequence[int], count: int) -> BadModelFile:
    named = ", ".join(str(number) for number in missing[:_NAMED_PARTS])
    more = len(missing) - _NAMED_PARTS
    what = f"Part {named}" if len(missing) == 1 else f"Parts {named}"
    what += f" and {more:,} more" if more > 0 else ""
    return BadModelFile(
        f"{what} of {count:,} {'is' if len(missing) == 1 else 'are'} missing from the folder.",
        hint="Put all parts of the model beside each other.",
    )


def _in_part(problem: BadModelFile, number: int, count: int) -> BadModelFile:
    return BadModelFile(
        f"Part {number} of {count}: {problem.message}",
        hint=problem.hint,
        param=problem.param,
        **problem.details,
    )


def refreshed(model: Model) -> Model:
    """`model` with its changed files read again; the same object when nothing changed."""
    files = tuple(look(file.path, file) for file in model.files)
    if all(new is old for new, old in zip(files, model.files, strict=True)):
        return model
    return combine(model.info.name, files)
