"""The little that the daemon remembers between its lives."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from hob.wire.base import Value

_log = logging.getLogger(__name__)


class State(Value, frozen=True):
    """`last_used`: the name of the model that the user chose last."""

    last_used: str = ""


def load_state(path: Path) -> State:
    """What was remembered; a missing or broken file means nothing was."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("the state file is not readable and is begun anew: %s", error)
        return State()


def save_state(path: Path, state: State) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(f".{os.getpid()}.part")
    with partial.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
