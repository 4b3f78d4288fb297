"""The tray on a Wayland desktop: sway, with the tray in its own bar."""

from __future__ import annotations

import os
from pathlib import Path

from desktop.tray_driver import TrayProgram, nearest
from desktop.tray_views import in_phase
from desktop.wayland import WaylandScreen
from hob.desktop.view import Phase
from live_daemon import eventually

PHASES: tuple[Phase, ...] = ("away", "empty", "cold", "loading", "warm", "answering", "error")
# Of the bar, its tray, and the size that the bar makes of an icon, blurred as it is.
_HEIGHT, _WIDTH, _PIXELS = 24, 48, 19


def seen(screen: WaylandScreen) -> tuple[Phase, tuple[int, int]]:
    """The phase whose icon is likest to what is in the bar, and the place of it."""
    picture = screen.picture()
    left = picture.width - _WIDTH
    bar = picture.crop((left, 0, picture.width, _HEIGHT))
    found = {phase: nearest(bar, in_phase(phase), _PIXELS) for phase in PHASES}
    likest = min(PHASES, key=lambda phase: found[phase][0])
    x, y = found[likest][1]
    return likest, (x + left, y)


def test_the_icon_is_seen_in_the_bar_and_a_click_opens_the_prompt() -> None:
    with WaylandScreen(bar=True) as screen, TrayProgram(screen) as tray:
        # The full shapes; this bar makes thin lines twice as thick.
        for phase in ("error", "answering", "warm"):
            tray.show(in_phase(phase))
            eventually(lambda phase=phase: seen(screen)[0] == phase)  # type: ignore[misc]
        if folder := os.environ.get("HOB_TEST_PICTURES"):
            screen.picture().save(Path(folder) / "wayland.png")
        screen.click(*seen(screen)[1])
        assert tray.expect("open") == ["prompt"]
