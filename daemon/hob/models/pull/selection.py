"""Which files of a repository make the model that a person wants, and what they are called here.
Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hob.errors import NotOnHub
from hob.models.names import base_name, echo, shard_of
from hob.models.pull.source import safe_parts

# What is taken when nobody says: small enough for most machines and close to the original. The
# first that a repository has wins; one that has none of these gives its smallest.
PREFERENCE = (
    "Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "Q4_K_L", "Q4_K", "IQ4_NL", "IQ4_XS", "Q4_0", "Q4_1",
    "MXFP4", "MXFP4_MOE", "Q5_K_M", "Q5_K_S", "Q5_0", "Q5_1", "Q6_K", "Q8_0", "Q3_K_L", "Q3_K_M",
    "F16", "BF16",
)  # fmt: skip
_PROJECTOR_PREFERENCE = ("F16", "BF16", "Q8_0", "F32")
_LABEL = re.compile(
    r"(?:^|[-._ ])((?:ud-)?(?:(?:i?q|tq)\d(?:_(?:\d|[a-z]{1,3}))*|mxfp4(?:_moe)?|nvfp4"
    r"|bf16|f16|fp16|f32|fp32))(?=$|[-._ ])",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_FILE_BYTES = 2**42
_MAX_PARTS = 512
_SHOWN = 24
# Data about a model, not a model.
_NO_MODELS = ("imatrix",)


@dataclass(frozen=True)
class HubEntry:
    """A file as the hub lists it; `sha256` is empty when the hub does not tell."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Choice:
    """One model of a repository: all of its parts in their order. `label` is its quantization, as
    far as its name tells."""

    label: str
    files: tuple[HubEntry, ...]
    source: str

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Taken:
    """A file to fetch, and its place below the models folder."""

    entry: HubEntry
    place: PurePosixPath


def choices_of(repo: str, entries: Iterable[HubEntry]) -> tuple[Choice, ...]:
    """Every model that can be pulled from `repo`, smallest first. What is badly named, has no
    proper size or digest, or lacks a part, is none."""
    groups: dict[tuple[str, int], list[HubEntry]] = {}
    for entry in _usable(entries):
        if not _is_projector(entry.path):
            groups.setdefault(_set_of(entry.path), []).append(entry)
    whole = {
        key: tuple(sorted(files, key=lambda file: file.path))
        for key, files in groups.items()
        if _is_whole(key[1], files)
    }
    labels = [_label_of(files[0].path) for files in whole.values()]
    found = [
        Choice(
            label,
            files,
            f"hf:{repo}:{label if label and labels.count(label) == 1 else files[0].path}",
        )
        for label, files in zip(labels, whole.values(), strict=True)
    ]
    return tuple(sorted(found, key=lambda choice: (choice.size, choice.files[0].path)))


def select(repo: str, wish: str, entries: Sequence[HubEntry]) -> tuple[Taken, ...]:
    """The files of the model that is wanted, its projector last. Raises NotOnHub."""
    choices = choices_of(repo, entries)
    if not choices:
        raise NotOnHub(
            f"The repository {repo} has no GGUF model that can be fetched.",
            hint=f"Look for one that has: `hob models search {repo.partition('/')[2]}`.",
            param="source",
        )
    choice = _wanted(repo, wish, choices) if wish else _preferred(choices)
    names = [PurePosixPath(entry.path).name for entry in _usable(entries)]
    taken = [Taken(file, _place(repo, file.path, names)) for file in choice.files]
    if projector := _projector(entries, choice):
        name = _projector_name(projector.path, choice.files[0].path)
        taken.append(Taken(projector, taken[0].place.with_name(name)))
    return tuple(taken)


