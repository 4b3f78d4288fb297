"""The tray on a Wayland desktop: sway, with the tray in its own bar."""

from __future__ import annotations

import os
import re
from pathlib import Path

from desktop.tray_driver import TrayProgram, nearest
from desktop.tray_views import in_phase
from desktop.wayland import WaylandScreen
from hob.desktop.view import Phase
from live_daemon import eventually

PHASES: tuple[Phase, ...] = ("away", "empty", "cold", "loading", "warm", "answering", "error")
# Of the bar, its tray, and the size that the bar makes of an icon, blurred as it is.
_HEIGHT, _WIDTH, _PIXELS = 24, 48, 19


def activate(screen: WaylandScreen) -> None:
    """What the bar sends for a click: without hardware, sway gives it no pointer."""
    call = ("dbus-send", "--session", "--print-reply")
    get = "org.freedesktop.DBus.Properties.Get"
    watcher = "org.kde.StatusNotifierWatcher"
    said = screen.run(
        *(*call, f"--dest={watcher}", "/StatusNotifierWatcher", get),
        *(f"string:{watcher}", "string:RegisteredStatusNotifierItems"),
    ).decode()
    found = re.search(r'string "(:[\d.]+)(/\w+)"', said)
    assert found is not None, said
    screen.run(
        *(*call, f"--dest={found[1]}", found[2], "org.kde.StatusNotifierItem.Activate"),
        *("int32:0", "int32:0"),
    )


def seen(screen: WaylandScreen) -> Phase:
    """The phase whose icon is likest to what is in the bar."""
    picture = screen.picture()
    left = picture.width - _WIDTH
    bar = picture.crop((left, 0, picture.width, _HEIGHT))
    return min(PHASES, key=lambda phase: nearest(bar, in_phase(phase), _PIXELS)[0])


def test_the_icon_is_seen_in_the_bar_and_its_call_opens_the_prompt() -> None:
    with WaylandScreen(bar=True) as screen, TrayProgram(screen) as tray:
        # The full shapes; this bar makes thin lines twice as thick.
        for phase in ("error", "answering", "warm"):
            tray.show(in_phase(phase))
            eventually(lambda phase=phase: seen(screen) == phase)  # type: ignore[misc]
        if folder := os.environ.get("HOB_TEST_PICTURES"):
            screen.picture().save(Path(folder) / "wayland.png")
        activate(screen)
        assert tray.expect("open") == ["prompt"]
