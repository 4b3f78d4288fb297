"""How the desktop begins as a process, and what it says where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hob.desktop import start
from hob.desktop.single import is_taken, only_desktop
from hob.display import DesktopExit, Display
from hob.display.libraries import Library
from hob.errors import AlreadyRunning, DesktopError
from hob.paths import Paths, find_paths

X11 = Display(":0", "x11")
CURSOR = Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOB_HOME": str(tmp_path)})


def test_without_a_screen_it_ends_with_one_sentence(tmp_path: Path) -> None:
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    for named, said in (({}, "There is no screen"), ({"DISPLAY": ":987"}, "No screen answers")):
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "hob.desktop"],
            env={**bare, "HOB_HOME": str(tmp_path), **named},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == DesktopExit.NO_SCREEN
        assert ended.stderr.startswith("hob: Hob's desktop cannot start.")
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_a_library_that_is_missing_is_named_before_qt_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start, "missing_libraries", lambda _: [CURSOR])
    with pytest.raises(DesktopError, match="libxcb-cursor0"):
        start.check_fit(X11)
    monkeypatch.setattr(start, "find_display", lambda: X11)
    assert start.main([]) == DesktopExit.UNFIT


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "has_qt", lambda: False)
    with pytest.raises(DesktopError, match=r"hob-daemon\[desktop\]"):
        start.check_fit(X11)


def test_one_desktop_runs_in_each_session(paths: Paths) -> None:
    assert not is_taken(paths, ":0")
    with only_desktop(paths, ":0"):
        assert is_taken(paths, ":0")
        assert not is_taken(paths, ":1/../..")
        with only_desktop(paths, ":1/../.."):
            assert is_taken(paths, ":1/../..")
        with (
            pytest.raises(AlreadyRunning, match="on :0 already"),
            only_desktop(paths, ":0"),
        ):
            pass
    assert not is_taken(paths, ":0")


def test_what_nobody_foresaw_is_logged_and_ends_nothing(paths: Paths) -> None:
    def fail() -> None:
        raise RuntimeError("a bug in a thread")

    with start._logging(paths):
        try:
            raise KeyError("a bug in a slot")
        except KeyError as error:
            # What Qt does with an exception that leaves a slot.
            sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    log = (paths.log_dir / "desktop.log").read_text()
    for bug in ("KeyError: 'a bug in a slot'", "RuntimeError: a bug in a thread"):
        assert f"failed in a way that nobody foresaw: {bug}" in log
    assert "Traceback" in log
