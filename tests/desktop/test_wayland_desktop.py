"""The whole desktop on Wayland: the portal's hotkey, the window, and the real model's answer."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.wayland import WaylandScreen
from fakes.portal import FakePortal
from live_daemon import LiveDaemon, eventually, starter_model

pytestmark = pytest.mark.live


@pytest.fixture
def screen() -> Iterator[WaylandScreen]:
    with WaylandScreen() as screen:
        yield screen


def focused_window(screen: WaylandScreen) -> str:
    """The title of the window that has the keyboard; empty when none has."""

    def find(node: dict[str, Any]) -> str:
        if node.get("focused") and node.get("pid"):
            return str(node.get("name") or "")
        inside = (*node.get("nodes", ()), *node.get("floating_nodes", ()))
        return next((title for title in map(find, inside) if title), "")

    return find(json.loads(screen.windows()))


def test_the_portals_key_opens_the_window_and_the_model_answers_what_is_typed(
    screen: WaylandScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in screen.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DISPLAY", raising=False)
    portal = FakePortal(os.environ["DBUS_SESSION_BUS_ADDRESS"])
    with (
        tempfile.TemporaryDirectory(prefix="hob") as home,
        LiveDaemon(Path(home), [starter_model()], settings=["engine.max_tokens=40"]) as daemon,
    ):
        client = daemon.client()
        client.load(client.status().chosen)
        eventually(lambda: portal.bound and "ask" in portal.bound[-1])
        eventually(lambda: [d.hotkey_way for d in client.desktops().desktops] == ["portal"])
        portal.press("ask")
        eventually(lambda: "Hob" in focused_window(screen))
        # The first key of each run may be lost: a map of the keyboard comes with it.
        screen.run("wtype", "  Name a bird.", "-k", "Return")
        eventually(lambda: client.recent().answers, 120)
        (answer,) = client.recent().answers
        assert answer.title == "Name a bird."
        assert answer.text.strip()
        screen.run("wtype", "-k", "Shift_L", "-k", "Escape")
        eventually(lambda: focused_window(screen) == "")
    portal.stop()