def _wanted(repo: str, wish: str, choices: Sequence[Choice]) -> Choice:
    """The choice that `wish` names: a file's path, a quantization, or a part of the name."""
    folded = _fold(wish)
    stem = _fold(_without_part(wish))
    ways = (
        [choice for choice in choices if any(file.path == wish for file in choice.files)],
        [choice for choice in choices if _fold(choice.label) == folded],
        [choice for choice in choices if _fold(choice.label).removeprefix("ud_") == folded],
        [choice for choice in choices if _fold(_without_part(choice.files[0].path)) == stem],
        [choice for choice in choices if f"_{stem}_" in f"_{_fold(choice.files[0].path)}_"],
    )
    found = next((way for way in ways if way), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise NotOnHub(
            f"{echo(wish)} could be any of {len(found)} models of {repo}.",
            hint=f"Say which: {_listed(choice.source for choice in found)}.",
            param="source",
        )
    raise NotOnHub(
        f"The repository {repo} has no model {echo(wish)}.",
        hint=f"There is: {_listed(choice.source for choice in choices)}.",
        param="source",
    )


def _preferred(choices: Sequence[Choice]) -> Choice:
    for label in PREFERENCE:
        if found := [choice for choice in choices if choice.label.upper() == label]:
            return found[0]
    return choices[0]


def _usable(entries: Iterable[HubEntry]) -> Iterable[HubEntry]:
    seen: set[str] = set()
    for entry in entries:
        folded = entry.path.lower()
        if (
            folded.endswith(".gguf")
            and folded not in seen
            and not any(word in folded for word in _NO_MODELS)
            and safe_parts(entry.path) is not None
            and 0 < entry.size <= _MAX_FILE_BYTES
            and _DIGEST.fullmatch(entry.sha256)
        ):
            seen.add(folded)
            yield entry


def _is_projector(path: str) -> bool:
    return "mmproj" in PurePosixPath(path).name.lower()


def _set_of(path: str) -> tuple[str, int]:
    """What the parts of one split model have in common, and how many there should be."""
    stem = str(PurePosixPath(path).with_suffix(""))
    shard = shard_of(stem)
    return (shard[0], shard[2]) if shard else (stem, 1)


def _is_whole(count: int, files: Sequence[HubEntry]) -> bool:
    if count <= 1:
        return len(files) == 1
    shards = [shard_of(PurePosixPath(file.path).stem) for file in files]
    numbers = {shard[1] for shard in shards if shard}
    return count <= _MAX_PARTS and len(files) == count and numbers == set(range(1, count + 1))


def _label_of(path: str) -> str:
    """The quantization that a file's name tells, else that its folder's name does."""
    pure = PurePosixPath(path)
    for text in (_without_part(pure.name), *reversed(pure.parts[:-1])):
        if found := _LABEL.findall(text):
            return str(found[-1]).upper()
    return ""


def _without_part(path: str) -> str:
    """A path without the number of its part and the suffix."""
    text = path[: -len(".gguf")] if path.lower().endswith(".gguf") else path
    shard = shard_of(text)
    return shard[0] if shard else text


def _fold(text: str) -> str:
    return re.sub(r"[-._ /]+", "_", text.lower())


def _place(repo: str, path: str, names: Sequence[str]) -> PurePosixPath:
    """ORG/REPO/FILE; the folders inside the repository only where names would clash."""
    name = PurePosixPath(path).name
    alone = sum(other.lower() == name.lower() for other in names) == 1
    return PurePosixPath(repo, name) if alone else PurePosixPath(repo, path)


def _projector(entries: Iterable[HubEntry], choice: Choice) -> HubEntry | None:
    """What gives the model eyes or ears: the one that is named like it, in the best precision."""
    found = [entry for entry in _usable(entries) if _is_projector(entry.path)]
    base = base_name(PurePosixPath(choice.files[0].path).stem)
    alike = [entry for entry in found if base in PurePosixPath(entry.path).name.lower()]
    labels = {entry.path: _label_of(entry.path).replace("FP", "F") for entry in found}

    def rank(entry: HubEntry) -> tuple[int, int, str]:
        label = labels[entry.path]
        known = label in _PROJECTOR_PREFERENCE
        place = _PROJECTOR_PREFERENCE.index(label) if known else len(_PROJECTOR_PREFERENCE)
        return place, entry.size, entry.path

    return min(alike or found, key=rank, default=None)


def _projector_name(path: str, model: str) -> str:
    """A name by which the projector and its model find each other in a folder with others."""
    stem = _without_part(PurePosixPath(model).name)
    base = stem[: len(base_name(stem))] or "model"
    label = _label_of(PurePosixPath(path).name)
    return f"mmproj-{base}-{label}.gguf" if label else f"mmproj-{base}.gguf"


def _listed(sources: Iterable[str]) -> str:
    names = list(sources)
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
