"""Asks the daemon what facts do not tell, on a thread: one question at a time for all that is
wanted, however often it is wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from hob.client import Client
from hob.desktop.view_changes import Answers, Part
from hob.errors import HobError

# Facts come in bursts; the first is answered at once, the rest together.
_BREATH_S = 0.04
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
    """The answers to these parts. Raises HobError."""
    wanted = set(parts)
    return Answers(
        # Last, as it is what the others are fitted to.
        models=client.models() if "models" in wanted else None,
        actions=client.actions() if "plugins" in wanted else None,
        plugins=client.plugins() if "plugins" in wanted else None,
        recent=client.recent() if "recent" in wanted else None,
        status=client.status() if wanted & {"status", "models"} else None,
    )
