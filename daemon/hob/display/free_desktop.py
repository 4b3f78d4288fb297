"""Linux and its like: the server that DISPLAY or WAYLAND_DISPLAY names, if it answers."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from hob.display import Display, NoDisplay

# "[host]:number[.screen]"; X(7).
_X11_NAME = re.compile(r"(?P<host>[^:]*):(?P<number>\d{1,5})(\.\d+)?")
_X11_PORT = 6000
_CONNECT_S = 2.0

# The address of a UNIX socket, or host and port.
Address = str | tuple[str, int]


def find_server(
    environ: Mapping[str, str], answers: Callable[[Address], bool] | None = None
) -> Display | NoDisplay:
    """Wayland before X11, as Qt does it: where both are set, X11 is there for older programs."""
    answers = answers or server_answers
    wayland, x11 = environ.get("WAYLAND_DISPLAY", ""), environ.get("DISPLAY", "")
    if wayland:
        path = Path(environ.get("XDG_RUNTIME_DIR", "/"), wayland)
        if answers(str(path)):
            return Display(path.name, "wayland")
    if x11 and any(answers(address) for address in x11_addresses(x11)):
        return Display(x11_session(x11), "x11")
    named = " and ".join(
        f"{name}={value}"
        for name, value in (("WAYLAND_DISPLAY", wayland), ("DISPLAY", x11))
        if value
    )
    if named:
        return NoDisplay(f"No screen answers at {named}.", for_good=False)
    return NoDisplay(
        "There is no screen in this session: neither DISPLAY nor WAYLAND_DISPLAY is set."
    )


def x11_addresses(name: str) -> list[Address]:
    """Where the server of a DISPLAY listens: by a file, by an abstract name, or over the network
    (as `ssh -X` forwards it)."""
    found = _X11_NAME.fullmatch(name)
    if not found:
        # XQuartz and some containers put the path of the socket itself there.
        return [name] if name.startswith("/") else []
    number = int(found["number"])
    if found["host"] in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where every X server puts it
        return [path, f"\0{path}"]
    return [(found["host"], _X11_PORT + number)]


def x11_session(name: str) -> str:
    """One name for all spellings of a server: ":0", ":0.0" and "unix:0" are the same screen."""
    found = _X11_NAME.fullmatch(name)
    if not found:
        return name
    host = "" if found["host"] == "unix" else found["host"]
    return f"{host}:{int(found['number'])}"


def server_answers(address: Address) -> bool:
    """Whether something accepts there; a socket's file stays when its server has died."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.settimeout(_CONNECT_S)
            door.connect(address)
    except OSError:
        return False
    return True
