"""What makes a stranger's text safe for the terminal; see hob.client.sanitize."""

from hob.client.sanitize import TerminalFilter, clean, one_line

__all__ = ["TerminalFilter", "clean", "one_line"]
