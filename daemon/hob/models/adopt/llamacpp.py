"""llama.cpp's own cache of downloads: ORG_REPOSITORY_FILE.gguf in one flat folder.

Newer versions keep them in the cache of Hugging Face instead.
"""

from __future__ import annotations

from pathlib import Path

from hob.models.adopt.files import Budget, files_below, is_gguf
from hob.models.adopt.found import Found, Where
from hob.models.adopt.grouping import Candidate, models_of


def stores(where: Where) -> list[Path]:
    """The folder that LLAMA_CACHE names, else the one in the user's cache."""
    return [where.folder("LLAMA_CACHE") or where.user_cache / "llama.cpp"]


def find(root: Path, budget: Budget) -> list[Found]:
    """The models of the store at `root`. Raises OSError when it cannot be read."""
    paths = [e.path for e in files_below(root, 0, budget) if is_gguf(e.path.name)]
    repositories = {f"{path.stem.partition('_mmproj')[0]}_" for path in paths if _sees(path)}
    repositories |= _repositories(root, budget)
    return models_of("llama.cpp", root, [_candidate(path, repositories) for path in paths])


def _repositories(root: Path, budget: Budget) -> set[str]:
    """What the names of files begin with, by the notes `manifest=ORG=REPOSITORY=TAG.json`."""
    found = set()
    for entry in files_below(root, 0, budget):
        word, *names = entry.path.stem.split("=")
        if word == "manifest" and len(names) >= 2:
            found.add(f"{names[0]}_{names[1]}_")
    return found


def _candidate(path: Path, repositories: set[str]) -> Candidate:
    own = max((one for one in repositories if path.stem.startswith(one)), key=len, default="")
    return Candidate(path, own.rstrip("_"), path.stem.removeprefix(own), path.stem)


def _sees(path: Path) -> bool:
    return "_mmproj" in path.stem
