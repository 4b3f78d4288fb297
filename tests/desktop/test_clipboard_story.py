"""The clipboard, from one program through the summary and into another."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.screen import Screen
from live_daemon import LiveDaemon, eventually, starter_model

pytestmark = pytest.mark.live

LETTER = (
    "Dear Anna,\n\nthe review of the kitchen moves to Friday at ten. Please bring the budget, and"
    " tell Bob about the new room on the second floor.\n\nBest regards,\nTom"
)


@pytest.fixture
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


@pytest.fixture
def daemon(screen: Screen, tmp_path: Path) -> Iterator[LiveDaemon]:
    environ = {**screen.environ, "OMP_WAIT_POLICY": "passive"}
    settings = ("engine.max_tokens=60",)
    with LiveDaemon(tmp_path, [starter_model()], settings=settings, environ=environ) as daemon:
        client = daemon.client()
        client.load(client.status().chosen)
        eventually(lambda: [d.hotkeys for d in client.desktops().desktops if d.hotkeys], 60)
        yield daemon


def copy_in_another_program(screen: Screen, text: str) -> None:
    screen.run("bash", "-c", "xclip -selection clipboard >/dev/null 2>&1", input=text)


def pasted_by_another_program(screen: Screen) -> str:
    done = subprocess.run(
        ["xclip", "-selection", "clipboard", "-o"],
        env=screen.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def test_a_copied_letter_is_summarized_and_the_summary_pasted(
    screen: Screen, daemon: LiveDaemon
) -> None:
    client = daemon.client()
    copy_in_another_program(screen, LETTER)
    screen.xdotool("key", "ctrl+alt+c")
    screen.eventually(lambda: "Hob" in screen.active_window(), what="the action menu")
    screen.xdotool("type", "summ")
    screen.xdotool("key", "Return")
    screen.eventually(lambda: client.recent().answers, 120, what="the summary")
    (answer,) = client.recent().answers
    assert answer.title.startswith("Summarize")
    assert answer.text.strip()
    screen.eventually(lambda: screen.active_window() == "Hob", what="the window with the summary")
    screen.xdotool("key", "ctrl+shift+c")
    screen.eventually(
        lambda: pasted_by_another_program(screen).strip() == answer.text.strip(),
        what="the summary on the clipboard",
    )


def test_the_same_action_does_the_same_from_the_command_line(
    screen: Screen, daemon: LiveDaemon
) -> None:
    copy_in_another_program(screen, LETTER)
    done = daemon.run("action", "run", "summarize")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_an_empty_clipboard_is_said_in_a_sentence(screen: Screen, daemon: LiveDaemon) -> None:
    done = daemon.run("action", "run", "summarize")
    assert done.returncode != 0
    assert "no text to work on" in done.stderr
    assert "Traceback" not in done.stderr
