"""The downloads that the daemon remembers between its lives."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from hob.wire.base import ErrorInfo, Value
from hob.wire.pulls import PullState

_log = logging.getLogger(__name__)

_MAX_BYTES = 2**20


class Remembered(Value, frozen=True):
    """A download that is not done; `state` is what it was in last."""

    id: str
    source: str
    state: PullState
    error: ErrorInfo | None = None


def load(path: Path) -> tuple[Remembered, ...]:
    """What was remembered; a missing or broken file means nothing was."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=tuple[Remembered, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("the list of downloads is not readable and is begun anew: %s", error)
        return ()


def save(path: Path, entries: tuple[Remembered, ...]) -> None:
    """Write it whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(f".{os.getpid()}.part")
    # An address may hold a key of its own.
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(entries))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
