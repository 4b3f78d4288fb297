"""What the desktop knows of the daemon: one value, replaced as a whole when anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hob.wire.base import ErrorInfo
from hob.wire.desktop import Recent
from hob.wire.models import ModelEntry
from hob.wire.plugins import ActionInfo, PluginInfo
from hob.wire.status import Status, WorkerStatus

# away: no daemon answers. empty: there is no model. cold: the chosen model is not loaded.
Phase = Literal["away", "empty", "cold", "loading", "warm", "answering", "error"]


@dataclass(frozen=True)
class DaemonView:
    """`phase` is that of the chosen model, and what the icon shows. `load_fraction` is from 0 to 1,
    None unless loading. `problem` says why in the phases `away` and `error`. `desktop` is this
    desktop's id, empty while it is not attached. `hotkey_problems` are by action."""

    phase: Phase = "away"
    status: Status | None = None
    models: tuple[ModelEntry, ...] = ()
    load_fraction: float | None = None
    answering: int = 0
    tokens_per_second: float | None = None
    problem: ErrorInfo | None = None
    actions: tuple[ActionInfo, ...] = ()
    plugins: tuple[PluginInfo, ...] = ()
    recent: tuple[Recent, ...] = ()
    desktop: str = ""
    hotkey_problems: tuple[tuple[str, ErrorInfo], ...] = ()
    folder: str = ""

    @property
    def chosen(self) -> str:
        return self.status.chosen if self.status else ""

    @property
    def worker(self) -> WorkerStatus | None:
        """The chosen model's worker, if it has one."""
        if self.status is None:
            return None
        return next((w for w in self.status.workers if w.model == self.status.chosen), None)
