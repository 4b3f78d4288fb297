"""Where the API's bearer token is kept: the OS keyring, or a 0600 file when the user says so."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import stat
import sys
from pathlib import Path
from typing import Protocol

from hob.api.keyring_store import Where
from hob.errors import SecretStoreError

PREFIX = "hob-"
FILE_NAME = "api-token"

_SHAPE = re.compile(r"[!-~]{16,256}")
_MAX_FILE_BYTES = 4096


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


def username_for(home_digest: str = "", what: str = "api-token") -> str:
    """The name in the keyring; each HOB_HOME, given by a digest, has secrets of its own."""
    return f"{what}-{home_digest}" if home_digest else what
