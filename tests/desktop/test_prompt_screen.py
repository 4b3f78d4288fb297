"""The prompt window on a real screen: a window manager, real keys, a real daemon and model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.screen import Screen
from live_daemon import LiveDaemon, starter_model

pytestmark = pytest.mark.live

_SOMEBODY = """
import sys
from PySide6 import QtWidgets
app = QtWidgets.QApplication(sys.argv)
box = QtWidgets.QPlainTextEdit()
box.setWindowTitle("somebody")
box.textChanged.connect(lambda: open(sys.argv[1], "w").write(box.toPlainText()))
box.show()
app.exec()
"""


class Prompt:
    """The program with the window, on a screen."""

    def __init__(self, screen: Screen, home: Path) -> None:
        program = Path(__file__).with_name("prompt_program.py")
        self._log = screen.log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            env={**screen.environ, "HOB_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def order(self, what: str = "look") -> dict[str, Any]:
        """Give an order; what the window is then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


@pytest.fixture
def screen() -> Iterator[Screen]:
    with Screen(panel=False, notices=False) as made:
        yield made


@pytest.fixture
def prompt(screen: Screen, tmp_path: Path) -> Iterator[Prompt]:
    made = Prompt(screen, tmp_path / "home")
    yield made
    made.end()


@pytest.fixture
def daemon(tmp_path: Path) -> LiveDaemon:
    return LiveDaemon(
        tmp_path / "home",
        [starter_model()],
        settings=["engine.max_tokens=40"],
        environ={"OMP_WAIT_POLICY": "passive"},
    )


def come(screen: Screen, prompt: Prompt) -> None:
    """Show it, and wait until the keys go to it."""
    prompt.order("open")
    screen.eventually(lambda: screen.active_window() == "Hob", what="the window")
    screen.eventually(lambda: prompt.order()["active"], what="the window's focus")


def test_a_question_is_typed_answered_and_pasted_into_the_window_before(
    screen: Screen, prompt: Prompt, daemon: LiveDaemon, tmp_path: Path
) -> None:
    written = tmp_path / "written"
    program = tmp_path / "somebody.py"
    program.write_text(_SOMEBODY)
    screen.spawn(sys.executable, str(program), str(written))
    screen.window("somebody")
    screen.eventually(lambda: screen.active_window() == "somebody", what="the other window")
    with daemon:
        screen.eventually(lambda: prompt.order()["phase"] == "warm", what="the model")
        come(screen, prompt)
        screen.xdotool("type", "--delay", "5", "Say hello to me.")
        screen.eventually(lambda: prompt.order()["typed"] == "Say hello to me.", what="the keys")
        screen.xdotool("key", "Return")
        screen.eventually(lambda: prompt.order()["state"] == "done", what="the answer")
        answer = prompt.order()["answer"]
        assert answer
        screen.xdotool("key", "Escape")
        screen.eventually(lambda: screen.active_window() == "somebody", what="the focus back")
        assert not prompt.order()["visible"]
        come(screen, prompt)
        assert prompt.order()["answer"] == answer
        screen.xdotool("key", "ctrl+Return")
        screen.eventually(written.exists, what="the text in the other window")
        screen.eventually(lambda: answer[:10] in written.read_text(), what="the answer in it")
        assert not prompt.order()["visible"]


def test_a_copied_text_is_attached_and_read_while_the_question_is_typed(
    screen: Screen, prompt: Prompt, daemon: LiveDaemon
) -> None:
    screen.spawn(
        "sh", "-c", "seq 1 40 | sed 's/$/ pots of tea/' | xclip -selection clipboard -loops 20"
    )
    with daemon:
        screen.eventually(lambda: prompt.order()["phase"] == "warm", what="the model")
        come(screen, prompt)
        screen.xdotool("key", "ctrl+shift+v")
        screen.eventually(lambda: prompt.order()["attached"] == ["Clipboard"], what="the text")
        client = daemon.client()
        screen.eventually(lambda: client.status().workers[0].live_requests, what="the reading")
        screen.xdotool("type", "--delay", "5", "How many pots of tea are there?")
        screen.eventually(lambda: not client.status().workers[0].live_requests, what="its end")
        screen.xdotool("key", "Return")
        screen.eventually(lambda: prompt.order()["state"] == "done", what="the answer")
        [worker] = client.status().workers
        # The only question so far found most of its prompt in the cache.
        assert worker.answers == 1
        assert worker.cached_tokens > worker.prompt_tokens / 2


def test_a_question_waits_until_there_is_a_daemon(
    screen: Screen, prompt: Prompt, daemon: LiveDaemon
) -> None:
    come(screen, prompt)
    assert "running" in " ".join(prompt.order()["words"])
    screen.xdotool("type", "--delay", "5", "Hello")
    screen.xdotool("key", "Return")
    screen.eventually(lambda: prompt.order()["state"] == "waiting", what="the question")
    with daemon:
        screen.eventually(lambda: prompt.order()["state"] == "done", 120, "the answer")
        assert prompt.order()["answer"]
