"""The desk, and the desktop that the daemon starts for it."""

from __future__ import annotations

from collections.abc import Callable

from hob.companions.desk import Desk
from hob.companions.desktop_process import DesktopProcess
from hob.config import Config
from hob.wire.base import ErrorInfo
from hob.wire.events import Event


def build_desk(config: Config, publish: Callable[[Event], None]) -> tuple[Desk, DesktopProcess]:
    """Each needs the other: the desk says why there is no desktop, and the process is started only
    where the desk has none."""

    def problem() -> ErrorInfo | None:
        return process.problem

    desk = Desk(publish, problem=problem)
    process = DesktopProcess(desk, wanted=config.desktop.start)
    return desk, process
