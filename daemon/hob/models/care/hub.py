"""Which repository of the hub a file came from, by where it lies, and what the hub says of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from hob.errors import NotOnHub
from hob.models.adopt.files import is_gguf
from hob.models.adopt.found import Where
from hob.models.adopt.programs import all_stores
from hob.wire.library import Program
from hob.wire.models import ModelInfo

# The SHA-256 of each file of a repository by its path there, as far as the hub tells it.
ListFiles = Callable[[str], Awaitable[Mapping[str, str]]]

_PART = r"[A-Za-z0-9][\w.-]{0,95}"
_REPOSITORY = re.compile(rf"{_PART}/{_PART}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ListedDigests:
    """Fits verify.HubDigests. `list_files` asks the hub, and raises DownloadError; downloads of
    Hob's lie as ORG/REPOSITORY/FILE in one of the models `folders`."""

    def __init__(
        self, list_files: ListFiles, where: Callable[[], Where], folders: Sequence[Path]
    ) -> None:
        self._list_files = list_files
        self._where = where
        self._folders = folders

    async def digests(self, info: ModelInfo, paths: Sequence[str]) -> Mapping[str, str]:
        """The SHA-256 of these files by the hub's listing, as far as it knows them.

        Raises NotOnHub when nothing tells their repository, and what `list_files` raises.
        """
        places = await asyncio.to_thread(self._places, paths)
        if not places:
            raise NotOnHub(
                f"Nothing tells which repository of the hub {info.name} came from.",
                hint="Compare the digest with the one on the page of its file there.",
                param="online",
            )
        listings = {
            repository: await self._list_files(repository)
            for repository in sorted({repository for repository, _ in places.values()})
        }
        found = {}
        for path, (repository, name) in places.items():
            listing = listings[repository]
            told = {digest for file, digest in listing.items() if file.split("/")[-1] == name}
            if len(told) == 1 and _DIGEST.fullmatch(digest := told.pop()):
                found[path] = digest
        return found

    def _places(self, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The repository of each path that tells one, and the file's name there; looks at the
        disk."""
        stores: list[tuple[Program | None, Path]] = list(all_stores(self._where()))
        stores += [(None, folder.resolve()) for folder in self._folders]
        found = {}
        for path in paths:
            real = Path(path).resolve()
            if repository := repository_of(real, stores):
                # In Hugging Face's cache the real name is a digest.
                found[path] = repository, (real if is_gguf(real.name) else Path(path)).name
        return found


def repository_of(real: Path, stores: Sequence[tuple[Program | None, Path]]) -> str:
    """ORG/REPOSITORY of a file by its real place; empty when that does not tell it. A store of no
    program is a models folder. Pure."""
    names: Sequence[str] = ()
    for program, root in stores:
        if real.is_relative_to(root):
            below = real.relative_to(root).parts
            if program == "huggingface":
                names = below[0].split("--")[1:3]
            elif program in ("lmstudio", None) and len(below) > 2:
                names = below[:2]
    repository = "/".join(names)
    return repository if _REPOSITORY.fullmatch(repository) else ""
