"""Fetching one file over HTTPS, with resume, from servers that may be broken or hostile.

The caller knows the file's exact size. A server cannot make Hob write more than that, wait for
ever, follow a redirect to another scheme or into the private network, or unpack anything.
"""

from __future__ import annotations

import errno
import http.client
import re
import time
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from hob.errors import Cancelled, DiskFull, DownloadError
from hob.models.pull.net import Interrupted, Net, open_url, reason

CHUNK_BYTES = 256 * 1024
_MOST_WAIT_S = 30.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)$")


def download(
    url: str,
    part: Path,
    size: int,
    *,
    net: Net,
    report: Callable[[int], None],
    wait_cancelled: Callable[[float], bool],
    validator: str = "",
) -> None:
    """Fetch `url`, which is `size` bytes long, into `part`, going on from what is there.

    `report` is told the bytes that are there so far. `wait_cancelled` waits for that many seconds
    at most and says whether the caller has left. `validator` is the ETag or date of what is there;
    a server whose file is another by now then sends it from the beginning. Raises DownloadError,
    DiskFull or Cancelled.
    """
    tries = 0
    while (have := _length(part)) != size:
        if have > size:
            part.unlink()
        try:
            _fetch_rest(
                url,
                part,
                size,
                net=net,
                report=report,
                wait_cancelled=wait_cancelled,
                validator=validator,
            )
        except Interrupted as broken:
            # A try that brought something counts as a fresh start; single bytes do not.
            brought = _length(part) - have
            tries = 1 if brought >= net.least_rate * net.stall_s else tries + 1
            if tries >= net.attempts:
                raise DownloadError(
                    f"The download of {urlsplit(url).hostname} broke off: {broken}.",
                    hint="Check the internet connection and try again; it goes on from there.",
                    done_bytes=_length(part),
                    total_bytes=size,
                ) from broken
            if wait_cancelled(min(net.retry_wait_s * 2 ** (tries - 1), _MOST_WAIT_S)):
                raise Cancelled("The download was stopped.") from None


def _fetch_rest(
    url: str,
    part: Path,
    size: int,
    *,
    net: Net,
    report: Callable[[int], None],
    wait_cancelled: Callable[[float], bool],
    validator: str,
) -> None:
    """One try: ask for what is missing and append it."""
    have = _length(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and validator:
        headers["If-Range"] = validator
    with open_url(url, headers, net) as response:
        start = _check_answer(response.status, response.headers, have, size)
        if start != have:
            part.unlink()
        with _appending(part) as file:
            pace = _Pace(net, start)
            done = start
            report(done)
            while chunk := _read(response, min(CHUNK_BYTES, size - done + 1)):
                done += len(chunk)
                if done > size:
                    file.truncate(0)
                    raise DownloadError(
                        "The server sends more than the model's size, so the download was stopped.",
                        hint="Try again later; something on the way changes the file.",
                    )
                _write(file, chunk)
                report(done)
                if wait_cancelled(0):
                    raise Cancelled("The download was stopped.")
                pace.check(done)
    if done < size:
        raise Interrupted("the server closed the connection early")


def _check_answer(status: int, headers: Message, have: int, size: int) -> int:
    """Where in the file the body of an answer begins. Raises DownloadError or Interrupted."""
    if (headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise DownloadError(
            "The server packs the file in a way that was not asked for.",
            hint="Try again later, or without the proxy.",
        )
    start = 0
    if status == 206:
        found = _CONTENT_RANGE.match(headers.get("Content-Range") or "")
        if not found or (int(found[1]), int(found[2])) != (have, size):
            raise DownloadError(
                "The server answered with another part of the file than was asked for.",
                hint="Try again later, or without the proxy.",
            )
        start = have
    length = headers.get("Content-Length")
    if length is not None and length != str(size - start):
        raise DownloadError(
            f"The server offers a file of another size than the model's {size:,} bytes.",
            hint="Try again later; something on the way changes the file.",
        )
    return start


class _Pace:
    """Tells a connection that trickles from one that is merely slow."""

    def __init__(self, net: Net, done: int) -> None:
        self._net = net
        self._since = time.monotonic()
        self._from = done

    def check(self, done: int) -> None:
        elapsed = time.monotonic() - self._since
        if elapsed < self._net.stall_s:
            return
        if done - self._from < self._net.least_rate * elapsed:
            raise Interrupted("the connection is too slow to finish")
        self._since, self._from = time.monotonic(), done


def _read(response: Any, count: int) -> bytes:  # noqa: ANN401 (urllib's response)
    try:
        data: bytes = response.read1(count)
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(reason(error)) from error
    return data


def _appending(part: Path) -> IO[bytes]:
    try:
        return part.open("ab", buffering=0)
    except OSError as error:
        raise cannot_write(error, part.parent) from error


def _write(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise cannot_write(error, Path(file.name).parent) from error


def cannot_write(error: OSError, folder: Path) -> DownloadError:
    """What failed when a file in `folder` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full; the download in {folder} was stopped.",
            hint="Make room and try again; it goes on from where it stopped.",
        )
    return DownloadError(
        f"Nothing can be written into {folder}: {error.strerror or error}.",
        hint="Change the folder's permissions, or set another models folder.",
    )


def _length(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0
