"""Makes attachments of what is pasted, dropped, copied or chosen, away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from hob.desktop.parts import Bridge, Clipboard
from hob.desktop.prompt.attachment_files import picture, read_file
from hob.desktop.prompt.attachments import MAX_ATTACHMENTS, Attachment, from_clip, from_text
from hob.errors import HobError, InvalidRequest
from hob.wire.desktop import Clip


class Bringing:
    """`attach` is given what was brought, `refuse` why it was not; on the GUI's thread, later."""

    def __init__(
        self,
        bridge: Bridge,
        clipboard: Clipboard,
        attach: Callable[[Attachment], None],
        refuse: Callable[[HobError], None],
    ) -> None:
        self._bridge = bridge
        self._clipboard = clipboard
        self._attach = attach
        self._refuse = refuse

    def clipboard(self) -> None:
        self._clipboard.read(lambda clip: self.clip("Clipboard", clip), self._refuse)

    def selection(self) -> None:
        self._clipboard.selection(lambda clip: self.clip("Selection", clip), self._refuse)

    def clip(self, name: str, clip: Clip) -> None:
        """What was read already."""
        self._later(lambda: from_clip(name, clip))

    def files(self, paths: list[Path]) -> None:
        """Each one by itself, so that one that cannot be attached keeps none of the others."""
        for path in paths[:MAX_ATTACHMENTS]:
            self._later(partial(read_file, path))

    def mime(self, data: QMimeData) -> None:
        """What was pasted or dropped. It is only lent, so all of it is taken now."""
        if data.hasUrls():
            self._urls(data)
        elif data.hasImage():
            image: Any = data.imageData()
            taken = QImage(image) if isinstance(image, QImage) else QImage()
            self._later(lambda: picture("Picture", taken))
        elif data.hasText():
            text = data.text()
            self._later(lambda: from_text("Pasted text", text))

    def _urls(self, data: QMimeData) -> None:
        urls = data.urls()[:MAX_ATTACHMENTS]
        local = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
        if local:
            self.files(local)
        else:
            self._refuse(
                InvalidRequest(
                    "That is an address, and Hob fetches nothing from the web.",
                    hint="Save it as a file and drop that, or copy its text.",
                )
            )

    def _later(self, make: Callable[[], Attachment]) -> None:
        self._bridge.run(lambda _client: make(), self._attach, self._refuse)
