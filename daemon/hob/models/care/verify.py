"""Checking that a model's files are what their publisher made: by SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hob.errors import HobError, ModelChanged, ModelNotFound
from hob.models.care.steps import Reporter
from hob.models.gguf.checks import clean
from hob.wire.library import Verified, VerifiedFile
from hob.wire.models import ModelInfo

# How a digest that Hob computed itself is noted: it tells whether a file changed since then.
VERIFICATION = "verification"

_CHUNK_BYTES = 2**20
_OLLAMA_BLOB = re.compile(r"sha256-([0-9a-f]{64})")
_HUB_BLOB = re.compile(r"[0-9a-f]{64}")


class HubDigests(Protocol):
    """Asks the hub; a child process of its own does, so this may take a while."""

    async def digests(self, info: ModelInfo, paths: Sequence[str]) -> Mapping[str, str]:
        """The SHA-256 of these files by the hub's listing, as far as it knows them.

        Raises DownloadError when the hub cannot be asked.
        """


@dataclass(frozen=True)
class Expected:
    """What the digest of a file should be, and who says so."""

    sha256: str
    source: str


def told_by_place(path: Path) -> Expected | None:
    """The digest that the name of the file itself tells, in the stores of Ollama and of Hugging
    Face, where a link leads to it."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    if real.parent.name != "blobs":
        return None
    if found := _OLLAMA_BLOB.fullmatch(real.name):
        return Expected(found[1], "ollama")
    if _HUB_BLOB.fullmatch(real.name):
        return Expected(real.name, "huggingface")
    return None


def total_bytes(paths: Sequence[Path]) -> int:
    """How much there is to read; what is gone counts nothing, and is told when it is read."""
    return sum(path.stat().st_size for path in paths if path.exists())


def digest_of(path: Path, reporter: Reporter) -> str:
    """The SHA-256 of a file; blocks.

    Raises ModelNotFound, ModelChanged when it is written to meanwhile, or Cancelled.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                reporter.progress(len(chunk))
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ModelChanged(
            f"{clean(str(path))} was changed while it was read, so its digest means nothing.",
            hint="Wait until the file is whole, and verify it again.",
            param="model",
        )
    return digest.hexdigest()


def compared(path: Path, sha256: str, expected: Expected | None) -> VerifiedFile:
    return VerifiedFile(
        path=str(path).encode("utf-8", "replace").decode(),
        sha256=sha256,
        expected=expected.sha256 if expected else "",
        source=expected.source if expected else "",
        good=sha256 == expected.sha256.lower() if expected else None,
    )


def judged(model: str, files: Sequence[VerifiedFile], *, can_ask: bool) -> Verified:
    """The verdict on a model; `can_ask`: the hub has not been asked, and could be. Pure."""
    bad = [file for file in files if file.good is False]
    unknown = [file for file in files if file.good is None]
    telling = (bad or unknown or list(files))[0]
    good = False if bad else None if unknown else True
    return Verified(
        model=model,
        sha256=telling.sha256,
        expected=telling.expected,
        source=telling.source,
        good=good,
        files=tuple(files),
        hint=_hint(telling, good, can_ask=can_ask),
    )


def _hint(file: VerifiedFile, good: bool | None, *, can_ask: bool) -> str:
    if good:
        return ""
    if good is None:
        if can_ask:
            return "`hob models verify --online NAME` asks the hub."
        return "Compare it with the digest on the page that the file came from."
    if file.source == "ollama":
        return "Fetch the model again: `ollama rm NAME`, then `ollama pull NAME`."
    if file.source == VERIFICATION:
        return (
            "The file is not what it was when it was last verified: if you did not replace it,"
            " look at the disk, remove the model (`hob models rm`) and fetch it again."
        )
    return "Remove the model (`hob models rm`), fetch it again, and look at the disk."


def _unreadable(path: Path, error: OSError) -> HobError:
    return ModelNotFound(
        f"{clean(str(path))} cannot be read: {error.strerror or 'unknown error'}.",
        hint="Look at the disk and the file's permissions.",
        param="model",
    )
