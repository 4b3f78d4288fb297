"""What has changed from one look at the folders to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from hob.models.folder.files import ModelFile
from hob.models.folder.identity import fingerprint, follow
from hob.models.folder.scan import Model
from hob.wire.models import ModelInfo
from hob.wire.profiles import Profile

What = Literal["removed", "renamed", "changed", "added", "copying"]


class Changes(Protocol):
    """Who must know at once when a model changes; called on the event loop, in the turn in which
    the list changes."""

    def model_changed(self, info: ModelInfo, in_place: bool) -> None:
        """What is loaded of it is not what it is now. `in_place`: the very file that is loaded was
        written into, so that what the model says from now on cannot be trusted."""

    def model_removed(self, name: str) -> None: ...

    def model_renamed(self, old: str, info: ModelInfo) -> None:
        """The same model has another name or another path."""


class Nobody:
    """Changes that nobody needs to know of."""

    def model_changed(self, info: ModelInfo, in_place: bool) -> None: ...

    def model_removed(self, name: str) -> None: ...

    def model_renamed(self, old: str, info: ModelInfo) -> None: ...


@dataclass(frozen=True)
class Change:
    """`old` is the name before and `new` the one after; one of them is empty for a model that
    went or came. `loads`: what a worker has loaded of it is another now."""

    what: What
    old: str = ""
    new: str = ""
    loads: bool = True
    in_place: bool = False


def compare(before: Mapping[str, Model], after: Mapping[str, Model]) -> list[Change]:
    """The changes of the files, those first that make room for others: what went, what was
    renamed, what is another, what came."""
    if before is after:
        return []
    pairs = _pairs(before, after)
    found = [Change("removed", old=old) for old in before if old not in pairs]
    came = set(after).difference(pairs.values())
    for old, new in pairs.items():
        was, now = before[old], after[new]
        if was is now:
            continue
        if old != new and not _is_same(was, now):
            # Another model lies at the path now.
            if _in_place(was, now):
                found.append(Change("changed", old=old, new="", in_place=True))
            found.append(Change("removed", old=old))
            came.add(new)
            continue
        found.extend(_compare_pair(old, was, new, now))
    found.extend(
        Change("copying" if after[name].info.copying else "added", new=name)
        for name in sorted(came)
    )
    return sorted(found, key=_rank)


def _rank(change: Change) -> int:
    """What was written over goes before its removal."""
    order: tuple[What, ...] = ("removed", "renamed", "changed", "added", "copying")
    return order.index(change.what) if change.new or change.what == "removed" else -1


def _pairs(before: Mapping[str, Model], after: Mapping[str, Model]) -> Mapping[str, str]:
    """Which name of `after` each of `before` has become."""
    if before.keys() == after.keys() and all(
        model.files[0].path == after[name].files[0].path for name, model in before.items()
    ):
        return {name: name for name in before}
    return follow(_firsts(before), _firsts(after))


def _firsts(models: Mapping[str, Model]) -> Mapping[str, ModelFile]:
    return {name: model.files[0] for name, model in models.items()}


def _is_same(was: Model, now: Model) -> bool:
    """Whether a model whose name changed is the one that it was."""
    if was.files[0].path != now.files[0].path or was.info.copying or now.info.copying:
        return True
    if _content(was) == _content(now):
        return True
    mark = fingerprint(was.files[0])
    return bool(mark) and mark == fingerprint(now.files[0])


def _compare_pair(old: str, was: Model, new: str, now: Model) -> Iterator[Change]:
    moved = was.files[0].path != now.files[0].path
    if old != new or moved:
        yield Change("renamed", old, new)
    other = _content(was) != _content(now)
    if other and moved and was.info.id and was.info.id == now.info.id:
        other = False  # it was moved to another disk
    if now.info.copying:
        if not was.info.copying:
            yield Change("changed", new, new, in_place=_in_place(was, now))
        elif was.info.copying != now.info.copying:
            yield Change("copying", new, new)
    elif other or _shown(was.info) != _shown(now.info):
        yield Change("changed", new, new, in_place=_in_place(was, now))


def _content(model: Model) -> list[object]:
    files = (*model.files, model.projector) if model.projector else model.files
    return [file.stamp and file.stamp.content for file in files]


def _in_place(was: Model, now: Model) -> bool:
    """A file that was loaded was written into, where it lies."""
    places = {file.stamp.place: file.stamp for file in was.files if file.stamp}
    return any(
        file.stamp.content != places[file.stamp.place].content
        for file in now.files
        if file.stamp and file.stamp.place in places
    )


def _shown(info: ModelInfo) -> object:
    """What of a model matters beyond its names and places."""
    return (info.problem, info.projector_bytes, info.capabilities, info.context_length)


def compare_made(
    before: Mapping[str, tuple[Model, Profile]],
    after: Mapping[str, tuple[Model, Profile]],
) -> Iterator[Change]:
    """The changes of what profiles make and set, by name; `before` and `after` have only models
    that have a profile."""
    for name, (was, profile) in before.items():
        if name not in after:
            if was.info.base or not was.files:
                yield Change("removed", old=name)
            else:
                yield Change("changed", name, name, loads=profile.changes_load)
    for name, (now, profile) in after.items():
        if name not in before:
            if now.info.base or not now.files:
                yield Change("added", new=name)
            else:
                yield Change("changed", name, name, loads=profile.changes_load)
            continue
        was, old = before[name]
        if old != profile or was.info.base != now.info.base or was.info.problem != now.info.problem:
            yield Change("changed", name, name, loads=_loads(old, was) != _loads(profile, now))


def _loads(profile: Profile, model: Model) -> object:
    """What of a profile matters for loading its model."""
    options = (profile.context_length, profile.kv_type, profile.template)
    return options, model.info.problem is None
