"""How the tests of the command line run a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class Cli(Protocol):
    def __call__(self, *args: str, stdin: bytes = b"") -> Ran:
        """Run a command with `stdin` piped in."""
