"""Windows: everything but services runs in a session with a desktop."""

from __future__ import annotations

import os
import sys

from hob.display import Display, NoDisplay

_SERVICES = 0


def find_windows_session() -> Display | NoDisplay:
    """By the session of this process."""
    if sys.platform != "win32":
        return NoDisplay("This is not Windows.")
    import ctypes
    from ctypes import wintypes

    session = wintypes.DWORD()
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    found = kernel.ProcessIdToSessionId(os.getpid(), ctypes.byref(session))
    return read_session(session.value if found else _SERVICES)


def read_session(number: int) -> Display | NoDisplay:
    """What the number of a session means: services have the first one, which is never shown."""
    if number == _SERVICES:
        return NoDisplay("There is no screen in this session: it is that of the services.")
    return Display(f"session-{number}", "native")
