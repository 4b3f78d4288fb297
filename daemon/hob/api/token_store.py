"""Where the API's bearer token is kept: the OS keyring, or a 0600 file when the user says so.

The keyring is asked in a child process (see hob.api.token_child): a Secret Service that hangs, or
a keyring library that grows, must not do so in the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from hob.api.token_child import Answer, Problem
from hob.errors import SecretStoreError

Where = Literal["keyring", "file"]

PREFIX = "hob-"
FILE_NAME = "api-token"

# Seconds. A keyring that is unlocked answers in milliseconds; a person types a password slowly.
ANSWER_LIMIT_S = 5.0
PROMPT_LIMIT_S = 60.0

# On Windows a program without a console would open one for its child.
_NO_WINDOW = int(getattr(subprocess, "CREATE_NO_WINDOW", 0))

_SHAPE = re.compile(r"[!-~]{16,256}")
_MAX_FILE_BYTES = 4096
_FILE_HINT = "`hob api on --token-file` keeps the token in a file that only you can read"


def new_token() -> str:
    """256 bits from the OS, in a form that goes into a header as it is."""
    return PREFIX + secrets.token_urlsafe(32)


def usable(token: str) -> bool:
    """Whether a stored token may guard the API; an empty one would let everybody in."""
    return _SHAPE.fullmatch(token) is not None


class TokenStore(Protocol):
    """Keeps one secret. `may_prompt` is false when nobody is there to type a password.

    Every method raises SecretStoreError.
    """

    @property
    def where(self) -> Where: ...

    async def get(self, may_prompt: bool) -> str | None: ...

    async def set(self, token: str, may_prompt: bool) -> None: ...

    async def delete(self, may_prompt: bool) -> None: ...


class KeyringStore:
    """The OS keyring, by way of a child process that is ended when it takes too long."""

    where: Where = "keyring"

    def __init__(
        self,
        username: str,
        *,
        answer_limit_s: float = ANSWER_LIMIT_S,
        prompt_limit_s: float = PROMPT_LIMIT_S,
        command: Sequence[str] = (sys.executable, "-P", "-m", "hob.api.token_child"),
    ) -> None:
        self._username = username
        self._answer_limit_s = answer_limit_s
        self._prompt_limit_s = prompt_limit_s
        self._command = tuple(command)

    async def get(self, may_prompt: bool) -> str | None:
        return (await self._ask("get", may_prompt)).secret

    async def set(self, token: str, may_prompt: bool) -> None:
        await self._ask("set", may_prompt, token)

    async def delete(self, may_prompt: bool) -> None:
        await self._ask("delete", may_prompt)

    async def _ask(self, action: str, may_prompt: bool, secret: str = "") -> Answer:
        """Run the child once. Before its answer it may say that a person is being asked."""
        mode = "prompt" if may_prompt else "quiet"
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                action,
                mode,
                self._username,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # A Ctrl-C in the daemon's terminal is not meant for it.
                start_new_session=True,
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise _unreadable(type(error).__name__) from error
        try:
            answer = await self._converse(child, secret, action == "set" and may_prompt)
        except (OSError, ValueError) as error:  # it died, or said something that is no Answer
            raise _unreadable(type(error).__name__) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if answer.problem is not None:
            raise _explain(answer.problem, answer.detail)
        return answer

    async def _converse(
        self, child: asyncio.subprocess.Process, secret: str, patient: bool
    ) -> Answer:
        assert child.stdin is not None
        assert child.stdout is not None
        limit = self._prompt_limit_s if patient else self._answer_limit_s
        try:
            async with asyncio.timeout(limit) as deadline:
                child.stdin.write(secret.encode())
                child.stdin.close()
                answer = _decode(await child.stdout.readline())
                if answer.waiting:
                    limit = self._prompt_limit_s
                    deadline.reschedule(asyncio.get_running_loop().time() + limit)
                    answer = _decode(await child.stdout.readline())
        except TimeoutError:
            raise SecretStoreError(
                f"The keyring has not answered within {limit:g} s, so there is no token.",
                hint=f"Unlock or restart the keyring and try again; or {_FILE_HINT}.",
                limit_s=limit,
            ) from None
        return answer


def _decode(line: bytes) -> Answer:
    return msgspec.json.decode(line, type=Answer)


def _explain(problem: Problem, detail: str) -> SecretStoreError:
    if problem == "none":
        return SecretStoreError(
            "No keyring answers on this machine, so the token has no safe place.",
            hint=f"{_FILE_HINT}; or install and start gnome-keyring or KWallet.",
            reason=detail,
        )
    if problem == "locked":
        return SecretStoreError(
            "The keyring is locked, so the token cannot be read.",
            hint=f"Unlock it and run `hob api on`; or {_FILE_HINT}.",
            reason=detail,
        )
    return _unreadable(detail)


def _unreadable(reason: str) -> SecretStoreError:
    return SecretStoreError(
        "The keyring answers, but it does not give or keep the token.",
        hint=f"Look into it with your keyring's own program; or {_FILE_HINT}.",
        reason=reason,
    )


class FileStore:
    """A file in the state folder that only the user may read; the fallback that is asked for."""

    where: Where = "file"

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    async def get(self, may_prompt: bool) -> str | None:
        del may_prompt
        try:
            return await asyncio.to_thread(self._read)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._refused(f"cannot be read ({type(error).__name__})") from error

    def _read(self) -> str:
        # O_NONBLOCK: opening a planted FIFO must not wait for its writer.
        flags = os.O_RDONLY | _posix("O_NOFOLLOW") | _posix("O_NONBLOCK") | _posix("O_CLOEXEC")
        with os.fdopen(os.open(self._path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise self._refused("is not a file")
            if sys.platform != "win32":
                if found.st_uid != os.geteuid():
                    raise self._refused(f"belongs to another user (uid {found.st_uid})")
                if found.st_mode & 0o077:
                    raise self._refused("can be read by others, who may have done so")
            return file.read(_MAX_FILE_BYTES).decode("ascii").strip()

    async def set(self, token: str, may_prompt: bool) -> None:
        del may_prompt
        await asyncio.to_thread(self._write, token)

    def _write(self, token: str) -> None:
        """Written beside it and moved there, so that it is whole and never anybody else's file."""
        partial = self._path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _posix("O_NOFOLLOW") | _posix("O_CLOEXEC")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
                file.write(token.encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise self._refused(f"cannot be written ({error.strerror})") from error

    async def delete(self, may_prompt: bool) -> None:
        del may_prompt
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._refused(f"cannot be removed ({error.strerror})") from error

    def _refused(self, why: str) -> SecretStoreError:
        return SecretStoreError(
            f"The token's file {self._path} {why}, so it is not used.",
            hint="Remove it; `hob api on --token-file` then makes a new token.",
        )


def _posix(flag: str) -> int:
    """An `os` flag that Windows lacks, where a user's profile is private by its access list."""
    return int(getattr(os, flag, 0))


def username_for(home_digest: str = "") -> str:
    """The name in the keyring; each HOB_HOME, given by a digest, has a token of its own."""
    return f"api-token-{home_digest}" if home_digest else "api-token"
