"""LM Studio: MODELS/PUBLISHER/REPOSITORY/FILE.gguf."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hob.models.adopt.files import Budget, files_below, is_gguf, read_text
from hob.models.adopt.found import Found, Where
from hob.models.adopt.grouping import Candidate, models_of

_MAX_SETTINGS_BYTES = 2**20
_MAX_POINTER_BYTES = 4096
_DEPTH = 4


class _Settings(msgspec.Struct):
    downloads_folder: str = msgspec.field(name="downloadsFolder", default="")


def stores(where: Where) -> list[Path]:
    """Its homes' models, and the folder that its settings name for downloads."""
    homes = [where.home / ".lmstudio", where.home / ".cache" / "lm-studio"]
    pointer = where.home / ".lmstudio-home-pointer"
    if named := read_text(pointer, where.home.resolve(), _MAX_POINTER_BYTES).strip():
        homes.insert(0, where.path(named))
    found = []
    for home in homes:
        found.append(home / "models")
        text = read_text(home / "settings.json", home.resolve(), _MAX_SETTINGS_BYTES)
        if folder := _downloads(text):
            found.append(where.path(folder))
    return found


def find(root: Path, budget: Budget) -> list[Found]:
    """The models of the store at `root`. Raises OSError when it cannot be read."""
    candidates = []
    for entry in files_below(root, _DEPTH, budget):
        if not is_gguf(entry.path.name):
            continue
        *folders, _ = entry.names
        family, stem = "/".join(folders), entry.path.stem
        candidates.append(Candidate(entry.path, family, stem, "/".join((*folders, stem))))
    return models_of("lmstudio", root, candidates)


def _downloads(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=_Settings).downloads_folder if text else ""
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ""
