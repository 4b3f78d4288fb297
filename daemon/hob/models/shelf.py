"""What the library shows: the models of the folders, with what is noted of them, and the profiles
that are made of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from hob.errors import (
    HobError,
    InvalidRequest,
    ModelError,
    ModelNotFound,
    ModelQuarantined,
    NameTaken,
    ProfileInvalid,
)
from hob.models.folder.scan import Model
from hob.models.names import echo, match
from hob.models.notes import Notes, Target
from hob.wire.base import ErrorInfo
from hob.wire.models import ModelInfo
from hob.wire.profiles import Profile

_ALIAS = re.compile(r"[\w][\w.:+-]{0,99}")


@dataclass(frozen=True)
class Shelf:
    """`models` has all that is shown, by name, and `files` those of them that are files.

    `profiles` are by the name of the model that they set up or make. `aliases` and `former` lead
    from other names to those of models.
    """

    models: Mapping[str, Model] = field(default_factory=dict)
    files: Mapping[str, Model] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[ErrorInfo, ...]:
        """What is wrong with profiles."""
        wrong = (profile.problem for profile in self.profiles.values() if profile.problem)
        return tuple(wrong)

    def find(self, wanted: str) -> str:
        """The name of the model that `wanted` means: its name, an alias, a name that it had, or
        any unambiguous part of its name or alias. Adapters come last, since they only say what
        they are. Raises ModelNotFound or ModelAmbiguous."""
        exact = wanted.strip().removesuffix(":latest")
        if exact in self.models:
            return exact
        if other := self.aliases.get(exact) or self.former.get(exact):
            return other
        models = [name for name, model in self.models.items() if not model.is_adapter]
        try:
            return match(models, wanted, self.aliases)
        except ModelNotFound as not_found:
            try:
                return self.aliases[match(tuple(self.aliases), wanted)]
            except ModelError:
                pass
            try:
                return match([name for name in self.models if name not in models], wanted)
            except ModelNotFound:
                raise not_found from None


def arrange(files: Mapping[str, Model], notes: Notes, profiles: Sequence[Profile]) -> Shelf:
    """All that is shown, by name."""
    aliases = _present(notes.aliases, files)
    former = {old: new for old, new in _present(notes.former, files).items() if old not in files}
    own = _noted(files, aliases, notes)
    shelf = Shelf(own, own, {}, aliases, former)
    if profiles:
        shelf = _with_profiles(shelf, profiles)
    return shelf


def check_alias(alias: str, name: str, shelf: Shelf) -> None:
    """Whether `alias` may be another name of the model `name`. Raises NameTaken or
    InvalidRequest."""
    if not _ALIAS.fullmatch(alias):
        raise InvalidRequest(
            f"{echo(alias)} cannot be a name.",
            hint="Use up to 100 letters, digits and any of . _ : + -, without spaces.",
            param="alias",
        )
    taken = next((taken for taken in shelf.models if taken.lower() == alias.lower()), "")
    if taken:
        raise NameTaken(
            f"The name {echo(alias)} belongs to the model {taken}.",
            hint="Choose another name.",
            param="alias",
        )
    if name not in shelf.files:
        raise InvalidRequest(
            f"{echo(name)} is a profile, which has the name that its file gives it.",
            hint="Name the profile otherwise, or give the alias to its model.",
            param="model",
        )


def _present(names: Mapping[str, Target], files: Mapping[str, Model]) -> dict[str, str]:
    return {name: target.name for name, target in names.items() if target.name in files}


def _noted(
    files: Mapping[str, Model], aliases: Mapping[str, str], notes: Notes
) -> Mapping[str, Model]:
    """The models with their aliases, and with what is held against those that crashed."""
    changed: dict[str, Model] = {}
    for alias, name in sorted(aliases.items()):
        model = changed.get(name, files[name])
        changed[name] = _with(model, aliases=(*model.info.aliases, alias))
    if notes.has_crashes:
        for name, model in files.items():
            crash = None if model.info.problem else notes.crash(model.info)
            if crash:
                changed[name] = _with(changed.get(name, model), problem=_quarantined(name, crash))
    return {**files, **changed} if changed else files


def _quarantined(name: str, crash: ErrorInfo) -> ErrorInfo:
    return ErrorInfo.of(
        ModelQuarantined(
            f"Loading this model crashed its worker, so it is not loaded again: {crash.message}",
            hint=f"Fetch the file again, or try once more with `hob models forgive {name}`.",
            param="model",
        )
    )


# ---- profiles ----


def _with_profiles(shelf: Shelf, profiles: Sequence[Profile]) -> Shelf:
    models = dict(shelf.models)
    known: dict[str, Profile] = {}
    for name, profile in _placed(shelf, profiles):
        if name not in shelf.models:
            models[name] = _made(shelf, name, profile)
            if (problem := models[name].info.problem) and models[name].info.base == "":
                profile = msgspec.structs.replace(profile, problem=problem)  # noqa: PLW2901
        known[name] = profile
    ordered = {name: models[name] for name in sorted(models)}
    return replace(shelf, models=ordered, profiles=known)


def _placed(shelf: Shelf, profiles: Sequence[Profile]) -> Iterator[tuple[str, Profile]]:
    """Each profile with the name of the model that it sets up or makes; the first of a name."""
    seen = set()
    for profile in profiles:
        name = shelf.aliases.get(profile.name, profile.name)
        if name and name not in seen:
            seen.add(name)
            yield name, profile


def _made(shelf: Shelf, name: str, profile: Profile) -> Model:
    """The model that a profile makes."""
    problem: HobError | None = profile.problem.error() if profile.problem else None
    base: Model | None = None
    if problem is None:
        try:
            base = shelf.models[shelf.find(profile.model)]
        except ModelError as error:
            problem = ProfileInvalid(
                f"The profile {echo(name)} is made of the model {echo(profile.model)}, which "
                f"cannot be told: {error.message}",
                hint=error.hint,
            )
    if base is None:
        info = ModelInfo(name=name, path=profile.path, file_bytes=0, modified_at=0.0)
        return Model(
            msgspec.structs.replace(info, problem=ErrorInfo.of(problem) if problem else None), ()
        )
    return _with(
        base,
        name=name,
        title=profile.description or base.info.title,
        base=base.info.name,
        served_by="" if profile.changes_load else base.info.name,
        aliases=(),
    )


def _with(model: Model, **changes: object) -> Model:
    return Model(msgspec.structs.replace(model.info, **changes), model.files, model.projector)
