"""GPT4All: one flat folder of GGUF files."""

from __future__ import annotations

import re
from pathlib import Path

from hob.models.adopt.files import Budget, files_below, is_gguf, read_text
from hob.models.adopt.found import Found, Where
from hob.models.adopt.grouping import Candidate, models_of

_MAX_SETTINGS_BYTES = 2**20
_MODEL_PATH = re.compile(r"^modelPath=(.+)$", re.MULTILINE)
_UNFINISHED = "incomplete-"


def stores(where: Where) -> list[Path]:
    """Its own folder, and the one that its settings name instead."""
    if where.platform == "win32":
        found = [where.local_app_data / "nomic.ai" / "GPT4All"]
    elif where.platform == "darwin":
        found = [where.home / "Library" / "Application Support" / "nomic.ai" / "GPT4All"]
    else:
        data = where.folder("XDG_DATA_HOME") or where.home / ".local" / "share"
        found = [data / "nomic.ai" / "GPT4All"]
    settings = (where.folder("XDG_CONFIG_HOME") or where.home / ".config") / "nomic.ai"
    text = read_text(settings / "GPT4All.ini", settings.resolve(), _MAX_SETTINGS_BYTES)
    if (named := _MODEL_PATH.search(text)) and Path(named[1].strip()).is_absolute():
        found.append(Path(named[1].strip()))
    return found


def find(root: Path, budget: Budget) -> list[Found]:
    """The models of the store at `root`. Raises OSError when it cannot be read."""
    candidates = [
        Candidate(entry.path, "", entry.path.stem, entry.path.stem)
        for entry in files_below(root, 0, budget)
        if is_gguf(entry.path.name) and not entry.path.name.startswith(_UNFINISHED)
    ]
    return models_of("gpt4all", root, candidates)
