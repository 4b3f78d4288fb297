"""Has the conversation so far read by the model while the person types the next line."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hob.client import Client
from hob.client.interrupt import Interrupt
from hob.errors import HobError
from hob.wire.generate import ChatMessage


class ReadAhead:
    """One reading at a time, in a thread of its own.

    It is a kindness: when it cannot be done, the question is merely answered as slowly as without
    it, and tells what is wrong.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reading: tuple[list[ChatMessage], str] | None = None
        self._interrupt = Interrupt()

    def begin(self, messages: Sequence[ChatMessage], model: str) -> None:
        """Let `model` (empty: the chosen one) read the messages, unless it does so already."""
        wanted = (list(messages), model)
        if wanted == self._reading:
            return
        self.stop()
        if not messages:
            return
        self._reading = wanted
        self._interrupt = interrupt = Interrupt()
        threading.Thread(target=self._read, args=(*wanted, interrupt), daemon=True).start()

    def stop(self) -> None:
        """Hang up, so that it takes nothing from the question that comes now."""
        self._reading = None
        self._interrupt.set()

    def _read(self, messages: list[ChatMessage], model: str, interrupt: Interrupt) -> None:
        try:
            self._client.prefill(messages, model=model, interrupt=interrupt)
        except HobError:
            return
