"""What was read of model files, kept on the disk so that a start need not read them again.

It is a cache: it may be deleted at any time, and one that is broken, locked or of another version
is begun anew or left alone. Nothing keeps the file open between two uses.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hob import __version__
from hob.errors import BadModelFile
from hob.models.folder.files import ModelFile, Stamp
from hob.models.gguf.describe import Description
from hob.wire.base import ErrorInfo

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger(__name__)

# To be raised when the same headers are read in another way.
_READING = 1
_WAIT_S = 0.2
_TABLE = "CREATE TABLE files (path BLOB PRIMARY KEY, record BLOB NOT NULL)"


class _Record(NamedTuple):
    stamp: Stamp
    about: Description
    has_holes: bool


class Index:
    """The cache of one library. Used by one thread at a time; never raises."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._decoder = msgspec.msgpack.Decoder(_Record, dec_hook=_from_plain)
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_to_plain)

    def load(self) -> Mapping[str, bytes]:
        """All records, packed, by their paths; `unpack` opens one."""
        if self._path is None or not self._path.exists():
            return {}
        with self._opened() as database:
            if database is not None:
                rows = database.execute("SELECT path, record FROM files")
                return {os.fsdecode(path): record for path, record in rows}
        return {}

    def unpack(self, path: str, packed: bytes, stamp: Stamp) -> ModelFile | None:
        """The file as it was read, or None when it is another one by now."""
        try:
            record = self._decoder.decode(packed)
        except (msgspec.MsgspecError, ValueError, TypeError):
            return None
        if record.stamp != stamp:
            return None
        return ModelFile(path, record.stamp, record.about, None, record.has_holes)

    def save(self, files: Iterable[ModelFile], gone: Iterable[str]) -> None:
        """Keep `files` and drop what was kept of the paths that are `gone`."""
        if self._path is None:
            return
        records = [
            (os.fsencode(file.path), self._encoder.encode(record))
            for file in files
            if file.stamp
            for record in (_Record(file.stamp, file.about, file.has_holes),)
        ]
        lost = [(os.fsencode(path),) for path in gone]
        if not records and not lost:
            return
        with self._opened() as database:
            if database is not None:
                with database:
                    database.executemany("DELETE FROM files WHERE path = ?", lost)
                    database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", records)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        """The database, or None when it cannot be had; what fails inside is left undone."""
        import sqlite3

        assert self._path is not None
        database: sqlite3.Connection | None = None
        try:
            try:
                database = _connect(self._path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # locked, or no place for a file: nothing that deleting it would mend
                log.info("the index of models is begun anew: %s", error)
                _delete(self._path)
                database = _connect(self._path)
            yield database
        except (sqlite3.Error, OSError) as error:
            log.info("the index of models is not used: %s", error)
            if database is None:
                yield None
            elif isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.OperationalError
            ):
                _delete(self._path)  # its pages are broken; the next use begins anew
        finally:
            if database is not None:
                database.close()


def _connect(path: Path) -> sqlite3.Connection:
    """Open or make the database; raises sqlite3.Error or OSError."""
    import sqlite3

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
    try:
        # What is deleted gives its room back, so that junk costs nothing lasting.
        database.execute("PRAGMA auto_vacuum = FULL")
        database.execute("PRAGMA synchronous = NORMAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != _version():
            with database:
                for (name,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                ).fetchall():
                    database.execute(f"DROP TABLE {_quoted(name)}")
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {_version()}")
        database.execute("SELECT path, record FROM files LIMIT 1").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _delete(path: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            Path(f"{path}{end}").unlink()


def _version() -> int:
    """A number for how headers are read and what is kept of them."""
    kept = [(field.name, str(field.type)) for field in fields(Description)]
    text = f"{_READING} {__version__} {kept} {Stamp._fields} {_Record._fields}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big") + 1


def _to_plain(value: object) -> object:
    if isinstance(value, BadModelFile):
        return ErrorInfo.of(value)
    raise NotImplementedError(f"{type(value).__name__} is not kept in the index")


def _from_plain(wanted: type, value: object) -> object:
    if wanted is BadModelFile:
        info = msgspec.convert(value, ErrorInfo)
        return BadModelFile(info.message, hint=info.hint, param=info.param, **info.details)
    raise NotImplementedError(f"{wanted.__name__} is not kept in the index")
