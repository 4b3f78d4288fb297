"""The UNIX socket: made so that no other user ever reaches it, and made again when it is removed.

Three things keep other users out, and each is enough: the folder is 0700, the socket is 0600 from
its first instant, and the kernel tells the uid of whoever connects.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from hob.errors import AlreadyRunning, HobError, StartFailed

_log = logging.getLogger(__name__)

# <sys/un.h> of macOS and the BSDs; Python names neither.
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1
_XUCRED = struct.Struct("=IIh2x16I")
_XUCRED_VERSION = 0
_UCRED = struct.Struct("iII")

# One lstat in 5 s costs an idle daemon nothing that can be measured.
WATCH_PERIOD_S = 5.0

Identity = tuple[int, int]


def peer_uid(transport: asyncio.BaseTransport) -> int | None:
    """The uid of the process at the other end, as the kernel saw it when it connected.

    None when the kernel does not tell, which callers must treat as a stranger.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    try:
        if sys.platform == "linux":
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            return int(_UCRED.unpack(credentials)[1])
        return uid_of_xucred(sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))
    except OSError:  # the peer has gone: nobody is there to be trusted
        return None


def uid_of_xucred(data: bytes) -> int | None:
    """The uid in macOS's `struct xucred`; None when it has another version or size."""
    if len(data) != _XUCRED.size:
        return None
    version, uid, *_ = _XUCRED.unpack(data)
    return int(uid) if version == _XUCRED_VERSION else None


def is_own_peer(transport: asyncio.BaseTransport) -> bool:
    """Whether the process at the other end runs as our own user; root's do not count as ours."""
    return peer_uid(transport) == os.geteuid()


def prepare_run_dir(folder: Path) -> None:
    """Make the socket's folder 0700 and ours, or raise StartFailed where it cannot be.

    The check is on an open descriptor, so that nobody can swap the folder in between.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _bad_folder(folder, error) from error
    try:
        _check_owner(folder, os.fstat(handle))
        _check_parent(folder.parent)
        if stat.S_IMODE(os.fstat(handle).st_mode) != 0o700:
            os.fchmod(handle, 0o700)
    except OSError as error:
        raise _bad_folder(folder, error) from error
    finally:
        os.close(handle)


def _bad_folder(folder: Path, error: OSError) -> StartFailed:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST):
        return StartFailed(
            f"{folder} is a link or a file, and Hob's socket needs a real folder there.",
            hint="Look at what it is and move it away, or set HOB_HOME to another folder.",
        )
    return StartFailed(
        f"The folder {folder} for Hob's socket cannot be used ({error.strerror}).",
        hint="Make it writable for you, or set HOB_HOME to a folder that is.",
    )


def _check_owner(folder: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise StartFailed(
            f"The folder {folder} belongs to another user (uid {found.st_uid}), who could read "
            "what you ask.",
            hint="Remove it, or set HOB_HOME to a folder of your own.",
        )


def _check_parent(folder: Path) -> None:
    """Whoever may rename the run folder away can put their own in its place."""
    found = folder.stat()
    sticky = found.st_mode & stat.S_ISVTX
    if found.st_uid not in (0, os.geteuid()) or (found.st_mode & stat.S_IWOTH and not sticky):
        raise StartFailed(
            f"Other users can replace folders inside {folder}, and so Hob's socket.",
            hint=f"Run `chmod o-w {folder}`, or set HOB_HOME to a folder of your own.",
        )


def clear_stale(path: Path) -> None:
    """Remove a socket that a dead daemon left at `path`; nothing else is ever removed.

    Raises AlreadyRunning when somebody answers there, and StartFailed when it is not a socket of
    our own.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise StartFailed(
            f"{path} is not a socket of yours, and Hob does not remove what it did not make.",
            hint="Look at what it is and move it away.",
        )
    if _answers(path):
        raise AlreadyRunning(
            f"A daemon already answers at {path}.",
            hint="`hob status` shows it; `hob restart` starts it anew.",
        )
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    """Whether a process listens at `path`. Never waits.

    macOS refuses when the listener's backlog is full, too; the daemon's lock covers that case.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(os.fspath(path))
    if code in (errno.ECONNREFUSED, errno.ENOENT):
        return False
    if code in (0, errno.EAGAIN, errno.EINPROGRESS):
        return True
    raise StartFailed(
        f"The socket {path} cannot be tried ({os.strerror(code)}).",
        hint="Remove it if no daemon of yours runs.",
    )


def bind_socket(path: Path) -> socket.socket:
    """A socket bound to `path`, 0600 from the instant that it exists; the caller closes it.

    Raises StartFailed and AlreadyRunning as prepare_run_dir and clear_stale do.
    """
    prepare_run_dir(path.parent)
    clear_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o177)
    try:
        sock.bind(os.fspath(path))
    except OSError as error:
        sock.close()
        raise StartFailed(
            f"The socket {path} cannot be made ({error.strerror or error}).",
            hint="Set HOB_HOME to a folder with a short path that is writable for you.",
        ) from error
    finally:
        os.umask(old_mask)
    sock.setblocking(False)
    return sock


def socket_identity(path: Path) -> Identity | None:
    """Device and inode of the socket at `path`; None when no socket is there.

    Sound while the socket it names is open: the kernel then holds the inode, so that its number
    cannot come back for another file.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


