"""Hugging Face's cache: models--ORG--REPOSITORY/snapshots/REVISION/FILE.gguf, as links into
blobs that are named after their digests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hob.models.adopt.files import Budget, Entry, files_below, is_gguf, listed, read_text
from hob.models.adopt.found import Found, Where
from hob.models.adopt.grouping import Candidate, models_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_REF_BYTES = 200
_DEPTH = 3


def stores(where: Where) -> list[Path]:
    """The hub's cache by the variables that its library reads, in their order."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := where.folder(variable):
            return [folder]
    if home := where.folder("HF_HOME"):
        return [home / "hub"]
    cache = where.folder("XDG_CACHE_HOME") or where.home / ".cache"
    return [cache / "huggingface" / "hub"]


def find(root: Path, budget: Budget) -> list[Found]:
    """The models of the store at `root`. Raises OSError when it cannot be read."""
    found: list[Found] = []
    for entry in listed(root, budget):
        kind, *names = entry.name.split("--")
        if kind == "models" and names and entry.is_dir(follow_symlinks=False):
            # A file of one repository may lead into its own blobs alone.
            repository = root / entry.name
            candidates = list(_candidates(repository, "/".join(names), budget))
            found += models_of("huggingface", repository, candidates)
    return found


def _candidates(repository: Path, name: str, budget: Budget) -> Iterator[Candidate]:
    """The files of the newest revision that has them, each once."""
    seen: set[tuple[str, ...]] = set()
    for revision in _revisions(repository, budget):
        for entry in _files(revision, budget):
            if not is_gguf(entry.path.name) or entry.names in seen:
                continue
            seen.add(entry.names)
            *folders, _ = entry.names
            stem = entry.path.stem
            yield Candidate(
                entry.path, name, stem, "/".join((name, *folders, stem)), _digest(entry.path)
            )


def _revisions(repository: Path, budget: Budget) -> list[Path]:
    """The one that `main` is at comes first."""
    main = read_text(repository / "refs" / "main", repository, _MAX_REF_BYTES).strip()
    try:
        entries = listed(repository / "snapshots", budget)
    except OSError:
        return []
    entries.sort(key=lambda entry: (entry.name != main, entry.name))
    return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _files(revision: Path, budget: Budget) -> list[Entry]:
    try:
        return list(files_below(revision, _DEPTH, budget))
    except OSError:
        return []


def _digest(path: Path) -> str:
    """The blob's name, which is its SHA-256 for files as large as models."""
    try:
        blob = path.readlink().name
    except OSError:
        return ""
    return blob if _SHA256.fullmatch(blob) else ""
