"""Fetching the files of one model together: room on the disk, several at once, every digest, every
header, and only then into their places.

Until then they lie in a hidden folder inside the models folder, which no scan visits and from which
a rename is one step.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile, Cancelled, DigestMismatch, DiskFull, DownloadError
from hob.models.disk import sync_folder
from hob.models.folder.files import look
from hob.models.pull.fetch import CHUNK_BYTES, cannot_write, download
from hob.models.pull.net import Net
from hob.models.pull.orders import PARTIAL_FOLDER
from hob.wire.pulls import PullProgress

AT_ONCE = 4
# What the disk should have left when all is done.
_SPARE_BYTES = 64 * 2**20
_REPORT_EVERY_S = 0.2
_LOCK_WAIT_S = 2.0


@dataclass(frozen=True)
class Wanted:
    """A file to fetch. Without a `sha256`, its parts of earlier times are trusted only as far as
    the server's `validator` is still the same."""

    url: str
    target: Path
    size: int
    sha256: str = ""
    validator: str = ""

    @property
    def key(self) -> str:
        """The name of its partial file: another content never goes on from this one's part."""
        text = self.sha256 or f"{self.url}\n{self.size}\n{self.validator}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Files:
    """The files of one download; `run` blocks until they are in place."""

    def __init__(
        self,
        folder: Path,
        id: str,
        net: Net,
        report: Callable[[PullProgress], None],
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._partials = folder / PARTIAL_FOLDER / id
        self._net = net
        self._free_bytes = free_bytes
        self._stop = threading.Event()
        self._count = _Count(report)

    def run(self, wanted: Sequence[Wanted]) -> bool:
        """Fetch what is not there yet; whether there was anything to fetch.

        Raises DownloadError and what is below it, or BadModelFile.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._partials.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self._partials):
                missing = [file for file in wanted if not self._is_there(file)]
                self._forget_others(missing)
                if missing:
                    self._check_room(missing)
                    self._fetch(missing)
                    self._check_headers(missing)
                    self._place(missing)
            shutil.rmtree(self._partials, ignore_errors=True)
        except OSError as error:
            raise cannot_write(error, self._folder) from error
        return bool(missing)

    def _is_there(self, file: Wanted) -> bool:
        if not file.sha256 or not file.target.is_file() or file.target.stat().st_size != file.size:
            return False
        self._count.begin("verify", file.size)
        return self._digest(file.target) == file.sha256

    def _forget_others(self, wanted: Sequence[Wanted]) -> None:
        """Take away the parts of files that the source no longer has in this form."""
        keep = {self._part(file).name for file in wanted if file.sha256 or file.validator}
        keep.add(".lock")
        for path in self._partials.iterdir():
            if path.name not in keep:
                path.unlink()

    def _check_room(self, wanted: Sequence[Wanted]) -> None:
        need, free = self._room(wanted)
        if free < need:
            raise _disk_full(need, free)

    def _room(self, wanted: Sequence[Wanted]) -> tuple[int, int]:
        """Bytes that are needed and that are free."""
        left = sum(file.size - min(_length(self._part(file)), file.size) for file in wanted)
        return left + _SPARE_BYTES, self._free_bytes(self._folder)

    def _fetch(self, wanted: Sequence[Wanted]) -> None:
        """Every file, whole and proven. What went on from an earlier part and turns out wrong is
        fetched once more: the part may have been of another, or damaged on the disk."""
        resumed = {file for file in wanted if _length(self._part(file))}
        wrong = self._fetch_once(wanted)
        if wrong and wrong <= resumed:
            wrong = self._fetch_once(sorted(wrong, key=lambda file: file.url))
        if wrong:
            names = ", ".join(sorted(file.target.name for file in wrong))
            raise DigestMismatch(
                f"What was downloaded is not the file that was asked for ({names}), so it was"
                " thrown away.",
                hint="Try again; if it happens again, something on the network changes downloads.",
            )

    def _fetch_once(self, wanted: Sequence[Wanted]) -> set[Wanted]:
        """One try; the files that came out wrong, whose parts are gone."""
        total = sum(file.size for file in wanted)
        self._count.begin("download", total)
        try:
            self._at_once(self._download, wanted)
        except DiskFull as error:  # somebody else filled it meanwhile
            raise _disk_full(*self._room(wanted)) from error
        self._count.begin("verify", total)
        right = self._at_once(self._is_right, wanted)
        wrong = {file for file, fine in zip(wanted, right, strict=True) if not fine}
        for file in wrong:
            self._part(file).unlink()
        return wrong

    def _download(self, file: Wanted) -> bool:
        download(
            file.url,
            self._part(file),
            file.size,
            net=self._net,
            report=lambda done: self._count.set(file.key, done),
            wait_cancelled=self._stop.wait,
            validator=file.validator,
        )
        return True

    def _is_right(self, file: Wanted) -> bool:
        part = self._part(file)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        return not file.sha256 or self._digest(part) == file.sha256

    def _digest(self, path: Path) -> str:
        digest = hashlib.sha256()
        done = 0
        with path.open("rb") as read:
            while chunk := read.read(4 * CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                self._count.set(path.name, done)
                if self._stop.is_set():
                    raise Cancelled("The download was stopped.")
        return digest.hexdigest()

    def _at_once(self, work: Callable[[Wanted], bool], wanted: Sequence[Wanted]) -> Sequence[bool]:
        """`work` on several files at the same time; the first failure stops the others."""
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull")
        try:
            jobs: list[Future[bool]] = [pool.submit(work, file) for file in wanted]
            wait(jobs, return_when=FIRST_EXCEPTION)
            for job in jobs:
                if job.done() and (error := job.exception()):
                    raise error
            return [job.result() for job in jobs]
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._stop.clear()

    def _check_headers(self, wanted: Sequence[Wanted]) -> None:
        """Nothing is listed that is not a model, even if it is just what the hub promised."""
        for file in wanted:
            part = self._part(file)
            about = look(str(part)).about
            problem = about.problem
            # These belong to a model, and are listed with it.
            if problem and not (about.is_projector or about.is_adapter):
                part.unlink()
                raise BadModelFile(
                    f"{file.target.name} was fetched, and is no model that can be read, so it was"
                    f" thrown away: {problem.message}",
                    hint="Choose another file, or tell its author.",
                )

    def _place(self, wanted: Sequence[Wanted]) -> None:
        """Everything into its place; the first file last, since the model is known by it."""
        for file in reversed(wanted):
            file.target.parent.mkdir(parents=True, exist_ok=True)
            self._part(file).replace(file.target)
        for folder in {file.target.parent for file in wanted}:
            sync_folder(folder)

    def _part(self, file: Wanted) -> Path:
        return self._partials / f"{file.key}.incomplete"


class _Count:
    """Adds up what the files of a stage have, and passes it on a few times a second."""

    def __init__(self, report: Callable[[PullProgress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._stage = ""
        self._total = 0
        self._done: dict[str, int] = {}
        self._at = 0.0

    def begin(self, stage: str, total: int) -> None:
        with self._lock:
            self._stage, self._total, self._at = stage, total, time.monotonic()
            self._done = {}
            self._report(PullProgress(stage=stage, done_bytes=0, total_bytes=total))

    def set(self, key: str, done: int) -> None:
        with self._lock:
            self._done[key] = done
            now, have = time.monotonic(), sum(self._done.values())
            if now - self._at >= _REPORT_EVERY_S or have == self._total:
                self._at = now
                self._report(
                    PullProgress(stage=self._stage, done_bytes=have, total_bytes=self._total)
                )


def _alone(partials: Path) -> AbstractContextManager[object]:
    """The right to write there: another daemon may use the same models folder."""
    import filelock

    lock = filelock.FileLock(partials / ".lock", timeout=_LOCK_WAIT_S)
    try:
        return lock.acquire()
    except filelock.Timeout:
        raise DownloadError(
            "The model is being fetched already, by another program.",
            hint="Wait for that one to finish.",
        ) from None


def _disk_full(need: int, free: int) -> DiskFull:
    return DiskFull(
        f"The disk has {free / 1e6:,.0f} MB free, and the download needs {need / 1e6:,.0f} MB.",
        hint="Make room, or set another models folder; it goes on from where it is.",
        need_bytes=need,
        free_bytes=free,
    )


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
