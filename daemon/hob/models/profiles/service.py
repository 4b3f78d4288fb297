"""The profiles of the library, as the API asks for them, and the writing of new ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hob.errors import InvalidRequest, ModelError, NameTaken, ProfileInvalid
from hob.models.gguf.checks import clean
from hob.models.profiles.fields import Place
from hob.models.profiles.files import MAX_FILE_BYTES
from hob.models.profiles.loading import options_with, warm_prompts_of
from hob.models.profiles.naming import check_name
from hob.models.profiles.write import toml_of
from hob.wire.engine import LoadOptions, WarmPrompt
from hob.wire.models import ModelInfo
from hob.wire.profiles import NewProfile, Profile


class Library(Protocol):
    """What the registry knows; see hob.models.registry."""

    @property
    def folder(self) -> Path: ...

    def infos(self) -> Sequence[ModelInfo]: ...

    def resolve(self, name: str) -> ModelInfo: ...

    def profile(self, name: str) -> Profile | None: ...

    async def rescan(self) -> None: ...


class ProfileService:
    """Fits ports.Profiles. New files go into the models folder."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def profile(self, name: str) -> Profile | None:
        """The profile of the model of exactly that name: its own, or the one that it is."""
        return self._library.profile(name)

    def profiles(self) -> Sequence[Profile]:
        """Every profile, those that cannot be used included, by name."""
        found = (self._library.profile(info.name) for info in self._library.infos())
        return tuple(profile for profile in found if profile is not None)

    def load_options(self, info: ModelInfo, options: LoadOptions) -> LoadOptions:
        """`options` as the worker that answers for `info` wants its model to be loaded."""
        return options_with(self._library.profile(info.worker), options)

    def warm_prompts(self, info: ModelInfo) -> tuple[WarmPrompt, ...]:
        """The system prompts of all that this worker answers for, its own first."""
        worker = info.worker
        served = [one for one in self.profiles() if worker in (one.name, one.served_by)]
        return warm_prompts_of(sorted(served, key=lambda one: one.name != worker))

    async def create(self, wanted: NewProfile) -> Profile:
        """Write a file for a profile that can be edited, and know it.

        Raises NameTaken, InvalidRequest, ModelError, and what the library says of its model.
        """
        name = _checked(wanted)
        if any(info.name.casefold() == name.casefold() for info in self._library.infos()):
            raise _taken(name)
        base = self._library.resolve(wanted.model)
        path = self._library.folder / f"{name.replace(':', '-')}.toml"
        text = toml_of(name, base.name, wanted.system, stem=path.stem)
        await asyncio.to_thread(_write, path, text, name)
        await self._library.rescan()
        for profile in self.profiles():
            if profile.path == str(path):
                return profile
        raise ProfileInvalid(
            f"The profile was written to {clean(str(path))}, and is gone again.",
            hint="Look for what removes files from the models folder, and try again.",
        )


def _checked(wanted: NewProfile) -> str:
    """The name, if a profile can have it and be written as it is wished."""
    try:
        name = check_name(wanted.name, Place("the request"))
    except ProfileInvalid as problem:
        raise InvalidRequest(
            "This is no name for a profile.", hint=problem.hint, param="name"
        ) from problem
    if len(wanted.system) > MAX_FILE_BYTES // 8:
        raise InvalidRequest(
            f"The system prompt has more than {MAX_FILE_BYTES // 8} characters.", param="system"
        )
    return name


def _write(path: Path, text: str, name: str) -> None:
    try:
        # Only if there is none: the file of another profile must not be lost.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(text.encode())
    except FileExistsError as error:
        raise _taken(name) from error
    except OSError as error:
        raise ModelError(
            f"The profile cannot be written to {clean(str(path))}: {error.strerror}.",
            hint="Make room there, or give the folder's permissions back.",
        ) from error


def _taken(name: str) -> NameTaken:
    return NameTaken(
        f"There is a model or a file of the name {name} already.",
        hint="Choose another name, or edit the file that is there; `hob models profiles` tells"
        " where it is.",
        param="name",
    )
