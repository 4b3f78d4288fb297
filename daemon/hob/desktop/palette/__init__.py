"""The action menu: what can be done with the clipboard, found by typing."""

from hob.desktop.palette.menu import ActionMenu

__all__ = ["ActionMenu"]
