"""Tells a screen reader what is only seen otherwise."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

# What is read out at once; the rest is read in the answer itself.
_MOST_CHARS = 2_000


def announce(widget: QWidget, text: str) -> None:
    """Have it read out, if there is anybody who reads."""
    if QAccessible.isActive() and text:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text[:_MOST_CHARS]))
