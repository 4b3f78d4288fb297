"""Keyring backends that misbehave; PYTHON_KEYRING_BACKEND in the child's environment picks one."""

from __future__ import annotations

import os
import signal
import sys

from keyring.backend import KeyringBackend


class _Bad(KeyringBackend):
    # A number where keyring declares a class property, as its documentation says to.
    priority: float = 5

    def get_password(self, service: str, username: str) -> str | None:
        raise NotImplementedError

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)


class Hanging(_Bad):
    """Never answers, as a Secret Service that is stuck."""

    def get_password(self, service: str, username: str) -> str | None:
        while True:
            signal.pause()


class Raising(_Bad):
    """Fails with a text that holds the secret."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the secret is hob-secret-in-an-error")


class Dying(_Bad):
    """Takes its process down."""

    def get_password(self, service: str, username: str) -> str | None:
        os.kill(os.getpid(), signal.SIGKILL)
        return None


class Chatty(_Bad):
    """Prints where the answer belongs."""

    def get_password(self, service: str, username: str) -> str | None:
        print('{"secret": "hob-printed-by-the-backend"}', flush=True)
        os.write(1, b"noise\n")
        sys.stdout.flush()
        return "hob-the-real-token-0123456789"


class PlainText(_Bad):
    """Of the low priority that keyring gives to what keeps secrets in the open."""

    priority = 0.5

    def get_password(self, service: str, username: str) -> str | None:
        return "hob-read-from-plain-text-0123"
