"""Care: the verbs of `hob models` that change or check what is in the library."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from hob.errors import HobError, InvalidRequest, ModelError, ModelNotFound, NameTaken
from hob.models.adopt.found import Where
from hob.models.adopt.programs import TITLES, all_stores
from hob.models.care.importing import Import, clear_partials, plan_import, run_import
from hob.models.care.library import Library, find
from hob.models.care.places import own_files, require_own
from hob.models.care.remove import Trash, plan_removal, remove, to_trash
from hob.models.care.rename import checked_name, plan_renaming, refuse_taken, rename
from hob.models.care.steps import Last, Reporter, steps_of
from hob.models.care.verify import (
    VERIFICATION,
    Expected,
    HubDigests,
    compared,
    digest_of,
    judged,
    told_by_place,
    total_bytes,
)
from hob.models.folder.scan import Model
from hob.models.gguf.checks import clean
from hob.wire.base import ErrorInfo
from hob.wire.library import (
    Imported,
    ImportEvent,
    ImportFailed,
    ImportProgress,
    ImportRequest,
    Removed,
    VerifiedFile,
    VerifyEvent,
    VerifyFailed,
    VerifyProgress,
)
from hob.wire.models import ModelInfo


class Care:
    """`unload` ends a model's worker, if it has one. `where` says where other programs keep their
    models, which are left alone. `hub` is asked for digests, if there is one to ask."""

    def __init__(
        self,
        library: Library,
        unload: Callable[[str], Awaitable[None]],
        where: Callable[[], Where],
        *,
        hub: HubDigests | None = None,
        trash: Trash = to_trash,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._library = library
        self._unload = unload
        self._where = where
        self._hub = hub
        self._trash = trash
        self._free_bytes = free_bytes
        # One change of the folder at a time, so that what was planned is still so.
        self._changing = asyncio.Lock()
        self._importing: set[Path] = set()

    async def remove(self, name: str, *, for_good: bool = False) -> Removed:
        """Put a model's files away; it is unloaded before.

        Raises ModelError, InvalidRequest or DownloadError.
        """
        async with self._changing:
            model = find(self._library, name)
            removal = plan_removal(model, self._library.infos())
            await self._require_own(removal.paths)
            await self._unload_all(model)
            try:
                return await asyncio.to_thread(
                    remove, removal, for_good=for_good, trash=self._trash
                )
            finally:
                await self._library.rescan()

    async def rename(self, name: str, to: str) -> ModelInfo:
        """Give a model's files another name; the model under it.

        Raises ModelError, InvalidRequest or DownloadError, and has changed nothing then.
        """
        async with self._changing:
            model = find(self._library, name)
            renaming = plan_renaming(model, to, self._library.infos())
            await self._require_own([old for old, _ in renaming.moves])
            await asyncio.to_thread(rename, renaming)
            await self._library.rescan()
        first = own_files(model)[0]
        path = str(dict(renaming.moves).get(first, first))
        info = self._at(path)
        if info.name.lower() != to.lower():
            # The library says more in a name than a person need type, such as the quantization.
            self._library.set_alias(to, info.name)
            info = self._at(path)
        return info

    async def alias(self, alias: str, name: str) -> str:
        """Let `alias` mean a model, or nothing any more when `name` is empty; the model's name.

        Raises ModelError or InvalidRequest.
        """
        checked_name(alias, "alias")
        if not name:
            if not any(alias in info.aliases for info in self._library.infos()):
                raise ModelNotFound(
                    f"There is no alias {clean(alias)}.",
                    hint="`hob models show NAME` shows those of a model.",
                    param="alias",
                )
            self._library.set_alias(alias, "")
            return ""
        info = self._library.resolve(name)
        refuse_taken(alias, self._library.infos(), but=info.name)
        self._library.set_alias(alias, info.name)
        return info.name

    async def verify(self, name: str, *, online: bool = False) -> AsyncGenerator[VerifyEvent, None]:
        """Read all of a model's files and compare them with what they should be.

        The last event is Verified or VerifyFailed. Leaving stops it.
        """
        try:
            model = find(self._library, name)
            paths = own_files(model)
            paths += [Path(model.projector.path)] if model.projector else []
            expected = await self._expected(model, paths, online=online)
            total = await asyncio.to_thread(total_bytes, paths)

            def work(reporter: Reporter) -> list[VerifiedFile]:
                return [compared(p, digest_of(p, reporter), expected.get(p)) for p in paths]

            steps = steps_of(work, total, _verify_progress)
            async with aclosing(steps):
                async for step in steps:
                    if isinstance(step, Last):
                        self._note(step.value)
                        can_ask = self._hub is not None and not online
                        yield judged(model.info.name, step.value, can_ask=can_ask)
                    else:
                        yield step
        except HobError as error:
            yield VerifyFailed(error=ErrorInfo.of(error))

    async def take_in(self, request: ImportRequest) -> AsyncGenerator[ImportEvent, None]:
        """Copy, link or move a file into the models folder.

        The last event is Imported or ImportFailed. Leaving stops it, and takes the copy away.
        """
        try:
            if there := self._library.at_path(request.path):
                yield Imported(model=there)
                return
            plan = await self._begin_import(request)
            try:
                steps = steps_of(
                    lambda reporter: run_import(plan, reporter, self._free_bytes),
                    plan.total_bytes,
                    _import_progress,
                )
                async with aclosing(steps):
                    async for step in steps:
                        if isinstance(step, Last):
                            await self._library.rescan()
                            yield Imported(model=self._at(str(step.value)))
                        else:
                            yield step
            finally:
                self._importing -= plan.targets
        except HobError as error:
            yield ImportFailed(error=ErrorInfo.of(error))

    # ---- inside ----

    async def _begin_import(self, request: ImportRequest) -> Import:
        """What is to be done, with its names in the folder held for it until it ends."""
        folder = self._library.folder
        async with self._changing:
            stores = await asyncio.to_thread(self._foreign)
            plan = await asyncio.to_thread(plan_import, request.path, request.how, folder, stores)
            if plan.targets & self._importing:
                raise NameTaken(
                    f"{clean(plan.target.name)} is being imported already.",
                    hint="Wait for that to end.",
                    param="path",
                )
            if not self._importing:
                # Nobody writes now, so what is there was left by a daemon that was killed.
                await asyncio.to_thread(clear_partials, folder)
            self._importing |= plan.targets
        return plan

    def _at(self, path: str) -> ModelInfo:
        """The model whose file, or whose projector, is there now."""
        if found := self._library.at_path(path):
            return found
        for info in self._library.infos():
            if path in (info.path, info.projector, *info.files):
                return info
        raise ModelNotFound(
            f"The file {clean(path)} is in place, but the library does not show it.",
            hint="If it is a link to a file that the library has already, it counts once.",
            param="model",
        )

    async def _require_own(self, paths: Sequence[Path]) -> None:
        folders = self._library.folders

        def look() -> None:
            require_own(paths, folders, self._foreign())

        await asyncio.to_thread(look)

    def _foreign(self) -> list[tuple[str, Path]]:
        """The stores of other programs by their titles; looks at the disk. One that the person
        made Hob's own folder for models counts as Hob's."""
        own = self._library.folder.resolve()
        return [
            (TITLES[program], root)
            for program, root in all_stores(self._where())
            if not own.is_relative_to(root)
        ]

    async def _unload_all(self, model: Model) -> None:
        """End the workers of the model and of the profiles that are made of it."""
        name = model.info.name
        profiles = [info.name for info in self._library.infos() if info.base == name]
        for each in (name, *profiles):
            # What cannot be resolved, since its file is bad, has no worker either.
            with contextlib.suppress(ModelError):
                await self._unload(each)

    async def _expected(
        self, model: Model, paths: Sequence[Path], *, online: bool
    ) -> dict[Path, Expected]:
        """What is known of the files' digests: by their places, by their downloads, by the hub."""
        places = await asyncio.to_thread(lambda: {path: told_by_place(path) for path in paths})
        found = {path: told for path, told in places.items() if told}
        if paths[0] not in found and (noted := self._library.digest(model.info.name)):
            found[paths[0]] = Expected(*noted)
        if not online:
            return found
        if self._hub is None:
            raise InvalidRequest(
                "The hub cannot be asked for digests here.",
                hint="Verify without --online.",
                param="online",
            )
        missing = [
            path for path in paths if path not in found or found[path].source == VERIFICATION
        ]
        if not missing:
            return found
        told = await self._hub.digests(model.info, [str(path) for path in missing])
        return found | {
            path: Expected(told[str(path)], "hub") for path in missing if str(path) in told
        }

    def _note(self, files: Sequence[VerifiedFile]) -> None:
        """Remember what was found where nobody knew it, so that a later change is seen."""
        for file in files:
            if file.good is None:
                self._library.note_digest(file.path, file.sha256, VERIFICATION)


def _verify_progress(done: int, total: int) -> VerifyProgress:
    return VerifyProgress(done_bytes=done, total_bytes=total)


def _import_progress(done: int, total: int) -> ImportProgress:
    return ImportProgress(done_bytes=done, total_bytes=total)
