"""Windows: a value of the person's Run key."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

from hob.errors import DesktopRefused

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
# Where the Task Manager and the Settings keep what a person has turned off there.
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
NAME = "Hob"


class Registry(Protocol):
    """Values of the person's own keys. All raise OSError, `get` for no such value as well."""

    def get(self, key: str, name: str) -> str | bytes: ...

    def set(self, key: str, name: str, value: str) -> None: ...

    def delete(self, key: str, name: str) -> None: ...


class RunKey:
    """A LoginItem; `home` is HOB_HOME, empty for none."""

    def __init__(self, command: Sequence[str], registry: Registry, home: str) -> None:
        self._command = command
        self._registry = registry
        self._home = home

    def is_on(self) -> bool:
        try:
            self._registry.get(RUN, NAME)
        except OSError:
            return False
        try:
            approved = self._registry.get(APPROVED, NAME)
        except OSError:
            return True
        # The first byte is odd for what was turned off.
        return not (isinstance(approved, bytes) and approved[:1] and approved[0] % 2)

    def turn_on(self) -> None:
        try:
            self._registry.set(RUN, NAME, run_line(self._command, self._home))
            with contextlib.suppress(FileNotFoundError):
                self._registry.delete(APPROVED, NAME)
        except OSError as error:
            raise _refused(error) from error

    def turn_off(self) -> None:
        try:
            self._registry.delete(RUN, NAME)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refused(error) from error


def run_line(command: Sequence[str], home: str) -> str:
    """The command line. A Run key has no variables of its own, so HOB_HOME is set by Python."""
    if not home:
        return subprocess.list2cmdline(command)
    python, arguments = command[0], list(command[4:])
    program = (
        f"import os, sys; os.environ['HOB_HOME'] = {home!r}; sys.argv[1:] = {arguments!r};"
        " from hob.__main__ import main; main()"
    )
    return subprocess.list2cmdline((python, "-P", "-c", program))


def _refused(error: OSError) -> DesktopRefused:
    return DesktopRefused(
        "Whether Hob starts at login could not be changed: the registry refuses"
        f" ({error.strerror or error}).",
        hint="Turn it on or off in the Task Manager, under Startup apps.",
    )


class WindowsRegistry:
    """The real one."""

    def get(self, key: str, name: str) -> str | bytes:
        if sys.platform == "win32":
            import winreg

            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                value: str | bytes = winreg.QueryValueEx(opened, name)[0]
                return value
        raise OSError("there is no registry here")

    def set(self, key: str, name: str, value: str) -> None:
        if sys.platform == "win32":
            import winreg

            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

    def delete(self, key: str, name: str) -> None:
        if sys.platform == "win32":
            import winreg

            rights = winreg.KEY_SET_VALUE
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, rights) as opened:
                winreg.DeleteValue(opened, name)
