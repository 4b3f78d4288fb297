"""`hob action` where there is a desktop: windows, the clipboard and keys, from the command line.

The action is one that needs no model, since the smallest one may talk without end.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.screen import Screen
from hob.errors import HobError
from live_daemon import LiveDaemon, eventually, starter_model

pytestmark = pytest.mark.live

TABLE = "town\tsnow\nDavos\t90\nChur\t5\n"
CSV = "town,snow\nDavos,90\nChur,5"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen(panel=False) as screen:
        yield screen


@pytest.fixture(scope="module")
def daemon(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """With its desktop attached, which has its keys."""
    home: Path = tmp_path_factory.mktemp("hob")
    environ = {**screen.environ, "OMP_WAIT_POLICY": "passive"}
    short = ["engine.max_tokens=60"]
    with LiveDaemon(home, [starter_model()], settings=short, environ=environ) as live:
        eventually(lambda: keys(live), 60)
        yield live


def keys(daemon: LiveDaemon) -> dict[str, str]:
    """The hotkeys that work, by action."""
    try:
        desktops = daemon.client().desktops().desktops
    except HobError:
        return {}
    return {
        each.action: each.hotkey
        for desktop in desktops
        for each in desktop.hotkeys
        if each.problem is None
    }


def copy(screen: Screen, text: str) -> None:
    """As another program does: xclip stays to hand it out, so nothing of it is waited for."""
    subprocess.run(
        ["xclip", "-selection", "clipboard"],
        env=screen.environ,
        input=text.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=True,
    )


def clipboard(screen: Screen) -> str:
    return screen.run("xclip", "-selection", "clipboard", "-o")


def answers(daemon: LiveDaemon) -> list[str]:
    recent = daemon.client().recent().answers
    return [answer.text.replace("\r", "").strip() for answer in recent]


def test_the_prompt_window_opens_by_a_command(screen: Screen, daemon: LiveDaemon) -> None:
    ran = daemon.run("action", "run", "ask")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    screen.window("^Hob$")
    screen.eventually(lambda: screen.active_window() == "Hob", what="the focus")
    screen.xdotool("key", "Escape")
    screen.eventually(lambda: not screen.windows("^Hob$"), what="the window's end")


def test_the_clipboard_is_worked_on_and_the_text_comes_back_there(
    screen: Screen, daemon: LiveDaemon
) -> None:
    copy(screen, TABLE)
    ran = daemon.run("action", "run", "table-to-csv", "--copy")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.replace("\r", "").strip() == CSV
    assert clipboard(screen).replace("\r", "").strip() == CSV


def test_an_action_runs_on_the_desktop_as_if_its_key_had_been_pressed(
    screen: Screen, daemon: LiveDaemon
) -> None:
    copy(screen, TABLE)
    ran = daemon.run("action", "run", "table-to-csv", "--desktop")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    screen.eventually(lambda: CSV in answers(daemon), what="the answer")
    screen.window("^Hob$")
    screen.xdotool("key", "Escape")


def test_the_desktop_has_a_key_as_soon_as_a_command_gives_it(daemon: LiveDaemon) -> None:
    ran = daemon.run("action", "hotkey", "table-to-csv", "Ctrl+Alt+Y")
    assert ran.stdout == "table-to-csv is on ctrl+alt+y.\n", ran.stderr
    eventually(lambda: keys(daemon).get("table-to-csv") == "ctrl+alt+y")
    assert daemon.run("action", "hotkey", "table-to-csv", "none").returncode == 0
    eventually(lambda: "table-to-csv" not in keys(daemon))
