"""Child processes on Windows: a job object that the system empties when the daemon ends.

The job's only handle is ours. However the daemon ends, the system closes the handle, and
JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE ends every process in the job.
https://learn.microsoft.com/windows/win32/procthread/job-objects
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import asyncio
    import ctypes
    import subprocess
    from asyncio.subprocess import PIPE, Process
    from collections.abc import Mapping, Sequence
    from ctypes import wintypes

    _KILL_ON_JOB_CLOSE = 0x2000
    _EXTENDED_LIMIT_INFORMATION = 9
    _PROCESS_TERMINATE_AND_SET_QUOTA = 0x0001 | 0x0100
    _EXIT_CODE_KILLED = 1

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_user_time_limit", wintypes.LARGE_INTEGER),
            ("per_job_user_time_limit", wintypes.LARGE_INTEGER),
            ("limit_flags", wintypes.DWORD),
            ("minimum_working_set_size", ctypes.c_size_t),
            ("maximum_working_set_size", ctypes.c_size_t),
            ("active_process_limit", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_ulonglong * 6),
            ("process_memory_limit", ctypes.c_size_t),
            ("job_memory_limit", ctypes.c_size_t),
            ("peak_process_memory_used", ctypes.c_size_t),
            ("peak_job_memory_used", ctypes.c_size_t),
        )

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel32.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
    _kernel32.SetInformationJobObject.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
    )
    _kernel32.OpenProcess.restype = wintypes.HANDLE
    _kernel32.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    _kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    _kernel32.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)

    class _Job:
        """Owns one job object."""

        def __init__(self) -> None:
            self._handle = _kernel32.CreateJobObjectW(None, None)
            if not self._handle:
                raise ctypes.WinError(ctypes.get_last_error())
            limits = _ExtendedLimits()
            limits.basic.limit_flags = _KILL_ON_JOB_CLOSE
            if not _kernel32.SetInformationJobObject(
                self._handle,
                _EXTENDED_LIMIT_INFORMATION,
                ctypes.byref(limits),
                ctypes.sizeof(limits),
            ):
                error = ctypes.WinError(ctypes.get_last_error())
                self.close()
                raise error

        def add(self, pid: int) -> None:
            process = _kernel32.OpenProcess(_PROCESS_TERMINATE_AND_SET_QUOTA, False, pid)
            if not process:
                raise ctypes.WinError(ctypes.get_last_error())
            try:
                if not _kernel32.AssignProcessToJobObject(self._handle, process):
                    raise ctypes.WinError(ctypes.get_last_error())
            finally:
                _kernel32.CloseHandle(process)

        def terminate(self) -> None:
            if self._handle:
                _kernel32.TerminateJobObject(self._handle, _EXIT_CODE_KILLED)

        def close(self) -> None:
            handle, self._handle = self._handle, None
            if handle:
                _kernel32.CloseHandle(handle)

    class WindowsChild:
        """A child inside a job of its own."""

        def __init__(self, process: Process, job: _Job) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            self.pid = process.pid
            self.stdin = process.stdin
            self.stdout = process.stdout
            self.stderr = process.stderr
            self._process = process
            self._job = job

        async def wait(self) -> int:
            code = await self._process.wait()
            self._job.close()
            return code

        def kill(self) -> None:
            self._job.terminate()

    async def spawn_child(argv: Sequence[str], environment: Mapping[str, str]) -> WindowsChild:
        job = _Job()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=dict(environment),
                close_fds=True,
                creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
            )
        except BaseException:
            job.close()
            raise
        try:
            # A child waits for its first message before it does anything, so nothing escapes in
            # between.
            job.add(process.pid)
        except OSError:
            process.kill()
            job.close()
            raise
        return WindowsChild(process, job)
