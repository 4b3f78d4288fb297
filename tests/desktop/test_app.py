"""The whole: a daemon with a real model on a real desktop, used with keys as a person would."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageChops, ImageStat

from desktop.screen import PANEL_HEIGHT, Screen
from hob.errors import HobError
from hob.wire.desktop import DesktopStatus, Open, Quit
from live_daemon import LiveDaemon, eventually, starter_model

pytestmark = pytest.mark.live

# Where the tray's only icon is.
ICON = (0, 0, PANEL_HEIGHT, PANEL_HEIGHT)
# The mean difference of a channel that is seen as another picture.
_OTHER = 4.0


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


@pytest.fixture
def daemon(screen: Screen, tmp_path: Path) -> Iterator[LiveDaemon]:
    # A model of this size does not always find an end by itself.
    short = ["engine.max_tokens=60"]
    models = [starter_model()]
    with LiveDaemon(tmp_path, models, settings=short, environ=environ(screen)) as daemon:
        yield daemon
    eventually(lambda: not desktops_alive(daemon))


def environ(screen: Screen) -> dict[str, str]:
    return {**screen.environ, "OMP_WAIT_POLICY": "passive"}


def desktop(daemon: LiveDaemon) -> DesktopStatus:
    """The desktop that is attached and has its hotkeys; waits for it."""
    found: list[DesktopStatus] = []

    def look() -> bool:
        found[:] = attached(daemon)
        return bool(found) and any(each.action == "ask" for each in found[0].hotkeys)

    eventually(look, 60)
    return found[0]


def attached(daemon: LiveDaemon) -> list[DesktopStatus]:
    try:
        return list(daemon.client().desktops().desktops)
    except HobError:
        return []


def desktops_alive(daemon: LiveDaemon) -> list[int]:
    """The desktop processes of this daemon's home."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        info = process.info
        if (
            "hob.desktop" in (info["cmdline"] or [])
            and (info["environ"] or {}).get("HOB_HOME") == daemon.environ["HOB_HOME"]
        ):
            found.append(process.pid)
    return found


def icon(screen: Screen) -> Image.Image:
    return screen.picture().crop(ICON)


def differ(one: Image.Image, other: Image.Image) -> bool:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean) > _OTHER


def warm(daemon: LiveDaemon) -> None:
    eventually(lambda: any(worker.warm_since for worker in daemon.client().status().workers), 60)


def test_the_hotkey_opens_a_window_whose_answer_is_the_models(
    screen: Screen, daemon: LiveDaemon
) -> None:
    """The desktop comes by itself, shows its icon, hears its key, asks and copies the answer."""
    before = screen.picture().crop((600, 0, 600 + PANEL_HEIGHT, PANEL_HEIGHT))
    found = desktop(daemon)
    assert found.session == screen.display
    assert [each.problem for each in found.hotkeys] == [None] * len(found.hotkeys)
    screen.eventually(lambda: differ(icon(screen), before), what="the icon in the panel")
    warm(daemon)
    screen.xdotool("key", "ctrl+alt+space")
    screen.window("^Hob$")
    screen.eventually(lambda: screen.active_window() == "Hob", what="the focus")
    screen.xdotool("type", "Say hello to Ada")
    screen.xdotool("key", "Return")
    client = daemon.client()
    screen.eventually(lambda: client.recent().answers, what="the answer among the recent ones")
    (answer,) = client.recent().answers
    assert answer.title == "Say hello to Ada"
    screen.xdotool("key", "ctrl+shift+c")
    screen.eventually(
        lambda: screen.run("xclip", "-selection", "clipboard", "-o").strip() == answer.text.strip(),
        what="the answer on the clipboard",
    )
    screen.xdotool("key", "Escape")
    screen.eventually(lambda: not screen.windows("^Hob$"), what="the window to go")


def test_a_desktop_that_is_killed_comes_back_and_the_answers_go_on(
    screen: Screen, daemon: LiveDaemon
) -> None:
    first = desktop(daemon)
    warm(daemon)
    with daemon.openai().chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "Count to twenty"}],
        max_tokens=40,
        stream=True,
    ) as stream:
        next(iter(stream))
        psutil.Process(first.pid).kill()
        assert list(stream)[-1].choices[0].finish_reason
    eventually(lambda: [each.pid for each in attached(daemon)] not in ([], [first.pid]))
    second = desktop(daemon)
    assert second.pid != first.pid
    screen.xdotool("key", "ctrl+alt+space")
    screen.window("^Hob$")


