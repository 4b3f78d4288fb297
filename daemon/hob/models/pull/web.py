"""What a server tells of a file before it is fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hob.errors import DownloadError
from hob.models.pull.net import QUESTION_ATTEMPTS, Interrupted, Net, open_url

_CONTENT_RANGE = re.compile(r"bytes 0-0/(\d{1,15})$")
_LENGTH = re.compile(r"\d{1,15}")
_STRONG_TAG = re.compile(r'"[!#-~]{1,256}"')
_DATE = re.compile(r"[A-Za-z]{3}, [0-9A-Za-z :]{10,40}")
_MAX_FILE_BYTES = 2**42


@dataclass(frozen=True)
class Found:
    """`validator` changes when the file does; empty when the server has none."""

    size: int
    validator: str


def look_at(url: str, net: Net, wait: Callable[[float], None]) -> Found:
    """How large the file is. Asks for its first byte, since not every server knows HEAD.

    Raises DownloadError.
    """
    attempts = min(net.attempts, QUESTION_ATTEMPTS)
    for tries in range(attempts):
        try:
            with open_url(url, {"Range": "bytes=0-0"}, net) as response:
                status, headers = response.status, response.headers
            break
        except Interrupted as error:
            if tries + 1 == attempts:
                raise DownloadError(
                    f"The server could not be asked: {error}.",
                    hint="Check the internet connection and the address, and try again.",
                ) from error
            wait(min(net.retry_wait_s * 2**tries, 30.0))
    if status == 206:
        found = _CONTENT_RANGE.match(headers.get("Content-Range") or "")
        size = int(found[1]) if found else 0
    else:
        length = headers.get("Content-Length") or ""
        size = int(length) if _LENGTH.fullmatch(length) else 0
    if not 0 < size <= _MAX_FILE_BYTES:
        raise DownloadError(
            "The server does not say how large the file is, so it cannot be fetched safely.",
            hint="Fetch it with a browser, and put it into the models folder.",
        )
    tag, date = headers.get("ETag") or "", headers.get("Last-Modified") or ""
    validator = tag if _STRONG_TAG.fullmatch(tag) else date if _DATE.fullmatch(date) else ""
    return Found(size, validator)
