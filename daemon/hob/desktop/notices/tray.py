"""Notices as balloons of the tray icon: all that Windows offers to a program of this kind."""

from __future__ import annotations

from collections.abc import Callable

from hob.desktop.notices.texts import Balloon, fitted


class TrayNotices:
    """Without buttons."""

    def __init__(self, balloon: Balloon) -> None:
        self._balloon = balloon

    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        self._balloon(*fitted(title, text))

    def close(self) -> None:
        """Nothing is held."""
