"""A real session bus of a test's own."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Bus:
    """A session bus that can be restarted at the same address."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *("dbus-daemon", "--session", "--nofork"),
                *(f"--address={self.address}", "--print-address"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        (self._folder / "bus").unlink(missing_ok=True)
