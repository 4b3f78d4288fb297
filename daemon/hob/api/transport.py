"""Where the API listens: the user's own socket always, TCP on loopback when it is turned on."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from pathlib import Path
from typing import Literal

from aiohttp import web

from hob.errors import ConfigError, StartFailed

if sys.platform == "win32":
    from hob.api.transport_windows import PipeListener as LocalListener
    from hob.api.transport_windows import is_own_peer, is_own_pipe
else:
    from hob.api.transport_posix import SocketListener as LocalListener
    from hob.api.transport_posix import is_own_peer

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4662

Arrival = Literal["socket", "tcp"]

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "Arrival",
    "Listeners",
    "LocalListener",
    "TcpListener",
    "arrival",
    "check_host",
    "check_port",
    "is_own_peer",
]


def arrival(transport: asyncio.BaseTransport | None) -> Arrival | None:
    """Which way a connection came in; None for one that has ended or is neither."""
    if transport is None:
        return None
    if sys.platform == "win32" and is_own_pipe(transport):
        return "socket"
    sock = transport.get_extra_info("socket")
    family = None if sock is None else sock.family
    if family in (socket.AF_INET, socket.AF_INET6):
        return "tcp"
    if sys.platform != "win32" and family == socket.AF_UNIX:
        return "socket"
    return None


def check_port(port: int) -> int:
    """The port itself; raises ConfigError for one that nobody can connect to."""
    if not 1 <= port <= 65_535:
        raise ConfigError(
            f"{port} is not a port: ports run from 1 to 65535.",
            hint=f"Take one that is free, such as {DEFAULT_PORT}.",
            param="port",
        )
    return port


def check_host(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address to bind; raises ConfigError unless only this machine can reach it."""
    try:
        address = ipaddress.ip_address(DEFAULT_HOST if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ConfigError(
            f"Hob listens on this machine only, and {host!r} is not a loopback address.",
            hint="Use 127.0.0.1 or ::1; to reach Hob from elsewhere, forward the port over SSH.",
            param="host",
        )
    return address


def base_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def bind_tcp(host: str, port: int) -> socket.socket:
    """A socket bound to a loopback address; the caller closes it.

    Raises ConfigError for a wrong host or port, and StartFailed when the port cannot be had.
    """
    address = check_host(host)
    check_port(port)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # Without it another process may bind the same port and take our connections.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # A restart must not wait for the old connections' TIME_WAIT.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((str(address), port))
        # Two sockets with SO_REUSEADDR may both bind; only one may listen.
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _no_port(port, error) from error
    return sock


def _no_port(port: int, error: OSError) -> StartFailed:
    hint = f"Take another one: `hob api on --port {port + 1 if port < 65_535 else DEFAULT_PORT}`."
    if error.errno == errno.EADDRINUSE:
        return StartFailed(
            f"Another program already listens on port {port}, so Hob cannot.",
            hint=hint,
            param="port",
            port=port,
        )
    return StartFailed(
        f"Hob may not listen on port {port} ({error.strerror}).",
        hint=hint,
        param="port",
        port=port,
    )


class TcpListener:
    """Serves a runner on a loopback port, while it is open. The runner must be set up."""

    def __init__(self, runner: web.BaseRunner, host: str = DEFAULT_HOST) -> None:
        check_host(host)
        self.host = host
        self._runner = runner
        self._site: web.SockSite | None = None
        self._port: int | None = None

    @property
    def port(self) -> int | None:
        """The port that is open; None while closed."""
        return self._port

    @property
    def address(self) -> str:
        """The base URL that clients use; empty while closed."""
        return "" if self._port is None else base_url(self.host, self._port)

    async def open(self, port: int) -> None:
        """Listen on `port`; one that is open moves there, and stays where it is on failure.

        Raises ConfigError for a wrong port, StartFailed when it cannot be had.
        """
        if port == self._port:
            return
        site = web.SockSite(self._runner, bind_tcp(self.host, port))
        await site.start()
        await self.close()
        self._site, self._port = site, port

    async def close(self) -> None:
        """Stop accepting. Open connections stay, and the guard refuses what they ask next."""
        site, self._site, self._port = self._site, None, None
        if site is not None:
            await site.stop()


class Listeners:
    """The socket (or pipe) at `path` and the TCP port of one runner, which serves both."""

    def __init__(self, runner: web.BaseRunner, path: Path, host: str = DEFAULT_HOST) -> None:
        self.local = LocalListener(runner, path)
        self.tcp = TcpListener(runner, host)

    async def start(self) -> None:
        """Listen on the socket; TCP waits for TcpAccess. Raises AlreadyRunning, StartFailed."""
        await self.local.start()

    async def watch(self) -> None:
        """Keep the socket in place until cancelled.

        Raises AlreadyRunning when another daemon has taken its place: the daemon then leaves.
        """
        await self.local.watch()

    async def close(self) -> None:
        """Stop accepting on both."""
        await self.tcp.close()
        await self.local.close()