def test_a_daemon_that_is_killed_is_seen_to_be_away_and_to_come_back(
    screen: Screen, daemon: LiveDaemon
) -> None:
    first = desktop(daemon)
    warm(daemon)
    seen: list[Image.Image] = [icon(screen)]
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.communicate()
    screen.eventually(lambda: differ(icon(screen), seen[0]), what="the icon to say away")
    assert psutil.pid_exists(first.pid), "the desktop outlives a daemon that is killed"
    daemon.start()
    assert desktop(daemon).pid == first.pid
    warm(daemon)
    screen.eventually(lambda: not differ(icon(screen), seen[0]), what="the icon of before")
    assert desktops_alive(daemon) == [first.pid]


def test_a_desktop_that_the_person_quits_stays_away_until_it_is_started(
    screen: Screen, daemon: LiveDaemon
) -> None:
    first = desktop(daemon)
    daemon.client().ask_desktop(Quit())
    eventually(lambda: not attached(daemon) and not desktops_alive(daemon))
    listed = daemon.client().desktops()
    assert listed.problem is not None
    assert "quit" in listed.problem.message
    started = daemon.run("desktop", "--detach")
    assert "Hob's desktop runs" in started.stdout, started.stderr
    second = desktop(daemon)
    assert second.pid != first.pid
    refused = daemon.run("desktop")
    assert refused.returncode == 8
    assert f"on {screen.display} already" in refused.stderr
    # What was started by hand and dies is the daemon's to start again.
    psutil.Process(second.pid).kill()
    eventually(lambda: attached(daemon) and attached(daemon)[0].pid not in (first.pid, second.pid))


def test_a_key_that_is_held_down_opens_one_window(screen: Screen, daemon: LiveDaemon) -> None:
    found = desktop(daemon)
    for _ in range(4):
        screen.xdotool("key", "--delay", "10", *["ctrl+alt+space"] * 25)
    screen.eventually(lambda: screen.windows("^Hob$"), what="the window")
    # An order comes after all presses, so they have been heard by then.
    daemon.client().ask_desktop(Open())
    assert len(screen.windows("^Hob$")) == 1
    assert desktop(daemon).pid == found.pid


def test_a_hotkey_that_is_changed_works_at_once(screen: Screen, daemon: LiveDaemon) -> None:
    desktop(daemon)
    daemon.client().set_hotkey("ask", "ctrl+alt+j")
    eventually(lambda: "ctrl+alt+j" in [each.hotkey for each in desktop(daemon).hotkeys])
    screen.xdotool("key", "ctrl+alt+j")
    screen.window("^Hob$")


def test_a_screen_that_goes_takes_the_desktop_with_it_and_nothing_else(tmp_path: Path) -> None:
    with (
        Screen(panel=False, notices=False) as screen,
        LiveDaemon(tmp_path, environ=environ(screen)) as daemon,
    ):
        desktop(daemon)
        screen.server.kill()
        eventually(lambda: not attached(daemon) and not desktops_alive(daemon))
        eventually(
            lambda: "No screen answers" in str(daemon.client().desktops().problem), seconds=60
        )


def test_without_a_screen_the_daemon_says_so_once_and_runs(tmp_path: Path) -> None:
    with LiveDaemon(tmp_path, environ={"DISPLAY": "", "WAYLAND_DISPLAY": ""}) as daemon:
        eventually(lambda: daemon.client().desktops().problem)
        listed = daemon.client().desktops()
        assert listed.problem is not None
        assert "There is no screen in this session" in listed.problem.message
        assert "There is no screen" in daemon.run("status").stdout
        assert "none is needed here" in daemon.run("doctor").stdout
        with pytest.raises(HobError, match="There is no screen"):
            daemon.client().ask_desktop(Open())
    log = daemon.paths.log_file.read_text()
    assert log.count("There is no screen in this session") == 1
