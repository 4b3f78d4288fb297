"""The library: the models folders as the daemon knows them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from hob.errors import (
    ModelNotFound,
    NoModels,
)
from hob.models.changes import Changes, Nobody, compare, compare_made
from hob.models.folder.files import stamp_of
from hob.models.folder.scan import Model, Scanner
from hob.models.folder.watch import Watcher
from hob.models.gguf.checks import clean
from hob.models.looking import Looker, ReadProfiles
from hob.models.names import echo, match
from hob.models.notes import Digest, Notes, target_of
from hob.models.pace import Pace, Round
from hob.models.profiles.library import Resolver
from hob.models.shelf import Shelf, arrange, check_alias
from hob.models.telling import Teller
from hob.wire.base import ErrorInfo
from hob.wire.events import Event
from hob.wire.models import ModelInfo
from hob.wire.profiles import Profile

_log = logging.getLogger(__name__)

# A look is repeated when the list changed under it, but not for ever.
_MOST_LOOKS = 3


class Registry:
    """Knows every model file under `folders`; the first one is where new models go.

    `rescan` reads the folders once, and `watch` keeps the list right from then on. Between looks
    `resolve` looks at the one model it is asked for, so a replaced file is never taken for the old.
    `changes` is told at once what becomes of models, and `read_profiles` gives what is made of
    them. `index` and `notes` are the files of the cache and of what is to be remembered.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        publish: Callable[[Event], None],
        clock: Callable[[], float] = time.time,
        *,
        changes: Changes | None = None,
        read_profiles: ReadProfiles | None = None,
        profile_folders: Sequence[Path] = (),
        scanner: Scanner | None = None,
        notes: Path | None = None,
        make_watcher: Callable[[Callable[[], None]], Watcher] = Watcher,
    ) -> None:
        self._folders = tuple(folders)
        self._clock = clock
        self._make_watcher = make_watcher
        self._notes = Notes(notes)
        self._looker = Looker(
            self._folders, tuple(profile_folders), scanner or Scanner(), read_profiles
        )
        self._teller = Teller(publish, changes or Nobody(), clock)
        # What the files say, and what is shown of it.
        self._files: Mapping[str, Model] = {}
        self._profiles: Sequence[Profile] = ()
        self._shelf = Shelf()
        self._resolve = Resolver()
        self._warnings: tuple[ErrorInfo, ...] = ()
        self._looking = asyncio.Lock()
        self._looked = False
        self._watcher: Watcher | None = None
        self._pace: Pace | None = None

    def report_to(self, changes: Changes) -> None:
        """From now on `changes` is told at once what becomes of models."""
        self._teller.report_to(changes)

    @property
    def folder(self) -> Path:
        """Where new models go."""
        return self._folders[0]

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that are watched."""
        return self._folders

    @property
    def warnings(self) -> tuple[ErrorInfo, ...]:
        """What keeps changes from being seen at once; what is wrong with a profile is told where it
        is listed, as with a model."""
        return self._warnings

    def infos(self) -> Sequence[ModelInfo]:
        """Every model, bad ones included, by name."""
        return tuple(model.info for model in self._shelf.models.values())

    def model(self, name: str) -> Model | None:
        """The model of exactly that name, with its files."""
        return self._shelf.models.get(name)

    def profile(self, name: str) -> Profile | None:
        """The profile that sets up or makes the model of exactly that name."""
        return self._shelf.profiles.get(name)

    def at_path(self, path: str | Path) -> ModelInfo | None:
        """The model of which the file at `path` is a part, by whatever name it is there."""
        there = stamp_of(str(path))
        for model in self._shelf.files.values():
            for file in model.files:
                if file.path == str(path) or (there and file.stamp == there):
                    return model.info
        return None

    def resolve(self, name: str) -> ModelInfo:
        """The model of that name, or of which `name` is an unambiguous part, as its file is now.

        Raises NoModels, ModelNotFound, ModelAmbiguous, BadModelFile, ModelCopying or
        ModelQuarantined.
        """
        if not self._shelf.models:
            raise NoModels(
                f"There is no model named {echo(name)}, since the models folder is empty.",
                hint="Get a first model with `hob models pull starter`, "
                f"or put a .gguf file into {clean(str(self.folder))}.",
                param="model",
            )
        found = self._shelf.find(name)
        self._refresh(self._shelf.models[found].info.base or found)
        info = self._shelf.models[found].info
        if info.problem:
            raise info.problem.error()
        return info

    def resolve_adapter(self, name: str) -> str:
        """The path of the LoRA adapter of that name, or whose path in the folders is `name`, as its
        file is now; no other file can be named.

        Raises ModelNotFound, ModelAmbiguous or BadModelFile.
        """
        adapters = {n: model for n, model in self._files.items() if model.is_adapter}
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
        adapter = self._looker.refresh(adapters[found])
        if not adapter.is_adapter:
            raise ModelNotFound(
                f"The file of the adapter {echo(name)} is gone or is no adapter any more.",
                hint="Put it back, or name another one.",
                param="lora",
            )
        return adapter.info.path

    def _is_at(self, model: Model, path: str) -> bool:
        own = model.files[0].path
        return path == own or any(str(folder / path) == own for folder in self._folders)

    def _refresh(self, name: str) -> None:
        """Look at the files of one model. Raises ModelNotFound when they are gone."""
        model = self._files.get(name)
        if model is None:
            return
        if model.info.problem is None and any(not stamp_of(file.path) for file in model.files):
            self._look_soon()
            raise ModelNotFound(
                f"The file of model {name} is gone from {clean(model.info.path)}.",
                hint="Put it back, or choose another model (`hob models`).",
                param="model",
            )
        fresh = self._looker.refresh(model)
        if fresh is not model:
            self._put({**self._files, name: fresh}, self._profiles)

    # ---- looking ----

    async def rescan(self) -> None:
        """Read the folders again; the event loop stays free, and the list changes in one step."""
        await self._look(thorough=True)

    async def watch(self) -> NoReturn:
        """Keep the list right until cancelled."""
        pace = Pace(self._look, self._has_news, lambda: time.time() - time.monotonic())
        watcher = self._make_watcher(pace.waker())
        self._pace, self._watcher = pace, watcher
        try:
            await pace.run()
        finally:
            self._pace = self._watcher = None
            async with self._looking:
                await asyncio.to_thread(watcher.close)
                await asyncio.to_thread(self._looker.save)
                await self._save_notes()

    async def _look(self, thorough: bool) -> Round:
        async with self._looking:
            if not self._looked:
                await asyncio.to_thread(self._notes.load)
                self._looked = True
            for _ in range(_MOST_LOOKS):
                files = self._files
                look = await asyncio.to_thread(self._looker.look, self._watcher, thorough)
                if self._files is files:
                    break  # else a request has seen a change that this look may have missed
            changed = self._put(look.models, look.profiles)
            self._teller.catch_up(self._shelf)
            self._warnings = look.warnings
            self._teller.warn(self.warnings)
            if thorough:
                await asyncio.to_thread(self._looker.save)
            await self._save_notes()
        polled = self._watcher is not None and self._watcher.polled
        return Round(changed, look.unsettled, polled, look.watched_more)

    async def _has_news(self) -> bool:
        async with self._looking:
            watcher = self._watcher
            return watcher is None or await asyncio.to_thread(self._looker.has_news, watcher)

    def _put(self, files: Mapping[str, Model], profiles: Sequence[Profile]) -> bool:
        """Make this the list, in one step, and tell what changed; whether anything did."""
        before = self._shelf
        changes = compare(self._files, files)
        for change in changes:
            if change.what == "renamed":
                was, now = self._files[change.old].info, files[change.new].info
                self._notes.renamed(change.old, target_of(now))
                self._notes.moved_digest(was.path, now.path)
        self._files, self._profiles = files, profiles
        self._notes.settle({name: model.info for name, model in files.items()})
        self._shelf = after = arrange(files, self._notes, profiles, self._resolve)
        changes += compare_made(_made(before), _made(after))
        for change in changes:
            self._teller.tell(change, before, after)
        return bool(changes)

    def _look_soon(self) -> None:
        if self._pace:
            self._pace.wake()

    async def _save_notes(self) -> None:
        if (data := self._notes.packed()) is None:
            return
        try:
            await asyncio.to_thread(self._notes.save, data)
        except OSError as error:
            _log.warning("the notes on models cannot be saved: %s", error)

    # ---- what is noted ----

    def note_digest(self, path: str | Path, sha256: str, source: str) -> None:
        """Remember the SHA-256 of the file at `path`, and who says so, until the file changes."""
        if stamp := stamp_of(str(path)):
            digest = Digest(sha256=sha256, source=source, size=stamp.size, mtime_ns=stamp.mtime_ns)
            self._notes.note_digest(str(path), digest)
            self._look_soon()

    def digest(self, name: str) -> tuple[str, str] | None:
        """The SHA-256 of the (first) file of the model of exactly that name and who says so, or
        None when it is not known or the file changed since."""
        model = self.model(name)
        if model is None or not model.files or (stamp := model.files[0].stamp) is None:
            return None
        found = self._notes.digest(model.files[0].path, stamp.size, stamp.mtime_ns)
        return (found.sha256, found.source) if found else None

    def set_alias(self, alias: str, model_name: str) -> None:
        """Let `alias` name the model that `model_name` means, and no other; an empty `model_name`
        takes the alias away. Raises NameTaken, InvalidRequest, ModelNotFound or ModelAmbiguous."""
        alias = alias.strip()
        held = self._shelf.aliases.get(alias, "")
        target = None
        if model_name:
            name = self._shelf.find(model_name)
            check_alias(alias, name, self._shelf)
            target = target_of(self._files[name].info)
        elif alias not in self._notes.aliases:
            raise ModelNotFound(
                f"There is no alias {echo(alias)}.", hint="`hob models` lists them.", param="alias"
            )
        self._notes.set_alias(alias, target)
        self._show_again({held, target.name if target else ""})

    def quarantine(self, info: ModelInfo, error: ErrorInfo) -> None:
        """Loading the model crashed its worker: list it with that until its files change."""
        self._notes.quarantine(info, error)
        self._show_again({info.base or info.name})

    def forgive(self, name: str) -> ModelInfo:
        """Let the model that `name` means be loaded again. Raises ModelNotFound or
        ModelAmbiguous."""
        found = self._shelf.find(name)
        of = self._shelf.models[found].info.base or found
        if of in self._files and self._notes.forgive(self._files[of].info):
            self._show_again({of})
        return self._shelf.models[found].info

    def _show_again(self, names: set[str]) -> None:
        """What is noted of these models changed."""
        before = self._shelf
        self._shelf = after = arrange(self._files, self._notes, self._profiles, self._resolve)
        for name in sorted(names & after.files.keys()):
            self._teller.shown_otherwise(name, after)
        for change in compare_made(_made(before), _made(after)):
            self._teller.tell(change, before, after)
        self._look_soon()


def _made(shelf: Shelf) -> Mapping[str, tuple[Model, Profile]]:
    """The models that have a profile, with it."""
    return {name: (shelf.models[name], profile) for name, profile in shelf.profiles.items()}
