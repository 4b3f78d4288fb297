"""The icon can be read: in every size, on any panel, and without colour."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from hob.desktop.tray.backend import pictures_of
from hob.desktop.tray.icons import PANEL_SIZES, SIZES, STEPS, draw, step
from hob.desktop.view import Phase

PHASES: tuple[Phase, ...] = ("away", "empty", "cold", "loading", "warm", "answering", "error")
# Of graphics, as the Web Content Accessibility Guidelines have it.
LEAST_CONTRAST = 3.0
# Panels as GTK, KDE, GNOME and Windows come with, and the extremes.
GROUNDS = {"black": "#000000", "dark": "#353535", "light": "#f6f5f4", "white": "#ffffff"}


def shown(phase: Phase, size: int, ground: str, progress: int = 0) -> Image.Image:
    """As a person sees it who sees no colours."""
    picture = Image.new("RGBA", (size, size), ground)
    picture.alpha_composite(draw(phase, size, progress))
    return picture.convert("L")


def distance(one: Image.Image, other: Image.Image) -> float:
    """Which part of the pixels is clearly another."""
    difference = ImageChops.difference(one, other).point(lambda value: 255 * (value > 48))
    return float(ImageStat.Stat(difference).mean[0]) / 255


def luminance(colour: tuple[int, ...]) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(value / 255) for value in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ground", ["#000000", "#ffffff"])
@pytest.mark.parametrize("size", SIZES)
def test_phases_differ_in_shape_in_every_size(size: int, ground: str) -> None:
    pictures = {phase: shown(phase, size, ground, 12 * (phase == "loading")) for phase in PHASES}
    for one, other in combinations(PHASES, 2):
        assert distance(pictures[one], pictures[other]) > 0.12, (one, other)


@pytest.mark.parametrize("progress", [1, STEPS // 2, STEPS])
@pytest.mark.parametrize("ground", ["#000000", "#ffffff"])
def test_a_load_is_told_from_all_else_wherever_it_stands(ground: str, progress: int) -> None:
    loading = shown("loading", 16, ground, progress)
    for phase in set(PHASES) - {"loading"}:
        assert distance(loading, shown(phase, 16, ground)) > 0.12, phase


@pytest.mark.parametrize("ground", ["#000000", "#ffffff"])
def test_a_load_that_goes_on_is_seen_at_16_pixels(ground: str) -> None:
    pictures = [shown("loading", 16, ground, progress) for progress in (1, 6, 12, 18, 24)]
    for before, after in pairwise(pictures):
        assert distance(before, after) > 0.02


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_phase_stands_out_from_every_panel(ground: str, phase: Phase) -> None:
    picture = draw(phase, 16, 12 * (phase == "loading"))
    below = luminance(Image.new("RGB", (1, 1), GROUNDS[ground]).getpixel((0, 0)))  # type: ignore[arg-type]
    solid = [pixel for pixel in picture.get_flattened_data() if pixel[3] == 255]  # type: ignore[index]
    contrasts = []
    for pixel in solid:
        light, dark = sorted((luminance(pixel), below), reverse=True)  # type: ignore[arg-type]
        contrasts.append((light + 0.05) / (dark + 0.05))
    strong = sum(contrast >= LEAST_CONTRAST for contrast in contrasts)
    assert strong >= 24, "too few pixels to make out a shape"
    # The bright core of a flame may be lost, never the flame.
    assert strong / len(solid) > 0.7


def test_straight_edges_are_sharp_at_16_pixels() -> None:
    for phase in ("cold", "warm", "empty", "away"):
        alpha = draw(phase, 16).getchannel("A")
        rows = [{alpha.getpixel((x, y)) for x in range(4, 12)} for y in (14, 15)]
        assert rows == [{255}, {255}], f"the plate of {phase} is blurred"


@pytest.mark.parametrize("size", SIZES)
def test_no_shape_is_cut_off_and_none_is_lost_in_its_square(size: int) -> None:
    for phase in PHASES:
        box = draw(phase, size, STEPS).getchannel("A").point(lambda v: 255 * (v > 40)).getbbox()
        assert box is not None
        assert box[2] - box[0] > 0.55 * size
        assert box[3] - box[1] > 0.8 * size


@given(st.none() | st.floats(0, 1))
def test_progress_is_a_step_that_never_looks_like_none(fraction: float | None) -> None:
    assert 1 <= step(fraction) <= STEPS
    if fraction is not None and fraction < 1:
        assert step(fraction) < STEPS, "it looks finished"


@given(st.floats(0, 1), st.floats(0, 1))
def test_progress_never_goes_back(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert step(low) <= step(high)


def test_each_platform_gets_pictures_as_it_takes_them() -> None:
    pictures = pictures_of("warm", 0, "linux")
    assert isinstance(pictures, tuple)
    assert [picture.size for picture in pictures] == [(size, size) for size in PANEL_SIZES]
    for platform in ("win32", "darwin"):
        assert isinstance(pictures_of("warm", 0, platform), Image.Image)
