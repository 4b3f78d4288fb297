"""The life of the real daemon, in a home without models."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fakes.command_line import Cli
from hob.cli.background import stop_daemon
from hob.cli.context import App
from hob.errors import NotRunning
from hob.paths import find_paths


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    """The daemon of this home is ended after the test, whatever happened."""
    app = App.from_environ(os.environ)
    yield app
    try:
        stop_daemon(app, print)
    except NotRunning:
        return


def pid_in(text: str) -> int:
    found = re.search(r"pid (\d+)", text)
    assert found
    return int(found[1])


def test_up_starts_the_daemon_once_and_down_stops_it(app: App, cli: Cli) -> None:
    ran = cli("up")
    assert ran.code == 0
    assert "Hob is running (pid" in ran.out
    assert "hob models pull starter" in ran.out
    pid = pid_in(ran.out)
    assert f"running already (pid {pid})" in cli("up").out
    assert f"(pid {pid}, for" in cli("status").out
    ran = cli("down")
    assert f"Hob has stopped (pid {pid}, after" in ran.out
    assert cli("status").code == 3
    assert cli("down").out == "Hob is not running.\n"


def test_the_daemon_outlives_the_terminal_and_holds_no_folder(app: App, cli: Cli) -> None:
    pid = pid_in(cli("up", "--no-wait").out)
    assert os.getsid(pid) != os.getsid(0)
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")


def test_restart_brings_another_process(app: App, cli: Cli) -> None:
    first = pid_in(cli("up").out)
    ran = cli("restart")
    assert ran.code == 0
    assert pid_in(ran.out.splitlines()[-2]) != first


def test_two_commands_at_once_start_one_daemon(app: App) -> None:
    command = [sys.executable, "-m", "hob", "up", "--no-wait"]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=60)[0] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0]
    # None is still starting, to take over later.
    assert {pid_in(text) for text in told} == daemons_of(app)


def daemons_of(app: App) -> set[int]:
    """The processes that work for this home, whether they answer or not."""
    home = f"HOB_HOME={app.environ['HOB_HOME']}".encode()
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environ = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if home in environ and "serve" in process.cmdline():
                found.add(process.pid)
    return found


def test_a_question_starts_the_daemon_and_says_so(app: App, cli: Cli) -> None:
    ran = cli("ask", "hi")
    assert ran.err.startswith("hob: The daemon is not running; starting it.\n")
    assert ran.code == 4
    assert app.client().status().model_count == 0


def test_a_wrong_setting_is_told_in_the_daemons_words(app: App, cli: Cli) -> None:
    ran = cli("up", "--set", "nonsense.key=1")
    assert ran.code == 3
    assert ran.err.startswith("hob: The daemon did not start. ")
    assert "nonsense" in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err


def test_a_daemon_whose_socket_is_gone_is_stopped_by_a_signal(app: App, cli: Cli) -> None:
    pid = pid_in(cli("up", "--no-wait").out)
    # Stopped first, so that it cannot make its socket again before it is asked to end.
    os.kill(pid, signal.SIGSTOP)
    app.paths.socket.unlink()
    down = subprocess.Popen(
        [sys.executable, "-m", "hob", "down"], stdout=subprocess.PIPE, text=True
    )
    assert down.stdout
    assert "was sent SIGTERM" in down.stdout.readline()
    os.kill(pid, signal.SIGCONT)
    assert f"Hob has stopped (pid {pid}" in down.communicate(timeout=60)[0]


def test_serve_says_which_daemon_runs_already(app: App, cli: Cli) -> None:
    pid = pid_in(cli("up", "--no-wait").out)
    ran = subprocess.run(
        [sys.executable, "-m", "hob", "serve"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 8
    assert f"(pid {pid})" in ran.stderr


def test_a_log_folder_that_cannot_be_made_is_one_sentence(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "logs").write_text("in the way")
    ran = cli("up")
    assert ran.code == 3
    assert "cannot be written" in ran.err
    assert find_paths(os.environ).log_dir == home / "logs"
