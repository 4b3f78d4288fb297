"""The tray's icon, drawn for each phase and size.

A hob is a plate with a flame on it: solid when a model is warm, an outline when none is loaded,
struck through when no daemon answers. A panel may be light or dark, and does not say which; so all
colours have the one luminance (0.23) that stands out from the light panels of common desktops as
much as from the dark ones, and the phases differ by shape and never by colour alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from hob.desktop.view import Phase

Point = tuple[float, float]

# What panels ask for, at one and two device pixels for a point; larger ones are for windows.
PANEL_SIZES = (16, 20, 22, 24, 32, 44, 48, 64)
SIZES = (*PANEL_SIZES, 96, 128, 256)
# A load is drawn in this many steps, so that its pictures can be kept.
STEPS = 24

# All shapes are in a square of this side, with y downwards: the pixels of the smallest size.
_SIDE = 16.0
_ENOUGH_PIXELS = 512
_SMOOTH = 12
# In a small picture a bright core would make the flame look like an outline.
_SMALLEST_WITH_CORE = 44

_EMBER = (226, 92, 26)
_GREY = (132, 132, 140)
_BLUE = (36, 138, 212)
_RED = (234, 68, 74)
_COLOURS: dict[Phase, tuple[int, int, int]] = {
    "away": _GREY,
    "empty": _GREY,
    "cold": _GREY,
    "loading": _BLUE,
    "warm": _EMBER,
    "answering": _EMBER,
    "error": _RED,
}

# Cubic Bezier curves, each from the end of the one before: two control points and its end.
_FLAME_START: Point = (8.7, 0.2)
_FLAME: tuple[tuple[Point, Point, Point], ...] = (
    ((9.2, 3.1), (13.2, 5.0), (13.2, 8.8)),
    ((13.2, 11.5), (10.9, 13.1), (8.1, 13.1)),
    ((5.2, 13.1), (2.9, 11.4), (2.9, 8.6)),
    ((2.9, 6.7), (3.9, 5.2), (4.9, 4.0)),
    ((5.0, 5.3), (5.5, 6.1), (6.3, 6.6)),
    ((6.0, 4.1), (6.9, 1.6), (8.7, 0.2)),
)
_FLAME_MIDDLE: Point = (8.0, 7.0)
_CORE_MIDDLE: Point = (8.1, 12.2)


def step(fraction: float | None) -> int:
    """The step at which a load of which `fraction` is done is drawn; None is one just begun."""
    return max(1, min(STEPS, math.floor((fraction or 0.0) * STEPS)))


@functools.lru_cache(maxsize=256)
def draw(phase: Phase, size: int, progress: int = 0) -> Image.Image:
    """The icon as RGBA, `size` pixels square. `progress` is the step of a load, else 0.

    The picture is kept and shared: whoever changes it, copies it first.
    """
    factor = max(4, _ENOUGH_PIXELS // size)
    canvas = _Canvas(size, factor)
    _SHAPES[phase](canvas, progress)
    return canvas.picture(_COLOURS[phase])


class _Canvas:
    """A mask of `size` pixels, drawn `factor` times as large and averaged in the end."""

    def __init__(self, size: int, factor: int) -> None:
        self.size = size
        self._scale = size * factor / _SIDE
        self._pixel = _SIDE / size
        self._mask = Image.new("L", (size * factor, size * factor))
        self._glow = Image.new("L", self._mask.size)

    def snap(self, position: float) -> float:
        """The edge between two pixels that is nearest, so that straight edges are sharp."""
        return round(position / self._pixel) * self._pixel

    @property
    def stroke(self) -> float:
        """How thick lines are: whole pixels in the small sizes."""
        return max(self._pixel * round(1.55 / self._pixel), 1.4)

    def polygon(self, points: Sequence[Point], value: int = 255) -> None:
        ImageDraw.Draw(self._mask).polygon([self._at(point) for point in points], fill=value)

    def glow(self, points: Sequence[Point]) -> None:
        """Where the colour is brighter: the core of a flame."""
        ImageDraw.Draw(self._glow).polygon([self._at(point) for point in points], fill=255)

    def outline(self, points: Sequence[Point], width: float) -> None:
        """The band of that width just inside of a closed shape."""
        line, inside = Image.new("L", self._mask.size), Image.new("L", self._mask.size)
        placed = [self._at(point) for point in points]
        ImageDraw.Draw(inside).polygon(placed, fill=255)
        closed = [*placed, *placed[:2]]
        ImageDraw.Draw(line).line(closed, 255, round(2 * width * self._scale), joint="curve")
        self._mask = ImageChops.lighter(self._mask, ImageChops.darker(line, inside))

    def line(self, start: Point, end: Point, width: float, value: int = 255) -> None:
        """A stroke with round ends; `value` 0 takes away what is there."""
        pen = ImageDraw.Draw(self._mask)
        pen.line([self._at(start), self._at(end)], value, round(width * self._scale))
        for x, y in (self._at(start), self._at(end)):
            half = width * self._scale / 2
            pen.ellipse((x - half, y - half, x + half, y + half), fill=value)

    def bar(self, box: tuple[float, float, float, float], radius: float, value: int = 255) -> None:
        left, top, right, bottom = (each * self._scale for each in box)
        # Pillow counts the last row and column in.
        pen = ImageDraw.Draw(self._mask)
        placed = (left, top, right - 1, bottom - 1)
        pen.rounded_rectangle(placed, radius * self._scale, fill=value)

    def arc(self, radius: float, width: float, part: float) -> None:
        """A part of a ring about the middle, clockwise from the top."""
        middle, outer = _SIDE / 2 * self._scale, radius * self._scale
        box = (middle - outer, middle - outer, middle + outer - 1, middle + outer - 1)
        pen = ImageDraw.Draw(self._mask)
        pen.arc(box, -90, -90 + 360 * part, fill=255, width=round(width * self._scale))

    def picture(self, colour: tuple[int, int, int]) -> Image.Image:
        size = (self.size, self.size)
        mask = self._mask.resize(size, Image.Resampling.BOX)
        bright = Image.new("RGB", size, tuple(min(255, round(c * 0.45 + 140)) for c in colour))
        image = Image.composite(
            bright, Image.new("RGB", size, colour), self._glow.resize(size, Image.Resampling.BOX)
        ).convert("RGBA")
        image.putalpha(mask)
        return image

    def _at(self, point: Point) -> Point:
        return point[0] * self._scale, point[1] * self._scale


@functools.cache
def _flame(
    scale: float = 1.0, middle: Point = _FLAME_MIDDLE, about: Point = _FLAME_MIDDLE
) -> tuple[Point, ...]:
    """The outline of a flame, made smaller about a point of its own that comes to lie at
    `middle`."""
    points = []
    start = _FLAME_START
    for first, second, end in _FLAME:
        for index in range(_SMOOTH):
            t = index / _SMOOTH
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            parts = tuple(zip(weights, (start, first, second, end), strict=True))
            points.append((sum(w * p[0] for w, p in parts), sum(w * p[1] for w, p in parts)))
        start = end
    return tuple(
        (middle[0] + scale * (x - about[0]), middle[1] + scale * (y - about[1])) for x, y in points
    )


def _plate(canvas: _Canvas) -> None:
    """The hob itself."""
    box = canvas.snap(1), canvas.snap(14.2), _SIDE - canvas.snap(1), canvas.snap(15.9)
    canvas.bar(box, (box[3] - box[1]) / 2.4)


def _away(canvas: _Canvas, _: int) -> None:
    canvas.polygon(_flame())
    # Along the diagonal, so that it is as sharp as a slanted line can be.
    start, end = (1.6, 1.1), (13.6, 13.1)
    canvas.line(start, end, canvas.stroke + 2.6, 0)
    canvas.line(start, end, canvas.stroke)
    _plate(canvas)


def _empty(canvas: _Canvas, _: int) -> None:
    _plate(canvas)
    half = canvas.snap(canvas.stroke) / 2
    middle = canvas.snap(8 - half) + half, canvas.snap(6.5 - half) + half
    reach = canvas.snap(4.5)
    for box in (
        (middle[0] - half, middle[1] - reach, middle[0] + half, middle[1] + reach),
        (middle[0] - reach, middle[1] - half, middle[0] + reach, middle[1] + half),
    ):
        canvas.bar(box, half / 2)


def _cold(canvas: _Canvas, _: int) -> None:
    _plate(canvas)
    # Thinner than other lines, so that there is room inside in the smallest size.
    canvas.outline(_flame(), min(canvas.stroke, 1.3))


def _loading(canvas: _Canvas, progress: int) -> None:
    # What is still to come is a thin line and not a faint one: sway's bar shows faint colours as
    # bright ones.
    canvas.arc(7.4, 1.0, 1)
    canvas.arc(8, 2.4, progress / STEPS)
    canvas.polygon(_flame(0.6, (8.0, 7.9)))


def _warm(canvas: _Canvas, _: int) -> None:
    _plate(canvas)
    canvas.polygon(_flame())
    if canvas.size >= _SMALLEST_WITH_CORE:
        canvas.glow(_flame(0.5, _CORE_MIDDLE, (8.1, 13.1)))


def _answering(canvas: _Canvas, _: int) -> None:
    bottom = canvas.snap(13)
    canvas.bar((0, 0, _SIDE, bottom), 3)
    canvas.polygon(((2.5, bottom - 1), (8.5, bottom - 1), (3, 16)))
    canvas.polygon(_flame(0.74, (8.0, 6.6)), 0)


def _error(canvas: _Canvas, _: int) -> None:
    round_by = 1.5
    corners = ((8, round_by + 0.2), (round_by + 0.1, 14.4), (15.9 - round_by, 14.4))
    canvas.polygon(corners)
    for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
        canvas.line(start, end, 2 * round_by)
    half = canvas.snap(2) / 2
    middle = canvas.snap(8 - half) + half
    canvas.bar((middle - half, canvas.snap(5), middle + half, canvas.snap(10)), 0.3, 0)
    canvas.bar((middle - half, canvas.snap(11.3), middle + half, canvas.snap(13.3)), 0.3, 0)


_SHAPES = {
    "away": _away,
    "empty": _empty,
    "cold": _cold,
    "loading": _loading,
    "warm": _warm,
    "answering": _answering,
    "error": _error,
}
