"""Taking a file into the models folder: by copying, linking or moving it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hob.errors import (
    BadModelFile,
    DiskFull,
    DownloadError,
    HobError,
    InvalidRequest,
    ModelNotFound,
    NameTaken,
)
from hob.models.adopt.linking import make_link
from hob.models.care.moving import move, translated
from hob.models.care.steps import Reporter
from hob.models.disk import sync_folder
from hob.models.folder.files import look
from hob.models.folder.shards import find_set_problem
from hob.models.gguf.checks import clean
from hob.models.names import shard_of

How = Literal["copy", "link", "move"]

PARTIAL_ENDING = ".import.part"
_CHUNK_BYTES = 2**20
# What the disk should have left when all is done.
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Import:
    """The files of one model, and where each goes."""

    how: How
    pairs: tuple[tuple[Path, Path], ...]
    total_bytes: int

    @property
    def target(self) -> Path:
        return self.pairs[0][1]

    @property
    def targets(self) -> frozenset[Path]:
        """All places in the models folder."""
        return frozenset(target for _, target in self.pairs)


def plan_import(
    path: str, how: How, folder: Path, foreign: Sequence[tuple[str, Path]] = ()
) -> Import:
    """What is to be done; reads headers. All parts of a split model come along.

    Raises InvalidRequest, ModelNotFound, BadModelFile or NameTaken.
    """
    given = _given(path)
    if how == "move":
        _require_movable(given, foreign)
    try:
        sources = _parts(given)
        sizes = [source.stat().st_size for source in sources]
    except OSError as error:
        raise _gone(given) from error
    _check_headers(sources)
    pairs = tuple((source, folder / _name(source, given)) for source in sources)
    for source, target in pairs:
        if os.path.lexists(target) and not _same(source, target):
            raise NameTaken(
                f"There is a {clean(target.name)} in the models folder already, and it was left"
                " alone.",
                hint="Give your file another name first, or rename that model.",
                param="path",
            )
    return Import(how, pairs, sum(sizes))


def run_import(
    plan: Import,
    reporter: Reporter,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Path:
    """Do it, and say where the model's first file is; blocks. After a failure nothing of it is
    left in the models folder.

    Raises NameTaken, DiskFull, DownloadError, BadModelFile or Cancelled.
    """
    made: list[Path] = []
    try:
        plan.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if plan.how == "copy":
            _require_room(plan, free_bytes)
        for source, target in plan.pairs:
            if not os.path.lexists(target):
                _bring(plan.how, source, target, reporter, lambda: _require_room(plan, free_bytes))
                made.append(target)
    except (OSError, HobError) as error:
        _take_back(plan, made)
        if isinstance(error, OSError):
            raise translated(error, plan.target) from error
        raise
    sync_folder(plan.target.parent)
    if plan.how == "move":
        _remove_sources(plan, made)
    return plan.target


def clear_partials(folder: Path) -> None:
    """Remove what imports left that were broken off with the whole daemon."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(".") and path.name.endswith(PARTIAL_ENDING):
                path.unlink()


def _given(path: str) -> Path:
    given = Path(path)
    if "\0" in path or not given.is_absolute():
        raise InvalidRequest(
            "The path of the file must be absolute.",
            hint="The `hob` command makes it so by itself.",
            param="path",
        )
    if given.suffix.lower() != ".gguf":
        raise InvalidRequest(
            f"{clean(given.name)} is not called .gguf, and Hob runs only GGUF files.",
            hint="Get a GGUF version of the model, or give the file that ending.",
            param="path",
        )
    return given


def _require_movable(given: Path, foreign: Sequence[tuple[str, Path]]) -> None:
    if given.is_symlink():
        raise InvalidRequest(
            f"{clean(str(given))} is a link, and moving it would leave its file behind.",
            hint="Name the file itself, or use --link.",
            param="path",
        )
    for title, store in foreign:
        if given.resolve().is_relative_to(store):
            raise InvalidRequest(
                f"{clean(str(given))} belongs to {title}, so Hob does not move it.",
                hint="Use --link, or `hob models adopt`.",
                param="path",
            )


