"""Adopting models: listing those of other programs, and linking them into the library."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hob.errors import HobError, ModelNotFound
from hob.models.adopt.found import Found, Where
from hob.models.adopt.linking import ADOPTED, link_found, write_modelfile, written_for
from hob.models.adopt.programs import TITLES, find_all
from hob.models.folder.files import stamp_of
from hob.models.gguf.checks import clean
from hob.models.names import match
from hob.wire.base import ErrorInfo
from hob.wire.library import Adoptable, AdoptableList, Adopted
from hob.wire.models import ModelInfo

log = logging.getLogger(__name__)

# A file whatever it is called: its device and its number there.
_Identity = tuple[int, int]


class Library(Protocol):
    """The registry, called on the event loop."""

    @property
    def folder(self) -> Path: ...

    def infos(self) -> Sequence[ModelInfo]: ...

    async def rescan(self) -> None: ...

    def note_digest(self, path: str, sha256: str, source: str) -> None: ...


@dataclass(frozen=True)
class _Known:
    """What the library has, by the files; and for which of Ollama's models it has a profile."""

    models: Mapping[_Identity, ModelInfo]
    profiles: frozenset[str]

    def model_of(self, found: Found) -> ModelInfo | None:
        for part in found.parts[:1]:
            if identity := _identity(part.path):
                return self.models.get(identity)
        return None

    def has(self, found: Found) -> bool:
        return bool(self.model_of(found)) and (not found.extras or found.name in self.profiles)


class Adoption:
    """The models of other programs on this machine. `where` is asked anew each time."""

    def __init__(self, library: Library, where: Callable[[], Where]) -> None:
        self._library = library
        self._where = where
        self._linking = asyncio.Lock()

    async def adoptable(self) -> AdoptableList:
        """Every model of other programs; those that cannot be linked say why."""
        await self._library.rescan()
        infos = self._library.infos()
        return await asyncio.to_thread(self._list, infos)

    async def adopt(self, wanted: Sequence[str]) -> Adopted:
        """Link these, by their names or their programs; all that are not there yet for nothing.

        Raises ModelNotFound or ModelAmbiguous before anything is linked.
        """
        async with self._linking:
            await self._library.rescan()
            infos = self._library.infos()
            chosen, failed = await asyncio.to_thread(self._link, infos, wanted)
            await self._library.rescan()
            infos = self._library.infos()
            models = await asyncio.to_thread(self._finish, infos, chosen)
            for found, info in models:
                if found.sha256:
                    self._library.note_digest(info.path, found.sha256, found.program)
            if any(found.extras for found, _ in models):
                await self._library.rescan()
        unique = {info.name: info for _, info in models}
        return Adopted(models=tuple(unique.values()), failed=failed)

    # ---- on a thread ----

    def _list(self, infos: Sequence[ModelInfo]) -> AdoptableList:
        found, problems = find_all(self._where())
        known = self._known(infos)
        return AdoptableList(
            models=tuple(_told(one, linked=known.has(one)) for one in found),
            problems=tuple(map(ErrorInfo.of, problems)),
        )

    def _link(
        self, infos: Sequence[ModelInfo], wanted: Sequence[str]
    ) -> tuple[list[Found], dict[str, ErrorInfo]]:
        found, _ = find_all(self._where())
        known = self._known(infos)
        done: list[Found] = []
        failed: dict[str, ErrorInfo] = {}
        here = set(known.models)
        for one in _chosen(found, wanted):
            if not wanted and known.has(one):
                continue
            try:
                identity = _identity(one.parts[0].path) if one.parts else None
                if one.problem or identity not in here:
                    link_found(one, self._library.folder)
                here |= {identity} if identity else set()
                done.append(one)
            except HobError as problem:
                failed[one.name] = ErrorInfo.of(problem)
        return done, failed

    def _finish(
        self, infos: Sequence[ModelInfo], chosen: Sequence[Found]
    ) -> list[tuple[Found, ModelInfo]]:
        """Give the models what Ollama sets for them, now that their names are known."""
        known = self._known(infos)
        folder = self._library.folder / ADOPTED / "ollama"
        made: list[tuple[Found, ModelInfo]] = []
        for found in chosen:
            info = known.model_of(found)
            if info is None:
                continue
            made.append((found, info))
            if found.extras and found.name not in known.profiles:
                name = _profile_name(found, info, folder)
                try:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    write_modelfile(found, Path(info.path), name, folder)
                except OSError as error:
                    log.warning("what Ollama sets for %s is not kept: %s", found.name, error)
        return made

    def _known(self, infos: Sequence[ModelInfo]) -> _Known:
        models = {
            identity: info
            for info in infos
            if not info.base and (identity := _identity(Path(info.path)))
        }
        folder = self._library.folder / ADOPTED / "ollama"
        return _Known(models, frozenset(written_for(folder)))


def _chosen(found: Sequence[Found], wanted: Sequence[str]) -> list[Found]:
    """The models that are meant, each once, in the order of the list.

    Raises ModelNotFound or ModelAmbiguous.
    """
    if not wanted:
        return list(found)
    named: dict[str, list[Found]] = {}
    for one in found:
        named.setdefault(one.name, []).append(one)
        named.setdefault(f"{one.program}/{one.name}", []).append(one)
    meant: list[int] = []
    for text in wanted:
        ones = [one for one in found if one.program == text.strip().lower()]
        if not ones:
            # Ollama calls what it fetched NAME:latest, and everybody else calls it NAME.
            ones = named.get(text) or named.get(f"{text}:latest") or named[_matched(named, text)]
        meant += map(id, ones)
    return [one for one in found if id(one) in meant]


def _matched(named: Mapping[str, Sequence[Found]], text: str) -> str:
    names = [name for name, ones in named.items() if not name.startswith(f"{ones[0].program}/")]
    if not names:
        raise ModelNotFound(
            f"No other program has a model, so there is none to be linked: {clean(text)}.",
            hint=f"Hob looks for those of {', '.join(TITLES.values())}.",
            param="models",
        )
    try:
        return match(names, text)
    except ModelNotFound:
        # Without the publisher and the repository, which come before the last slash.
        tails = {name.rpartition("/")[2]: name for name in names}
        with contextlib.suppress(ModelNotFound):
            tail = match(tuple(tails), text)
            if sum(name.rpartition("/")[2] == tail for name in names) == 1:
                return tails[tail]
        raise


def _profile_name(found: Found, info: ModelInfo, folder: Path) -> str:
    """The model's own name, so that what is set holds for it; the name in Ollama for another model
    that is made of the same file."""
    own = folder / f"{info.name}.modelfile"
    link, stem = Path(info.path), found.parts[0].link
    is_own = link.parent == folder and link.stem == stem and not own.exists()
    # Windows has no `:` in file names.
    return info.name if is_own and sys.platform != "win32" else found.parts[0].link


def _told(found: Found, *, linked: bool) -> Adoptable:
    return Adoptable(
        program=found.program,
        name=found.name,
        paths=tuple(str(part.path).encode("utf-8", "replace").decode() for part in found.files),
        size_bytes=found.size,
        sha256=found.sha256,
        linked=linked,
        problem=ErrorInfo.of(found.problem) if found.problem else None,
    )


def _identity(path: Path) -> _Identity | None:
    stamp = stamp_of(str(path))
    return (stamp.device, stamp.inode) if stamp else None
