"""macOS: a property list among the person's launch agents."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.parsers.expat import ExpatError

from hob.desktop.tray.login_item import carried
from hob.desktop.tray.login_item.files import read_file, remove_file, write_file

LABEL = "hob.login"


class LaunchAgent:
    """A LoginItem; `folder` is ~/Library/LaunchAgents, which launchd reads at login."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = environ
        self._path = folder / f"{LABEL}.plist"

    def is_on(self) -> bool:
        try:
            found = plistlib.loads(read_file(self._path))
        except (plistlib.InvalidFileException, ExpatError, ValueError):
            return False
        return (
            isinstance(found, dict)
            and found.get("RunAtLoad") is True
            and found.get("Disabled") is not True
        )

    def turn_on(self) -> None:
        write_file(self._path, plistlib.dumps(agent(self._command, carried(self._environ))))

    def turn_off(self) -> None:
        remove_file(self._path)


def agent(command: Sequence[str], variables: Mapping[str, str]) -> dict[str, object]:
    """The property list. launchd ends whatever a job has left behind when the job ends, unless it
    is told to abandon it; and ours ends as soon as the daemon runs."""
    return {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "AbandonProcessGroup": True,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
        "EnvironmentVariables": dict(variables),
    }
