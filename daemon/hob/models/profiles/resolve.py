"""From profiles as they are written to models: what each is made of, and what it inherits. Pure.

What a profile says goes before what the profile says that it is made of, and that before the
defaults of the model at the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from hob.errors import HobError, ModelAmbiguous, ModelError, NameTaken, ProfileInvalid
from hob.models.gguf.checks import clean
from hob.models.profiles.files import kind_of
from hob.models.profiles.naming import plain_name
from hob.models.profiles.sources import spellings
from hob.models.profiles.templates import family_of
from hob.wire.base import ErrorInfo
from hob.wire.profiles import Profile
from hob.wire.template import BuiltinTemplate

MAX_DEPTH = 8

# The full name of the one model that a name means; raises ModelNotFound or ModelAmbiguous.
Match = Callable[[str], str]

# What a profile replaces as a whole when it says anything of it.
_REPLACED = (
    "system",
    "examples",
    "max_tokens",
    "stop",
    "context_length",
    "kv_type",
    "template",
    "adapters",
    "priority",
    "keep_alive",
    "reasoning_effort",
)


def _nowhere(_: str) -> str:
    return ""


def resolve_profiles(
    profiles: Sequence[Profile],
    names: Collection[str],
    match: Match,
    at_path: Callable[[str], str] = _nowhere,
    template_of: Callable[[str], str] = _nowhere,
) -> list[Profile]:
    """Each profile with the full name of its model in `model`, and with what it inherits.

    `names` are those of all models, and `match` finds one of them by what a person says. `at_path`
    gives the name of the model whose file lies there, and `template_of` the text of the chat
    template that the model of that name brings; both may know nothing. A profile of its model's
    own name sets that model's defaults. One that cannot be used says so in `problem`, and never
    takes the name of another.
    """
    return _Resolving(profiles, names, match, at_path, template_of).all()


class _Resolving:
    def __init__(
        self,
        profiles: Sequence[Profile],
        names: Collection[str],
        match: Match,
        at_path: Callable[[str], str],
        template_of: Callable[[str], str],
    ) -> None:
        self._profiles = profiles
        self._names = frozenset(names)
        self._words = {
            word for name in names for word in (name.casefold(), _family(name).casefold())
        }
        self._match = match
        self._known: dict[str, str | ModelError] = {}
        self._at_path = at_path
        self._template_of = template_of
        self._named: dict[str, Profile] = {}
        # A bad one stays out, but is known by its name when there is no good one.
        for good in (True, False):
            for one in profiles:
                if (one.problem is None) == good:
                    self._named.setdefault(one.name.casefold(), one)
        self._done: dict[int, Profile] = {}
        self._depth: dict[int, int] = {}
        self._own: dict[str, Profile] = {}

    def all(self) -> list[Profile]:
        found: dict[int, Profile] = {}
        problems: dict[int, HobError] = {}
        # The defaults of the models come first, since the others inherit them.
        for one in sorted(self._profiles, key=lambda one: not self._is_own(one)):
            try:
                found[id(one)] = self._resolved(one)
                self._refuse_taken(one, found[id(one)])
            except HobError as problem:
                problems[id(one)] = problem
        taken = {found[id(one)].name for one in self._profiles if id(one) not in problems}
        listed: list[Profile] = []
        for one in self._profiles:
            if id(one) in problems:
                bad = self._bad(one, problems[id(one)], taken)
                taken.add(bad.name)
                listed.append(bad)
            else:
                listed.append(found[id(one)])
        return listed

    def _is_own(self, one: Profile) -> bool:
        """It sets the defaults of the model whose name it has."""
        return one.name == one.model or one.name in self._names

    def _resolved(self, one: Profile, trail: tuple[Profile, ...] = ()) -> Profile:
        """Raises what is wrong with it or with what it is made of."""
        if one.problem:
            raise one.problem.error()
        if id(one) in self._done:
            return self._done[id(one)]
        self._refuse_ring(one, trail)
        self._depth[id(one)] = 0
        parent = self._named.get(one.model.casefold()) if one.name != one.model else None
        if parent is None or parent is one or self._stands_for_a_model(parent):
            base = self._base(one)
            inherited = None if one.name in (one.model, base) else self._own.get(base)
        else:
            inherited = self._parent(one, parent, (*trail, one))
            base = inherited.model
            self._depth[id(one)] = self._depth[id(parent)] + 1
            self._refuse_deep(one, self._depth[id(one)])
        own = one.name in (one.model, base)
        merged = inherit(self._fitting(one, base), inherited)
        done = msgspec.structs.replace(
            merged,
            name=base if own else one.name,
            model=base,
            served_by="" if own else self._served_by(merged, inherited, base),
        )
        self._done[id(one)] = done
        if own:
            self._own.setdefault(base, done)
        return done

    def _stands_for_a_model(self, parent: Profile) -> bool:
        """The name of bad defaults, or of a file that cannot be read, still means a model."""
        bad = parent.problem and parent.model in ("", parent.name)
        return bool(bad) and self._means_a_model(parent.name)

    def _parent(self, one: Profile, parent: Profile, trail: tuple[Profile, ...]) -> Profile:
        try:
            return self._resolved(parent, trail)
        except ProfileInvalid as problem:
            if parent.problem is None:
                raise
            raise ProfileInvalid(
                f"The profile {one.name} is made of {parent.name}, which cannot be used:"
                f" {problem.message}",
                hint=problem.hint,
                file=one.path,
            ) from problem

    def _served_by(self, merged: Profile, inherited: Profile | None, base: str) -> str:
        """Whose worker can answer, since its model is loaded in the same way."""
        if inherited is not None and _load_of(merged) == _load_of(inherited):
            return inherited.served_by or inherited.name
        own = self._own.get(base)
        same = _load_of(merged) == (_load_of(own) if own else _load_of(_NOTHING))
        return base if same else ""

    def _base(self, one: Profile) -> str:
        """The full name of the model of the library that it is made of."""
        if Path(one.model).is_absolute():
            if name := self._at_path(one.model):
                return name
            raise ProfileInvalid(
                f"The profile {one.name} is made of the file {clean(one.model)}, which is not in"
                " the models folder.",
                hint="Put the file there, or a link to it.",
                param="model",
                file=one.path,
            )
        # Looking at all names takes a while, and many profiles are made of the same few models.
        if one.model not in self._known:
            self._known[one.model] = self._found(one.model)
        found = self._known[one.model]
        if isinstance(found, ModelError):
            raise _unusable(one, found) from found
        return found

    def _found(self, said: str) -> str | ModelError:
        """The model that these words mean, in any spelling, or why it cannot be told."""
        unknown: ModelError | None = None
        for spelling in spellings(said):
            try:
                return self._match(spelling)
            except ModelAmbiguous as problem:
                return problem
            except ModelError as problem:
                unknown = unknown or problem
        assert unknown, "a name has at least one spelling"
        return unknown

    def _fitting(self, one: Profile, base: str) -> Profile:
        """A Modelfile's template is only needed where the model's own is another, and is only
        known by its marks."""
        if kind_of(Path(one.path).name) != "modelfile" or one.template not in get_args(
            BuiltinTemplate
        ):
            return one
        if family_of(self._template_of(base)) == one.template:
            return msgspec.structs.replace(one, template="")
        told = f"The template is read as the built-in {one.template}."
        return msgspec.structs.replace(one, warnings=(*one.warnings, told))

    def _refuse_ring(self, one: Profile, trail: tuple[Profile, ...]) -> None:
        if any(one is passed for passed in trail):
            way = " of ".join(passed.name for passed in (*trail, one))
            raise ProfileInvalid(
                f"The profile {one.name} is made of itself: {way}.",
                hint="Let one of them name a model of the library.",
                param="model",
                file=one.path,
            )
        if trail:
            self._refuse_deep(trail[0], len(trail))

    def _refuse_deep(self, one: Profile, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise ProfileInvalid(
                f"The profile {one.name} is made of {MAX_DEPTH} others in a row, or more.",
                hint="Name a model of the library sooner.",
                param="model",
                file=one.path,
            )

    def _refuse_taken(self, one: Profile, done: Profile) -> None:
        """Raises NameTaken when another model or profile has its name."""
        if done.name == done.model:
            first: Profile | None = self._own.get(done.model)
            same = first is None or first is done
        else:
            first = self._named.get(one.name.casefold())
            same = first is one and one.name not in self._names
        if not same:
            other = f"the profile in {clean(first.path)}" if first not in (None, one) else "a model"
            raise NameTaken(
                f"{clean(one.path)} cannot be called {done.name}, as is {other} already.",
                hint='Give it another name by a line such as: name = "writer"',
                param="name",
                file=one.path,
            )

    def _bad(self, one: Profile, problem: HobError, taken: set[str]) -> Profile:
        """The profile with its problem, under a name that means nothing else."""
        name, number = one.name, 1
        if name in taken or self._means_a_model(name):
            name = file_name = plain_name(Path(one.path).name)
            while name in taken:
                number += 1
                name = f"{file_name}-{number}"
        return msgspec.structs.replace(one, name=name, problem=ErrorInfo.of(problem))

    def _means_a_model(self, name: str) -> bool:
        """It is a model's name, or the part of it by which people call it."""
        return name.casefold() in self._words


def _family(name: str) -> str:
    return name.partition(":")[0]


_NOTHING = Profile(name="", model="")


def inherit(one: Profile, parent: Profile | None) -> Profile:
    """`one` with what it does not say itself taken from `parent`."""
    if parent is None:
        return one
    changes: dict[str, Any] = {
        name: getattr(parent, name)
        for name in _REPLACED
        if getattr(one, name) == getattr(_NOTHING, name)
    }
    sampling = {**parent.sampling, **one.sampling}
    return msgspec.structs.replace(one, sampling=sampling, **changes)


def _load_of(profile: Profile) -> tuple[int | None, str, str]:
    return profile.context_length, profile.kv_type, profile.template


def _unusable(one: Profile, problem: ModelError) -> ProfileInvalid:
    return ProfileInvalid(
        f"The profile {one.name} is made of {clean(one.model)[:80]}: {problem.message}",
        hint=problem.hint,
        param="model",
        file=one.path,
    )


def own_of(profiles: Iterable[Profile]) -> Mapping[str, Profile]:
    """The resolved profiles that set a model's own defaults, by its name."""
    return {one.name: one for one in profiles if not one.problem and one.name == one.model}
