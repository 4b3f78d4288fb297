"""The tray and a real daemon: what is clicked happens there, and what happens there is seen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.screen import Screen
from desktop.tray_driver import OpenMenu, TrayProgram, wait_for_icon
from hob.client import Client
from hob.desktop.view import DaemonView
from hob.errors import HobError
from live_daemon import LiveDaemon, gemma_model, starter_model

pytestmark = pytest.mark.live

# Whoever waits for a core must not keep it busy: there may be one for all.
QUIET = {"OMP_WAIT_POLICY": "passive", "HOB_DESKTOP_START": "false"}


def place(tray: TrayProgram, view: DaemonView, key: str, *path: str) -> int:
    return [item.key for item in tray.items(view, *path)].index(key)


def open_models(screen: Screen, tray: TrayProgram, view: DaemonView) -> OpenMenu:
    menu = OpenMenu(screen, wait_for_icon(screen, view), len(tray.items(view)))
    menu.enter(place(tray, view, "models"), len(tray.items(view, "models")))
    return menu


def is_settled(view: DaemonView) -> bool:
    """Warm, with all that is asked of the daemon known."""
    return view.phase == "warm" and len(view.models) >= 2 and view.status is not None


def is_away(view: DaemonView) -> bool:
    """No daemon, and no connection any more that one had."""
    return view.phase == "away" and view.problem is not None and view.problem.code == "not_running"


@contextlib.contextmanager
def ended_after(client: Client) -> Iterator[None]:
    """Ends the daemon that the tray starts, which is nobody's child."""
    try:
        yield
    finally:
        with contextlib.suppress(HobError):
            os.kill(client.status().pid, signal.SIGTERM)


def test_a_click_switches_the_model_a_new_file_comes_and_a_killed_daemon_comes_back(
    tmp_path: Path,
) -> None:
    models = (starter_model(), gemma_model())
    with (
        Screen() as screen,
        LiveDaemon(tmp_path, models, environ=QUIET) as daemon,
        ended_after(Client(daemon.paths.socket)),
        TrayProgram(screen, live=tmp_path, environ=QUIET) as tray,
    ):
        view = tray.expect_view(is_settled)
        other = next(each.info.name for each in view.models if each.info.name != view.chosen)

        open_models(screen, tray, view).choose(place(tray, view, f"model {other}", "models"))
        view = tray.expect_view(lambda view: is_settled(view) and view.chosen == other)
        assert daemon.client().status().chosen == other

        menu = open_models(screen, tray, view)
        before = menu.picture()
        shutil.copy(starter_model(), daemon.paths.models_dir / "a-copy-1b-q4_1.gguf")
        view = tray.expect_view(lambda view: len(view.models) == 3)
        menu.follow(before)
        screen.xdotool("key", "Escape", "Escape")

        daemon.process.send_signal(signal.SIGKILL)
        view = tray.expect_view(is_away)
        menu = OpenMenu(screen, wait_for_icon(screen, view), len(tray.items(view)))
        menu.choose(place(tray, view, "start"))
        view = tray.expect_view(is_settled)
        wait_for_icon(screen, view)
