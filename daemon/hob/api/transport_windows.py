"""The named pipe: only the user's own SID may open it, and only we may make it.

The operating system checks the pipe's access list at every open, so a client that has come through
is the user; there is no uid to ask for afterwards.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from hob.errors import AlreadyRunning, StartFailed

# <winbase.h>, <winerror.h>, <winnt.h>, <sddl.h>
_PIPE_REJECT_REMOTE_CLIENTS = 0x0000_0008
_ERROR_ACCESS_DENIED = 5
_ERROR_PIPE_BUSY = 231
_SDDL_REVISION_1 = 1
_TOKEN_QUERY = 0x0008
_TOKEN_USER_CLASS = 1


def owner_only_sddl(sid: str) -> str:
    """A security descriptor in SDDL: owned by `sid`, and nobody else has any access.

    `P` keeps inherited entries out; GA is generic all. Without it a pipe may be read by Everyone.
    """
    return f"O:{sid}D:P(A;;GA;;;{sid})"


def start_error(name: str, winerror: int | None, reason: str) -> StartFailed | AlreadyRunning:
    """What a failure to make the first instance of the pipe means.

    ACCESS_DENIED and PIPE_BUSY say that the name is taken: by another Hob, or by a program that
    wants to be taken for it.
    """
    if winerror in (_ERROR_ACCESS_DENIED, _ERROR_PIPE_BUSY):
        return AlreadyRunning(
            f"Another program already serves {name}, so Hob cannot.",
            hint="`hob status` shows whether it is Hob; end the other program, or set HOB_HOME.",
        )
    return StartFailed(
        f"The pipe {name} cannot be made ({reason}).",
        hint="Set HOB_HOME to another folder; the pipe's name follows from it.",
    )


if sys.platform == "win32":
    import _winapi
    import ctypes
    from asyncio import windows_events, windows_utils
    from ctypes import wintypes

    _advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    _kernel32.LocalFree.argtypes = (ctypes.c_void_p,)
    _kernel32.LocalFree.restype = ctypes.c_void_p
    _advapi32.OpenProcessToken.argtypes = (
        wintypes.HANDLE,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.HANDLE),
    )
    _advapi32.GetTokenInformation.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
    )
    _advapi32.ConvertSidToStringSidW.argtypes = (
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_void_p),
    )
    _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = (
        wintypes.LPCWSTR,
        wintypes.DWORD,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(wintypes.ULONG),
    )

    class _SecurityAttributes(ctypes.Structure):
        _fields_ = [
            ("nLength", wintypes.DWORD),
            ("lpSecurityDescriptor", ctypes.c_void_p),
            ("bInheritHandle", wintypes.BOOL),
        ]

    class _SidAndAttributes(ctypes.Structure):
        _fields_ = [
            ("Sid", ctypes.c_void_p),
            ("Attributes", wintypes.DWORD),
        ]

    def _check(ok: int) -> None:
        if not ok:
            raise ctypes.WinError(ctypes.get_last_error())

    def own_sid() -> str:
        """The SID of the user that this process runs as, such as `S-1-5-21-...-1001`."""
        token = wintypes.HANDLE()
        process = _kernel32.GetCurrentProcess()
        _check(_advapi32.OpenProcessToken(process, _TOKEN_QUERY, ctypes.byref(token)))
        try:
            size = wintypes.DWORD()
            # Fails by design: it tells the size.
            _advapi32.GetTokenInformation(token, _TOKEN_USER_CLASS, None, 0, ctypes.byref(size))
            buffer = ctypes.create_string_buffer(size.value)
            _check(
                _advapi32.GetTokenInformation(
                    token, _TOKEN_USER_CLASS, buffer, size, ctypes.byref(size)
                )
            )
            user = _SidAndAttributes.from_buffer(buffer)
            text = ctypes.c_void_p()
            _check(_advapi32.ConvertSidToStringSidW(user.Sid, ctypes.byref(text)))
            try:
                return ctypes.wstring_at(text.value or 0)
            finally:
                _kernel32.LocalFree(text)
        finally:
            _kernel32.CloseHandle(token)

    class _Descriptor:
        """A security descriptor in native memory, freed with this object."""

        def __init__(self, sddl: str) -> None:
            self._pointer = ctypes.c_void_p()
            _check(
                _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
                    sddl, _SDDL_REVISION_1, ctypes.byref(self._pointer), None
                )
            )
            self._attributes = _SecurityAttributes(
                ctypes.sizeof(_SecurityAttributes), self._pointer, False
            )

        @property
        def address(self) -> int:
            """Of the SECURITY_ATTRIBUTES; valid while this object lives."""
            return ctypes.addressof(self._attributes)

        def __del__(self) -> None:
            _kernel32.LocalFree(self._pointer)

    class _OwnPipeServer(windows_events.PipeServer):
        """asyncio's pipe server, whose instances only the user may open, from this machine."""

        # asyncio's own attributes, which its type stubs leave out.
        _address: str
        _free_instances: weakref.WeakSet[windows_utils.PipeHandle]

        def __init__(self, address: str) -> None:
            self._descriptor = _Descriptor(owner_only_sddl(own_sid()))
            super().__init__(address)

        def _server_pipe_handle(self, first: bool) -> windows_utils.PipeHandle | None:
            if self.closed():
                return None
            mode = _winapi.PIPE_ACCESS_DUPLEX | _winapi.FILE_FLAG_OVERLAPPED
            if first:  # fails when the name is taken, so that nobody can be there before us
                mode |= _winapi.FILE_FLAG_FIRST_PIPE_INSTANCE
            handle = _winapi.CreateNamedPipe(
                self._address,
                mode,
                _winapi.PIPE_TYPE_MESSAGE
                | _winapi.PIPE_READMODE_MESSAGE
                | _winapi.PIPE_WAIT
                | _PIPE_REJECT_REMOTE_CLIENTS,
                _winapi.PIPE_UNLIMITED_INSTANCES,
                windows_utils.BUFSIZE,
                windows_utils.BUFSIZE,
                _winapi.NMPWAIT_WAIT_FOREVER,
                self._descriptor.address,
            )
            pipe = windows_utils.PipeHandle(handle)
            self._free_instances.add(pipe)
            return pipe

    class _OwnPipeSite(web.NamedPipeSite):
        """start_serving_pipe takes neither a server nor security attributes, so our class stands
        in for asyncio's during the call; it runs without suspending, so nobody else sees it."""

        async def start(self) -> None:
            theirs = windows_events.PipeServer
            windows_events.PipeServer = _OwnPipeServer  # type: ignore[misc]
            try:
                await super().start()
            finally:
                windows_events.PipeServer = theirs  # type: ignore[misc]


def is_own_pipe(transport: asyncio.BaseTransport) -> bool:
    """Whether the connection came through a named pipe, of which this process has only ours."""
    return transport.get_extra_info("pipe") is not None


def is_own_peer(transport: asyncio.BaseTransport) -> bool:
    """Nobody but the user can have opened the pipe."""
    return is_own_pipe(transport)


class PipeListener:
    """Serves a runner on the named pipe `path`. The runner must be set up."""

    def __init__(self, runner: web.BaseRunner, path: Path) -> None:
        self._runner = runner
        self._name = str(path)
        self._site: web.BaseSite | None = None

    async def start(self) -> None:
        """Raises AlreadyRunning when the pipe's name is taken, StartFailed otherwise."""
        if sys.platform == "win32":
            site = _OwnPipeSite(self._runner, self._name)
            try:
                await site.start()
            except OSError as error:
                raise start_error(self._name, error.winerror, error.strerror or "") from error
            self._site = site

    async def watch(self, wait: Callable[[], Awaitable[None]] | None = None) -> None:
        """Nothing to watch: a pipe has no file that could be removed. Waits to be cancelled."""
        del wait
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Stop accepting; the name goes with the last handle."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
