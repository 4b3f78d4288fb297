"""Reads files and pictures for a question; for use on another thread than the window's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QImage, QImageWriter

from hob.desktop.prompt.attachments import (
    MAX_IMAGE_BYTES,
    Attachment,
    from_file,
    from_image,
)
from hob.errors import InvalidRequest

# Models look at a few megapixels at most.
_MAX_SIDE = 2048


def read_file(path: Path) -> Attachment:
    """A file as an attachment. Raises InvalidRequest when it cannot be read, or cannot be one."""
    try:
        # Without waiting: a pipe without a writer would never open.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidRequest(
                f"{path.name or path} is not a file, so there is nothing to attach.",
                hint="Drop a text file or an image.",
            )
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(
            f"The file {path.name} cannot be read ({error.strerror}).",
            hint="Check its permissions.",
        ) from error
    return from_file(path.name, data)


def picture(name: str, image: QImage) -> Attachment:
    """A picture as an attachment, no larger than models look at. Raises InvalidRequest."""
    if image.isNull():
        raise InvalidRequest(f"{name} holds an image that cannot be read.", hint="Copy it again.")
    if max(image.width(), image.height()) > _MAX_SIDE:
        image = image.scaled(
            _MAX_SIDE,
            _MAX_SIDE,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return from_image(name, bytes(data.data()))