async def _watch_period() -> None:
    await asyncio.sleep(WATCH_PERIOD_S)


class SocketGuard:
    """Notices that the socket file was removed or replaced, and has it made again.

    `present` tells whether it is in place; `remake` makes it again and raises HobError when it
    cannot. `wait` returns when it is time for the next look.
    """

    def __init__(
        self,
        present: Callable[[], bool],
        remake: Callable[[], Awaitable[None]],
        wait: Callable[[], Awaitable[None]] = _watch_period,
    ) -> None:
        self._present = present
        self._remake = remake
        self._wait = wait
        self._problem = ""

    async def run(self) -> None:
        """Watch until cancelled.

        Raises AlreadyRunning when another daemon has taken the place: two must never serve.
        """
        while True:
            await self._wait()
            if not self._present():
                await self._restore()

    async def _restore(self) -> None:
        try:
            await self._remake()
        except AlreadyRunning:
            raise
        except HobError as error:
            if error.message != self._problem:  # once, not every period
                _log.error("the socket is gone and cannot be made again: %s", error)
            self._problem = error.message
        else:
            _log.warning("the socket was removed or replaced; it has been made again")
            self._problem = ""


class SocketListener:
    """Serves a runner on the UNIX socket at `path`. The runner must be set up."""

    def __init__(self, runner: web.BaseRunner, path: Path) -> None:
        self._runner = runner
        self._path = path
        self._site: web.SockSite | None = None
        self._identity: Identity | None = None

    async def start(self) -> None:
        """Raises AlreadyRunning when another daemon answers there, StartFailed otherwise."""
        sock = bind_socket(self._path)
        identity = socket_identity(self._path)
        site = web.SockSite(self._runner, sock)
        await site.start()
        old, self._site, self._identity = self._site, site, identity
        if old is not None:
            await old.stop()

    def present(self) -> bool:
        """Whether the file at our path is still the socket that we made."""
        return self._identity is not None and socket_identity(self._path) == self._identity

    async def watch(self, wait: Callable[[], Awaitable[None]] = _watch_period) -> None:
        """Keep the socket file in place until cancelled; see SocketGuard.run."""
        await SocketGuard(self.present, self.start, wait).run()

    async def close(self) -> None:
        """Stop accepting and remove the socket file if it is still ours.

        Connections that are open stay so; ending them is the runner's part.
        """
        site, self._site = self._site, None
        if site is None:
            return
        # Before the socket closes: until then its identity cannot belong to another file.
        if self.present():
            self._path.unlink(missing_ok=True)
        self._identity = None
        await site.stop()
