"""Which kind of screen a session has."""

from __future__ import annotations

import pytest

from hob.desktop.session_kind import session_kind


@pytest.mark.parametrize(
    ("platform", "environ", "kind"),
    [
        ("darwin", {}, "macos"),
        ("win32", {}, "windows"),
        ("linux", {}, "none"),
        ("linux", {"DISPLAY": ":0"}, "x11"),
        ("linux", {"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, "x11"),
        ("linux", {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
        ("linux", {"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, "wayland"),
        ("linux", {"DISPLAY": ":0", "XDG_SESSION_TYPE": "tty"}, "x11"),
        ("linux", {"XDG_SESSION_TYPE": "x11"}, "none"),
        ("freebsd14", {"WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
    ],
)
def test_the_kind_is_told_by_the_session(platform: str, environ: dict[str, str], kind: str) -> None:
    assert session_kind(platform, environ) == kind
