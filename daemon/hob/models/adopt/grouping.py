"""From the GGUF files of a folder to models: the parts of split ones, and projectors by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.adopt.files import checked
from hob.models.adopt.found import Found, Part, link_stem
from hob.models.names import base_name, shard_of
from hob.wire.library import Program

# Names that say nothing of the model that is in the file.
_GENERIC = re.compile(r"(ggml-model|ggml|model|gguf|weights|unsloth)?", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """A GGUF file of a store. `family` is what it shares with its projector and the other files
    of one repository; `stem` is its file's, without what only the store added; `name` is the
    model's in that program."""

    path: Path
    family: str
    stem: str
    name: str
    sha256: str = ""

    @property
    def is_projector(self) -> bool:
        return "mmproj" in self.stem.lower()


def models_of(program: Program, root: Path, candidates: Sequence[Candidate]) -> list[Found]:
    """The models that these files make; `root` is the store's real place, which none may leave."""
    projectors: dict[str, list[Candidate]] = {}
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for one in candidates:
        if one.is_projector:
            projectors.setdefault(one.family, []).append(one)
            continue
        shard = shard_of(one.stem)
        key = (str(one.path.parent), f"{shard[0]}|{shard[2]}" if shard else one.stem)
        groups.setdefault(key, []).append(one)
    return [
        _model(program, root, group, projectors.get(group[0].family, ()))
        for group in groups.values()
    ]


def _model(
    program: Program, root: Path, group: Sequence[Candidate], projectors: Sequence[Candidate]
) -> Found:
    group = sorted(group, key=lambda one: one.stem)
    first = group[0]
    shard = shard_of(first.stem)
    stem = _telling(shard[0] if shard else first.stem, first.family)
    found = Found(program, first.name.removesuffix(_ending(first.stem)), sha256=first.sha256)
    try:
        parts = tuple(_part(root, one, f"{stem}{_ending(one.stem)}") for one in group)
        found = replace(found, parts=parts)
        if shard and len(group) != shard[2]:
            raise BadModelFile(
                f"Of its {shard[2]:,} parts {len(group):,} are there.",
                hint="Fetch the model again with that program.",
            )
        # Named after its model, so that the library knows them for a pair.
        if seeing := _best(projectors):
            return replace(found, projector=_part(root, seeing, f"mmproj-{base_name(stem)}"))
    except BadModelFile as problem:
        return replace(found, problem=problem)
    return found


def _part(root: Path, one: Candidate, link: str) -> Part:
    real, size = checked(one.path, root)
    return Part(real, size, link)


def _ending(stem: str) -> str:
    """The number of a part, as it stands in its name."""
    shard = shard_of(stem)
    return stem[len(shard[0]) :] if shard else ""


def _telling(stem: str, family: str) -> str:
    """The stem, with the repository's name where the file's own says nothing."""
    plain = link_stem(stem)
    if _GENERIC.fullmatch(base_name(plain)) and family:
        repository = re.sub(r"[-_.]gguf$", "", family.rpartition("/")[2], flags=re.IGNORECASE)
        rest = plain[len(base_name(plain)) :].lstrip("-._")
        return link_stem(f"{repository}-{rest}")
    return plain


def _best(projectors: Sequence[Candidate]) -> Candidate | None:
    """Of a projector in several precisions, the one that every device computes."""
    return min(
        projectors,
        key=lambda one: (not re.search(r"(?<!b)f16", one.stem.lower()), one.stem),
        default=None,
    )
