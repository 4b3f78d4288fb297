"""Which model is kept warm when the daemon starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hob.errors import ModelError
from hob.models.names import match
from hob.wire.models import ModelInfo


@dataclass(frozen=True)
class Choice:
    """`name` is empty when there is no model to choose; `why` says how it came about."""

    name: str
    why: str


def choose(infos: Sequence[ModelInfo], setting: str, last_used: str) -> Choice:
    """The setting, else the last used, else the smallest model that can chat, else the smallest.

    Models that cannot be loaded, or that generate no text, are never chosen, and profiles of models
    only when somebody has asked for them.
    """
    usable = [info for info in infos if info.problem is None and "completion" in info.capabilities]
    names = [info.name for info in usable]
    skipped = ""
    for wanted, what in ((setting, "the setting"), (last_used, "the last one used")):
        if not wanted:
            continue
        try:
            return Choice(match(names, wanted), f"{skipped}{what}")
        except ModelError as problem:
            skipped += f"{what} cannot be used ({problem.message.rstrip('.')}), so "
    usable = [info for info in usable if not info.base]
    if not usable:
        return Choice("", f"{skipped}there is no model that can answer")
    chats = [info for info in usable if "chat" in info.capabilities]
    smallest = min(chats or usable, key=lambda info: (info.file_bytes, info.name))
    what = "the only model" if len(usable) == 1 else "the smallest model"
    if chats and len(usable) > 1:
        what = "the only model that can chat" if len(chats) == 1 else "the smallest that can chat"
    return Choice(smallest.name, f"{skipped}{what}")
