"""The context that a plugin is given; fits hob.plugins.Context. All of it goes over the socket."""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from hob.client import Client
from hob.client.interrupt import Interrupt
from hob.client.stream import ChatStream
from hob.errors import InvalidRequest, NoDesktop
from hob.plugins.host.storage import PluginStorage
from hob.plugins.host.waits import Waits
from hob.plugins.values import Opens
from hob.wire.chat import ChatMessage, Media
from hob.wire.desktop import (
    AskedOrder,
    Clip,
    Notify,
    Open,
    OrderReply,
    Paste,
    ReadClip,
    WriteClip,
)
from hob.wire.fit import FitRequest
from hob.wire.plugins import SettingValue

_TITLE_CHARS, _NOTICE_CHARS = 200, 2_000


class PluginAnswer:
    """An answer as it comes; what has come is kept, so it can be gone through again."""

    def __init__(self, stream: ChatStream, waits: Waits, interrupt: Interrupt) -> None:
        self._stream = stream
        self._interrupt = interrupt
        self._waits = waits
        self._pieces: list[str] = []
        self._over = False

    def __iter__(self) -> Iterator[str]:
        done = 0
        while True:
            while done < len(self._pieces):
                yield self._pieces[done]
                done += 1
            if self._over:
                return
            self._read_on()

    @property
    def text(self) -> str:
        while not self._over:
            self._read_on()
        return "".join(self._pieces)

    @property
    def finish_reason(self) -> str:
        return self._stream.finish_reason or ""

    def _read_on(self) -> None:
        with self._waits.waiting():
            piece = next(self._stream, None)
        if piece is None:
            self._over = True
        else:
            self._pieces.append(piece)


class PluginClipboard:
    """Fits context.Clipboard."""

    def __init__(self, order: Callable[[AskedOrder], OrderReply]) -> None:
        self._order = order

    def read(self) -> Clip:
        return self._order(ReadClip(source="clipboard")).clip or Clip()

    def selection(self) -> Clip:
        return self._order(ReadClip(source="selection")).clip or Clip()

    def write(self, text: str) -> None:
        self._order(WriteClip(text=text))

    def paste(self, text: str) -> None:
        self._order(Paste(text=text))


class PluginContext:
    """One plugin's, or one run's of it: then with the desktop and the model of that run."""

    def __init__(
        self,
        name: str,
        client: Client,
        storage: PluginStorage,
        *,
        values: Callable[[], Mapping[str, SettingValue]],
        refresh: Callable[[], None],
        desktop: str = "",
        model: str = "",
    ) -> None:
        self._name = name
        self._client = client
        self._storage = storage
        self._values = values
        self._refresh = refresh
        self._desktop = desktop
        self._model = model
        self.waits = Waits()

    @property
    def name(self) -> str:
        return self._name

    @property
    def settings(self) -> Mapping[str, SettingValue]:
        return self._values()

    @property
    def storage(self) -> PluginStorage:
        return self._storage

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"plugin {self._name}")

    @property
    def clipboard(self) -> PluginClipboard:
        return PluginClipboard(self.order)

    def ask(
        self,
        prompt: str | Sequence[ChatMessage],
        *,
        system: str = "",
        model: str = "",
        image: str = "",
        **options: Any,
    ) -> PluginAnswer:
        interrupt = self.waits.opening()
        with self.waits.waiting():
            stream = self._client.chat(
                _messages(prompt, system, image),
                model=model or self._model,
                plugin=self._name,
                interrupt=interrupt,
                **options,
            )
        return PluginAnswer(stream, self.waits, interrupt)

    def count_tokens(self, text: str, *, model: str = "") -> int:
        with self.waits.waiting():
            return self._client.tokenize(text, model=model or self._model).count

    def context_length(self, *, model: str = "") -> int:
        with self.waits.waiting():
            status = self._client.status()
            name = model or self._model or status.chosen
            for worker in status.workers:
                if worker.model == name and worker.loaded:
                    return worker.loaded.context_length
            return self._client.fit(FitRequest(model=name)).context_length

    def notify(self, title: str, text: str = "", *, copy: str = "") -> None:
        cut = text if len(text) <= _NOTICE_CHARS else f"{text[:_NOTICE_CHARS]}..."
        with contextlib.suppress(NoDesktop):
            self.order(Notify(title=title[:_TITLE_CHARS], text=cut, copy=copy))

    def open(self, opens: Opens) -> None:
        self.order(Open(opens=opens))

    def refresh(self) -> None:
        self._refresh()

    def order(self, order: AskedOrder) -> OrderReply:
        """Have the desktop do something. Raises NoDesktop, DesktopRefused or ClipboardSecret."""
        with self.waits.waiting():
            reply = self._client.ask_desktop(order, self._desktop)
        if reply.error is not None:
            raise reply.error.error()
        return reply


def _messages(
    prompt: str | Sequence[ChatMessage], system: str, image: str
) -> Sequence[ChatMessage]:
    said = [ChatMessage(role="user", content=prompt)] if isinstance(prompt, str) else [*prompt]
    if image:
        if not said or said[-1].role != "user":
            raise InvalidRequest("An image goes with a message of the user, which is the last one.")
        media = (Media(kind="image", data=_bytes_of(image)), *said[-1].media)
        said[-1] = replace(said[-1], media=media)
    return [ChatMessage(role="system", content=system), *said] if system else said


def _bytes_of(url: str) -> bytes:
    head, _, data = url.partition(",")
    try:
        if head.startswith("data:image/") and head.endswith(";base64"):
            return base64.b64decode(data, validate=True)
    except binascii.Error:
        pass
    raise InvalidRequest("An image is given as a data URL: data:image/png;base64,...")
