"""The UNIX socket, and the check that this user's own daemon is behind it."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

from hob.errors import DaemonUnreachable, ForbiddenPeer, NotRunning

_RECEIVE_BYTES = 64 * 1024

# struct ucred of Linux: pid, uid, gid.
_UCRED = struct.Struct("3i")
# The head of struct xucred of macOS: version, uid. From sys/ucred.h and sys/un.h.
_XUCRED_HEAD = struct.Struct("2I")
_XUCRED_BYTES = 76
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1


class SocketTransport:
    """A Transport over a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        return self._socket.recv(_RECEIVE_BYTES)

    def set_timeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def interrupt(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other end, or our own close, was first.
            return

    def close(self) -> None:
        self._socket.close()


def connect_socket(path: Path, timeout: float | None) -> SocketTransport:
    """Connect to the socket at `path`.

    Raises NotRunning, ForbiddenPeer or DaemonUnreachable.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(os.fspath(path))
        _require_own_peer(sock, path)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        sock.close()
        raise NotRunning("Hob is not running.", hint="Start it with `hob up`.") from error
    except PermissionError as error:
        sock.close()
        raise ForbiddenPeer(
            f"You have no right to use Hob's socket {path}.",
            hint="Each user has a daemon of their own: start yours with `hob up`.",
        ) from error
    except OSError as error:
        sock.close()
        raise DaemonUnreachable(
            f"Hob cannot be reached at {path} ({error.strerror or 'it does not accept'}).",
            hint="`hob restart` starts it anew.",
        ) from error
    except ForbiddenPeer:
        sock.close()
        raise
    return SocketTransport(sock)


def _require_own_peer(sock: socket.socket, path: Path) -> None:
    """Refuse a socket that another user serves: the prompt is meant for this user's daemon."""
    uid = _peer_uid(sock)
    if uid is not None and uid != os.geteuid():
        raise ForbiddenPeer(
            f"The socket {path} is served by another user (uid {uid}), so nothing was sent to it.",
            hint="Remove that file, or set HOB_HOME to a folder of your own.",
        )


def _peer_uid(sock: socket.socket) -> int | None:
    """The uid of the process that listens, or None where the system does not tell."""
    if sys.platform == "linux":
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(raw)[1])
    if sys.platform == "darwin":
        raw = sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
        return int(_XUCRED_HEAD.unpack(raw[: _XUCRED_HEAD.size])[1])
    return None
