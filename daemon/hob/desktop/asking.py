"""Asks the daemon what facts do not tell, on a thread: one question at a time for all that is
wanted, however often it is wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from hob.client import Client
from hob.desktop.view_changes import Answers, Part
from hob.errors import DaemonUnreachable, HobError, NotRunning

# Facts come in bursts; the first is answered at once, the rest together.
_BREATH_S = 0.04
T = TypeVar("T")

_log = logging.getLogger("hob.desktop")


class Asker:
    """Calls `answered`, on its thread, with what was wanted by `want`."""

    def __init__(self, client: Callable[[], Client], answered: Callable[[Answers], None]) -> None:
        self._client = client
        self._answered = answered
        self._wanted: set[Part] = set()
        self._news = threading.Condition()
        self._pause = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="asker", daemon=True).start()

    def want(self, parts: Iterable[Part]) -> None:
        """Have these asked, anew if they are being asked just now. From any thread."""
        with self._news:
            self._wanted.update(parts)
            self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._wanted)
                parts, self._wanted = self._wanted, set()
            try:
                with self._client() as client:
                    self._answered(ask(client, parts))
            except HobError as error:
                # A daemon that has gone: whoever follows it notices too, and asks when it is back.
                _log.debug("the daemon could not be asked: %s", error)
            self._pause.wait(_BREATH_S)


def ask(client: Client, parts: Iterable[Part]) -> Answers:
    """The answers to these parts. What one cannot be answered costs none of the others.

    Raises NotRunning or DaemonUnreachable.
    """
    wanted = set(parts)

    def answer(part: Part, question: Callable[[], T]) -> T | None:
        if part not in wanted:
            return None
        try:
            return question()
        except (NotRunning, DaemonUnreachable):
            raise
        except HobError as error:
            _log.info("the daemon does not tell of its %s: %s", part, error)
            return None

    if "models" in wanted:
        # What is listed of the models is fitted to what the status says of them, so that comes
        # later.
        wanted.add("status")
    return Answers(
        models=answer("models", client.models),
        actions=answer("plugins", client.actions),
        plugins=answer("plugins", client.plugins),
        recent=answer("recent", client.recent),
        status=answer("status", client.status),
    )
