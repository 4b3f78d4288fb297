"""The tests' own desktop is one that other programs find."""

from __future__ import annotations

from desktop.screen import PANEL_HEIGHT, Screen


def test_programs_find_a_window_manager_a_tray_and_a_server_of_notices() -> None:
    with Screen() as screen:
        assert screen.owns("org.kde.StatusNotifierWatcher")
        screen.run("notify-send", "a notice", "with words")
        screen.window("[Dd]unst")
        screen.spawn("xmessage", "-title", "somebody", "hello")
        screen.window("somebody")
        screen.eventually(lambda: screen.active_window() == "somebody", what="the focus")
        picture = screen.picture()
        assert picture.size == (1280, 800)
        assert picture.getpixel((600, PANEL_HEIGHT // 2)) != picture.getpixel((600, 700))
