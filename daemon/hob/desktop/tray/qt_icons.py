"""Pillow's pictures as icons of Qt."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from PIL import Image
from PySide6.QtGui import QIcon, QImage, QPixmap

from hob.desktop.tray.icons import SIZES, draw


def icon_of(images: Iterable[Image.Image]) -> QIcon:
    """One icon with the same picture in several sizes, so that none need be scaled."""
    icon = QIcon()
    for image in images:
        icon.addPixmap(_pixmap(image))
    return icon


@functools.cache
def window_icon() -> QIcon:
    """The icon of Hob's windows."""
    return icon_of(draw("warm", size) for size in SIZES)


def _pixmap(image: Image.Image) -> QPixmap:
    data = image.convert("RGBA").tobytes()
    format_ = QImage.Format.Format_RGBA8888
    # Converting to a pixmap copies; the bytes may go then.
    return QPixmap.fromImage(QImage(data, image.width, image.height, 4 * image.width, format_))
