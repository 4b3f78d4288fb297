"""Asks the OS keyring for the API's token: `python -P -m hob.api.token_child ACTION MODE NAME`.

A program of its own, and the only one that imports keyring: whoever started it ends it when it
takes too long. ACTION is get, set or delete; MODE is `prompt` when a person may be asked to unlock
the keyring, else `quiet`; the secret to set comes on stdin. It prints one Answer as a line of
JSON, before it perhaps `{"waiting": true}` while a person is asked; secrets are never in
arguments, the environment or stderr.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "hob"
_LIFE_LIMIT_S = 120
_DEFAULT_COLLECTION = "/org/freedesktop/secrets/aliases/default"

Problem = Literal["none", "locked", "failed"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`secret` is None when the keyring holds none. `detail` is for a log, not for a person."""

    secret: str | None = None
    waiting: bool = False
    problem: Problem | None = None
    detail: str = ""


def main() -> None:
    # Whoever started us ends us; this is for when they were killed first.
    faulthandler.dump_traceback_later(_LIFE_LIMIT_S, exit=True, file=sys.stderr)
    action, mode, username = sys.argv[1:]
    # A backend that prints must not be taken for the answer.
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    secret = sys.stdin.buffer.read().decode()
    _say(out, answer(action, username, secret, mode == "prompt", out))


def answer(action: str, username: str, secret: str, may_prompt: bool, out: BinaryIO) -> Answer:
    """Do it, and tell how it went; a backend may raise anything."""
    import keyring.errors

    try:
        ring = choose_backend()
        if ring is None:
            return Answer(problem="none", detail="no secure backend")
        locked = is_locked(ring)
        if locked and not may_prompt:
            return Answer(problem="locked")
        # macOS asks whether this program may, and tells nobody beforehand.
        if may_prompt and (locked or sys.platform == "darwin"):
            _say(out, Answer(waiting=True))
        return Answer(secret=_perform(ring, action, username, secret))
    except keyring.errors.KeyringLocked as error:
        return Answer(problem="locked", detail=type(error).__name__)
    except keyring.errors.NoKeyringError as error:
        return Answer(problem="none", detail=type(error).__name__)
    except Exception as error:  # third-party code of any quality: its text may hold anything
        return Answer(problem="failed", detail=type(error).__name__)


def _perform(ring: KeyringBackend, action: str, username: str, secret: str) -> str | None:
    if action == "get":
        return ring.get_password(SERVICE, username)
    if action == "set":
        ring.set_password(SERVICE, username, secret)
    elif ring.get_password(SERVICE, username) is not None:
        ring.delete_password(SERVICE, username)
    return None


def choose_backend() -> KeyringBackend | None:
    """The user's keyring, or None when all there is would keep the token in plain text or lose it.

    The chainer tries several, insecure ones among them, so one is taken out of it.
    """
    import keyring
    from keyring.backends.chainer import ChainerBackend

    ring = keyring.get_keyring()
    found = list(ring.backends) if isinstance(ring, ChainerBackend) else [ring]
    return next((candidate for candidate in found if is_secure(candidate)), None)


def is_secure(ring: KeyringBackend) -> bool:
    """keyring recommends backends of priority 1 and more; null, fail and plain text are below."""
    return ring.priority >= 1 and not type(ring).__module__.startswith("keyrings.alt")


def is_locked(ring: KeyringBackend) -> bool:
    """Whether using it would ask a person for a password; known for the Secret Service only."""
    from keyring.backends import SecretService

    if not isinstance(ring, SecretService.Keyring):
        return False
    from contextlib import closing

    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        try:
            return bool(secretstorage.Collection(bus, _DEFAULT_COLLECTION).is_locked())
        except secretstorage.ItemNotFoundException:
            return True  # there is no keyring yet, and making one asks for its password


def _say(out: BinaryIO, message: Answer) -> None:
    out.write(msgspec.json.encode(message) + b"\n")


if __name__ == "__main__":
    main()
