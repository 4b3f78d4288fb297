"""Giving a model another name, which is its files' name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.errors import InvalidRequest, NameTaken
from hob.models.adopt.found import link_stem
from hob.models.care import modelfiles
from hob.models.care.moving import move_all
from hob.models.care.places import own_files
from hob.models.care.remove import shared_projector
from hob.models.folder.scan import Model
from hob.models.names import MAX_NAME_CHARS, base_name, echo, make_name, shard_of
from hob.wire.models import ModelInfo

_NAME = re.compile(r"[^\W_][\w.:+-]*", re.ASCII)
_RESERVED = frozenset({"default"})


@dataclass(frozen=True)
class Renaming:
    """`name` is what the library will call the model by its files; the person said `wanted`."""

    model: str
    wanted: str
    name: str
    moves: tuple[tuple[Path, Path], ...]


def checked_name(name: str, param: str) -> str:
    """What a person wants a model to be called, if it can be. Raises InvalidRequest."""
    if (
        _NAME.fullmatch(name)
        and len(name) <= MAX_NAME_CHARS
        and ".." not in name
        and name.lower() not in _RESERVED
    ):
        return name
    raise InvalidRequest(
        f"A model cannot be called {echo(name)}.",
        hint=f"Take up to {MAX_NAME_CHARS} letters, digits and . _ : + -, with a letter or digit"
        " first; `default` is taken.",
        param=param,
    )


def plan_renaming(model: Model, wanted: str, infos: Sequence[ModelInfo]) -> Renaming:
    """Which file gets which name. Pure but for the model's paths.

    Raises InvalidRequest or NameTaken.
    """
    checked_name(wanted, "to")
    stem = link_stem(wanted.removesuffix(".gguf").replace(":", "-"))
    if shard_of(stem):
        raise InvalidRequest(
            f"{echo(wanted)} ends like one part of a split model.",
            hint="Leave the number away: parts keep theirs.",
            param="to",
        )
    name = make_name(stem, model.files[0].about) if model.files else wanted
    refuse_taken(name, infos, but=model.info.name)
    refuse_taken(wanted, infos, but=model.info.name)
    moves = [(path, path.with_name(f"{stem}{_rest(path)}")) for path in own_files(model)]
    if model.projector:
        moves += _projector_move(model, Path(model.projector.path), stem, infos)
    return Renaming(
        model.info.name, wanted, name, tuple((old, new) for old, new in moves if old != new)
    )


def refuse_taken(name: str, infos: Sequence[ModelInfo], but: str = "") -> None:
    """Raises NameTaken when a model other than `but` has this name or alias."""
    for info in infos:
        if info.name != but and name.lower() in map(str.lower, (info.name, *info.aliases)):
            raise NameTaken(
                f"{info.name} has the name {echo(name)} already.",
                hint="Choose another name, or rename that one first.",
                param="to",
            )


def rename(renaming: Renaming) -> None:
    """Blocks. Raises NameTaken, DiskFull or DownloadError; then nothing has changed."""
    if renaming.moves:
        move_all(renaming.moves)
        modelfiles.follow(dict(renaming.moves), (renaming.model, renaming.name))


def _rest(path: Path) -> str:
    """What stays: the number of a part, and the ending."""
    shard = shard_of(path.stem)
    return (path.stem[len(shard[0]) :] if shard else "") + path.suffix


def _projector_move(
    model: Model, path: Path, stem: str, infos: Sequence[ModelInfo]
) -> list[tuple[Path, Path]]:
    """A projector is known by its model's name, so it gets the new one, unless it is paired by
    being alone with the model in its folder."""
    if others := shared_projector(model, infos):
        if base_name(stem) == base_name(Path(model.files[0].path).stem):
            return []
        raise InvalidRequest(
            f"{model.info.name} sees by the same file as {', '.join(others)}, which is found by"
            " the name that they share.",
            hint="Give it an alias instead (`hob models alias`), or put it into a folder of its"
            " own together with a copy of that file.",
            param="model",
        )
    return [(path, path.with_name(f"mmproj-{base_name(stem)}{path.suffix}"))]
