"""The doctor's and the status's words on the desktop."""

from __future__ import annotations

import pytest

from fakes import replies
from hob.cli.context import App
from hob.cli.doctor_desktop import check_desktop
from hob.cli.doctor_finding import Finding
from hob.cli.doctor_system import System
from hob.cli.status import describe
from hob.display import Display, NoDisplay
from hob.display.libraries import Library
from hob.errors import BadHotkey, NoDesktop, NotRunning
from hob.paths import Paths
from hob.wire.base import ErrorInfo
from hob.wire.desktop import DesktopList, DesktopStatus, HotkeyState

CURSOR = Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor")
TAKEN = ErrorInfo.of(BadHotkey("ctrl+alt+k belongs to another program.", hint="Choose another."))
RUNS = DesktopStatus(
    id="desktop-1",
    session=":0",
    pid=77,
    attached_at=1.0,
    hotkeys=(HotkeyState(action="ask", hotkey="ctrl+alt+k", problem=TAKEN),),
)
QUIT = ErrorInfo.of(NoDesktop("Hob's desktop was quit.", hint="`hob desktop` starts it."))


class Screen(System):
    """A machine with a screen on which nothing is missing; tests change what is not so."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(App(paths, {}))
        self.found: Display | NoDisplay = Display(":0", "x11")
        self.extra = True
        self.missing: list[Library] = []
        self.listed: DesktopList | None = DesktopList(desktops=())

    def display(self) -> Display | NoDisplay:
        return self.found

    def has_qt(self) -> bool:
        return self.extra

    def missing_libraries(self, display: Display) -> list[Library]:
        return self.missing

    def desktops(self) -> DesktopList:
        if self.listed is None:
            raise NotRunning("Hob is not running.")
        return self.listed


@pytest.fixture
def system(paths: Paths) -> Screen:
    return Screen(paths)


def findings(system: System) -> list[Finding]:
    return list(check_desktop(system))


def test_without_a_screen_all_is_well(system: Screen) -> None:
    system.found = NoDisplay("There is no screen in this session.")
    (finding,) = findings(system)
    assert finding.level == "ok"
    assert "no screen" in finding.message


def test_a_screen_without_the_extra_is_a_warning(system: Screen) -> None:
    system.extra = False
    (finding,) = findings(system)
    assert finding.level == "warning"
    assert "hob-daemon[desktop]" in finding.hint


def test_a_missing_library_is_named_with_its_package(system: Screen) -> None:
    system.missing = [CURSOR]
    (finding,) = findings(system)
    assert finding.level == "warning"
    assert "libxcb-cursor0" in finding.message
    assert "libxcb-cursor" in finding.hint


def test_a_desktop_that_runs_is_told_with_what_is_wrong_there(system: Screen) -> None:
    system.listed = DesktopList(desktops=(RUNS,))
    runs, hotkey = findings(system)
    assert (runs.level, "pid 77" in runs.message) == ("ok", True)
    assert (hotkey.level, hotkey.message, hotkey.hint) == (
        "warning",
        "ctrl+alt+k belongs to another program.",
        "Choose another.",
    )


def test_why_there_is_none_is_told(system: Screen) -> None:
    system.listed = DesktopList(desktops=(), problem=QUIT)
    (finding,) = findings(system)
    assert (finding.level, finding.message) == ("warning", "Hob's desktop was quit.")


def test_a_daemon_that_does_not_run_could_start_one(system: Screen) -> None:
    system.listed = None
    (finding,) = findings(system)
    assert finding.level == "ok"


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (DesktopList(desktops=(RUNS,)), ["desktop   on :0 (pid 77)", "belongs to another program"]),
        (DesktopList(desktops=(), problem=QUIT), ["desktop   none: Hob's desktop was quit."]),
        (DesktopList(desktops=()), ["desktop   none yet"]),
    ],
)
def test_the_status_says_where_the_desktop_is_or_why_nowhere(
    listed: DesktopList, told: list[str]
) -> None:
    text = "\n".join(describe(replies.status(), 0.0, listed))
    for each in told:
        assert each in text


def test_the_status_of_an_older_daemon_says_nothing_of_desktops() -> None:
    assert "desktop" not in "\n".join(describe(replies.status(), 0.0, None))
