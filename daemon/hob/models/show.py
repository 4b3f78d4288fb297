"""Looking into one model: its whole header, and what the rest of the daemon knows of it."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from hob.errors import BadModelFile, HobError
from hob.models.disk import open_to_read
from hob.models.gguf.details import metadata_lines, tensor_groups
from hob.models.gguf.header import TEMPLATE_KEY, Header, read_header
from hob.wire.fit import Fit
from hob.wire.library import Metadatum, ModelDetails, TensorGroup
from hob.wire.models import ModelEntry
from hob.wire.profiles import Profile


class Inspector:
    """Tells all that is known of a model.

    By its name, `digest` gives its SHA-256 and who says so, `fit` how it would be loaded, and
    `profile` what is set for it; each gives None when there is nothing to say.
    """

    def __init__(
        self,
        *,
        digest: Callable[[str], tuple[str, str] | None],
        fit: Callable[[str], Fit | None],
        profile: Callable[[str], Profile | None],
    ) -> None:
        self._digest = digest
        self._fit = fit
        self._profile = profile

    async def details(self, entry: ModelEntry) -> ModelDetails:
        """The files are read on a thread; of one that cannot be read nothing is told."""
        info = entry.info
        told = await asyncio.to_thread(_tell, info.files or (info.path,))
        sha256, digest_from = self._digest(info.name) or ("", "")
        fit: Fit | None = None
        if info.problem is None:
            with suppress(HobError):
                fit = self._fit(info.name)
        return ModelDetails(
            entry=entry,
            metadata=told.metadata,
            tensors=told.tensors,
            template=told.template,
            sha256=sha256,
            digest_from=digest_from,
            fit=fit,
            profile=self._profile(info.name),
        )


class _Told(NamedTuple):
    """What the files say; the first one has the metadata, and all have tensors."""

    metadata: tuple[Metadatum, ...] = ()
    tensors: tuple[TensorGroup, ...] = ()
    template: str = ""


def _tell(paths: Sequence[str]) -> _Told:
    headers: list[Header] = []
    with suppress(BadModelFile, OSError, ValueError):
        headers.extend(_read(path) for path in paths)
    if not headers:
        return _Told()
    first = headers[0]
    return _Told(metadata_lines(first), tensor_groups(headers), first.text(TEMPLATE_KEY))


def _read(path: str) -> Header:
    # The listing has looked at what it is; it may have been put there since.
    fd = open_to_read(path)
    try:
        at = os.fstat(fd)
        if not stat.S_ISREG(at.st_mode):
            raise OSError(f"{path} is no file")
        return read_header(fd, at.st_size)
    finally:
        os.close(fd)
