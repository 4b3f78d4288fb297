"""Models that are split into several files, NAME-00001-of-00003.gguf and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.folder.files import ModelFile, stem_of
from hob.models.gguf.describe import Description
from hob.models.names import shard_of

_NAMED_PARTS = 5


def group_parts(files: Iterable[ModelFile]) -> Iterator[tuple[ModelFile, ...]]:
    """Files that make one model together, in their order; most are alone."""
    split: dict[tuple[str, str, int], list[ModelFile]] = {}
    for file in files:
        if (shard := _shard(file)) and shard[2] > 1:
            prefix, _, count = shard
            split.setdefault((str(Path(file.path).parent), prefix, count), []).append(file)
        else:
            yield (file,)
    for parts in split.values():
        yield tuple(sorted(parts, key=lambda file: file.path))


def find_set_problem(files: tuple[ModelFile, ...]) -> BadModelFile | None:
    """What is wrong with the parts of a split model as a set, and with any of them."""
    shard = _shard(files[0])
    count = shard[2] if shard else 1
    if count <= 1:
        return _lone_part(files[0].about)
    parts = {number: file for file in files if (number := _number(file)) is not None}
    missing = [number for number in range(1, count + 1) if number not in parts]
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


def _shard(file: ModelFile) -> tuple[str, int, int] | None:
    return shard_of(stem_of(file.path)) if "-of-" in file.path else None


def _number(file: ModelFile) -> int | None:
    shard = _shard(file)
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
