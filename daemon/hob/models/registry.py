"""The library: the models folder as the daemon knows it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from hob.errors import HobError, InvalidRequest, ModelNotFound, NoModels
from hob.models.folder.files import ModelFile, stamp_of
from hob.models.folder.scan import Model, refreshed, scan
from hob.models.gguf.checks import clean
from hob.models.names import echo, match
from hob.models.profiles.library import resolve_among
from hob.models.profiles.loading import info_of
from hob.models.pull.starter import Pull, Pulled
from hob.models.pull.stream import run_in_thread
from hob.wire.base import ErrorInfo
from hob.wire.events import Event, ModelAdded, ModelRemoved
from hob.wire.models import ModelInfo
from hob.wire.profiles import Profile
from hob.wire.pulls import PullDone, PullEvent, PullFailed, PullProgress

log = logging.getLogger(__name__)

PullMaker = Callable[[Path, Callable[[PullProgress], None]], Pull]


class Registry:
    """Knows every model file under `folders`; the first one is where new models go.

    The folders are read by `rescan`, which the owner calls once at the start. Between scans
    `resolve` looks at the one model it is asked for, so a replaced file is never taken for the old.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        publish: Callable[[Event], None],
        clock: Callable[[], float] = time.time,
        make_pull: PullMaker = Pull,
        read_profiles: Callable[[Sequence[Path]], Sequence[Profile]] | None = None,
    ) -> None:
        self._folders = tuple(folders)
        self._publish = publish
        self._clock = clock
        self._make_pull = make_pull
        self._read_profiles = read_profiles
        self._profiles: Mapping[str, Profile] = {}
        self._models: Mapping[str, Model] = {}
        self._scanning = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Where new models go."""
        return self._folders[0]

    def infos(self) -> Sequence[ModelInfo]:
        """Every model, bad ones included, by name."""
        return tuple(model.info for model in self._models.values())

    def resolve(self, name: str) -> ModelInfo:
        """The model of that name, or of which `name` is an unambiguous part, as its file is now.

        Raises NoModels, ModelNotFound, ModelAmbiguous or BadModelFile.
        """
        if not self._models:
            raise NoModels(
                f"There is no model named {echo(name)}, since the models folder is empty.",
                hint="Get a first model with `hob models pull starter`, "
                f"or put a .gguf file into {clean(str(self.folder))}.",
                param="model",
            )
        found = self._match(name)
        model = self._models[found]
        if model.info.problem is None and any(not stamp_of(file.path) for file in model.files):
            raise ModelNotFound(
                f"The file of model {found} is gone from {clean(model.info.path)}.",
                hint="Put it back, or choose another model (`hob models`).",
                param="model",
            )
        fresh = refreshed(model)
        if fresh is not model:
            self._models = {**self._models, found: fresh}
        if fresh.info.problem:
            raise fresh.info.problem.error()
        return fresh.info

    def profile(self, name: str) -> Profile | None:
        """The profile of the model of exactly that name: its own, or the one that it is."""
        return self._profiles.get(name)

    def resolve_adapter(self, name: str) -> str:
        """The path of the LoRA adapter of that name, or whose path in the folders is `name`, as its
        file is now; no other file can be named.

        Raises ModelNotFound, ModelAmbiguous or BadModelFile.
        """
        adapters = {n: model for n, model in self._models.items() if model.is_adapter}
        found = next((n for n, model in adapters.items() if self._is_at(model, name)), "")
        # Anything else that looks like a path is none of ours, even if its last part fits.
        if not found and Path(name).name == name:
            with contextlib.suppress(ModelNotFound):
                found = match(tuple(adapters), name)
        if not found:
            raise ModelNotFound(
                f"There is no LoRA adapter {echo(name)} in the models folder.",
                hint=f"Put its .gguf file into {clean(str(self.folder))}, and name it.",
                param="lora",
            )
        adapter = refreshed(adapters[found])
        if not adapter.is_adapter:
            raise ModelNotFound(
                f"The file of the adapter {echo(name)} is gone or is no adapter any more.",
                hint="Put it back, or name another one.",
                param="lora",
            )
        return adapter.info.path

    def _match(self, name: str) -> str:
        """The model that `name` means; adapters come last, since they only say what they are."""
        models = tuple(n for n, model in self._models.items() if not model.is_adapter)
        try:
            return match(models, name)
        except ModelNotFound:
            return match(tuple(self._models), name)

    def _is_at(self, model: Model, path: str) -> bool:
        own = model.files[0].path
        return path == own or any(str(folder / path) == own for folder in self._folders)

    async def rescan(self) -> None:
        """Read the folders again; the event loop stays free, and the list changes in one step."""
        async with self._scanning:
            models = self._models.values()
            known = {file.path: file for model in models for file in model.files}
            known |= {model.projector.path: model.projector for model in models if model.projector}
            files = await asyncio.to_thread(_scan, self._folders, known)
            written: Sequence[Profile] = ()
            if self._read_profiles:
                written = await asyncio.to_thread(self._read_profiles, self._folders)
            fresh, self._profiles = with_profiles(files, written)
            before, self._models = self._models, fresh
        for name in before:
            if name not in fresh:
                self._publish(ModelRemoved(at=self._clock(), model=name))
        for name in fresh:
            if name not in before:
                self._publish(ModelAdded(at=self._clock(), model=name))

    async def pull(self, source: str) -> AsyncGenerator[PullEvent, None]:
        """Fetch a model into the first folder. Problems come as PullFailed.

        Leaving the iterator ends the download; what was fetched is kept for the next time.
        """
        if source != "starter":
            problem = InvalidRequest(
                f"There is no model to fetch by the name {echo(source)}.",
                hint="For now the only one is `starter`.",
                param="source",
            )
            yield PullFailed(error=ErrorInfo.of(problem))
            return
        try:
            async with aclosing(
                run_in_thread(lambda report: self._make_pull(self.folder, report))
            ) as steps:
                async for step in steps:
                    yield await self._done(step) if isinstance(step, Pulled) else step
        except HobError as error:
            yield PullFailed(error=ErrorInfo.of(error))

    async def _done(self, pulled: Pulled) -> PullDone:
        await self.rescan()
        there = stamp_of(str(pulled.path))
        for model in self._models.values():
            if any(file.stamp == there for file in model.files):
                return PullDone(model=model.info, already_there=pulled.already_there)
        raise ModelNotFound(
            "The model was fetched, and its file is gone again.",
            hint="Look for what removes files from the models folder, and try again.",
        )


def with_profiles(
    files: Mapping[str, Model], profiles: Sequence[Profile]
) -> tuple[dict[str, Model], dict[str, Profile]]:
    """The models of the files and those that `profiles` make of them, and all profiles by name."""
    names = [name for name, model in files.items() if not model.is_adapter]
    models = dict(files)
    known: dict[str, Profile] = {}
    for one in resolve_among(profiles, files, lambda name: match(names, name)):
        known[one.name] = one
        base = None if one.problem else files[one.model]
        if one.name != one.model or base is None:
            parts = base.files if base else ()
            models[one.name] = Model(info_of(one, base.info if base else None), parts)
    return {name: models[name] for name in sorted(models)}, known


def _scan(folders: Sequence[Path], known: Mapping[str, ModelFile]) -> dict[str, Model]:
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            log.warning("cannot make the models folder %s: %s", folder, error.strerror)
    return scan(folders, known)