def _parts(given: Path) -> list[Path]:
    """All parts of the split model that the file belongs to, else the file."""
    shard = shard_of(given.stem)
    if not shard or shard[2] <= 1:
        return [given]
    prefix, _, count = shard
    near = [path for path in given.parent.iterdir() if path.suffix == given.suffix]
    return sorted(path for path in near if _is_part(path, prefix, count)) or [given]


def _is_part(path: Path, prefix: str, count: int) -> bool:
    shard = shard_of(path.stem)
    return bool(shard and shard[0] == prefix and shard[2] == count)


def _check_headers(sources: Sequence[Path]) -> None:
    files = tuple(look(str(source)) for source in sources)
    about = files[0].about
    # Those are no models by themselves, and yet they belong into the folder.
    if len(files) == 1 and (about.is_adapter or about.is_projector):
        return
    if problem := find_set_problem(files) or about.problem:
        raise BadModelFile(
            f"{clean(str(sources[0]))} was not taken in: {problem.message}",
            hint=problem.hint,
            param="path",
        )


def _name(source: Path, given: Path) -> str:
    """A hidden file would not be seen; a link is called as the person called it."""
    name = source.name.lstrip(".") or given.name
    return name if name.lower() != ".gguf" else f"model{name}"


def _bring(
    how: How, source: Path, target: Path, reporter: Reporter, require_room: Callable[[], None]
) -> None:
    size = source.stat().st_size
    if how == "link":
        make_link(source.resolve(strict=True), target)
    elif how == "move":
        try:
            move(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            reporter.progress(size)
            return
        require_room()
        _copy(source, target, reporter)
        return
    else:
        _copy(source, target, reporter)
        return
    reporter.progress(size)


def _remove_sources(plan: Import, made: Sequence[Path]) -> None:
    """What was moved to another disk was copied, and goes once all of it is there."""
    try:
        for source, target in plan.pairs:
            if target in made:
                source.unlink(missing_ok=True)
    except OSError as error:
        raise DownloadError(
            f"The model is in the models folder, but {clean(str(source))} cannot be removed:"
            f" {error.strerror or 'unknown error'}.",
            hint="Remove it yourself.",
        ) from error


def _copy(source: Path, target: Path, reporter: Reporter) -> None:
    """Under a name that no scan lists, and to its place in one step when it is whole."""
    partial = target.with_name(f".{target.name}{PARTIAL_ENDING}")
    try:
        with source.open("rb") as file, partial.open("wb") as out:
            before = os.fstat(file.fileno())
            while chunk := file.read(_CHUNK_BYTES):
                out.write(chunk)
                reporter.progress(len(chunk))
            out.flush()
            os.fsync(out.fileno())
            after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise BadModelFile(
                f"{clean(str(source))} was changed while it was copied, so it was not taken in.",
                hint="Wait until the file is whole, and import it again.",
                param="path",
            )
        # Whoever left while the disk was busy does not want it any more.
        reporter.progress(0)
        move(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _require_room(plan: Import, free_bytes: Callable[[Path], int]) -> None:
    need = plan.total_bytes + _SPARE_BYTES
    free = free_bytes(plan.target.parent)
    if free < need:
        raise DiskFull(
            f"The disk of the models folder has {free / 1e6:,.0f} MB free, and a copy of the"
            f" model needs {need / 1e6:,.0f} MB.",
            hint="Make room, or link the file instead: `hob models import --link FILE`.",
            need_bytes=need,
            free_bytes=free,
        )


def _take_back(plan: Import, made: Sequence[Path]) -> None:
    """Undo what was done for the first parts when a later one fails."""
    sources = {target: source for source, target in plan.pairs}
    for target in made:
        with contextlib.suppress(OSError):
            if plan.how == "move" and not sources[target].exists():
                move(target, sources[target])
            else:
                target.unlink()


def _same(source: Path, target: Path) -> bool:
    try:
        return source.samefile(target)
    except OSError:
        return False


def _gone(path: Path) -> HobError:
    return ModelNotFound(
        f"There is no file {clean(str(path))}, or it may not be read.",
        hint="Look at its name and its permissions.",
        param="path",
    )
