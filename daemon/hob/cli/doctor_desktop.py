"""The doctor's look at the desktop: could there be one here, is there, and do its hotkeys work?"""

from __future__ import annotations

from collections.abc import Iterator

from hob.cli.doctor_finding import Finding, ok, warning
from hob.cli.doctor_system import System
from hob.display import Display
from hob.display.libraries import install_line
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import DesktopList, DesktopStatus


def check_desktop(system: System) -> Iterator[Finding]:
    """What a window would need comes first, since without that there is nothing to ask."""
    display = system.display()
    if not isinstance(display, Display):
        yield ok("desktop", f"none is needed here. {display.why}")
        return
    if not system.has_qt():
        hint = "Install Hob with its extra: pip install 'hob-daemon[desktop]'"
        yield warning("desktop", "There is a screen, and the desktop is not installed.", hint)
        return
    if missing := system.missing_libraries(display):
        names = " and ".join(library.debian for library in missing)
        message = f"The desktop cannot start, because Qt needs what is not installed: {names}."
        yield warning("desktop", message, f"Install {install_line(missing)}.")
        return
    try:
        listed = system.desktops()
    except HobError:
        # check_daemon says why the daemon cannot be asked.
        yield ok("desktop", f"can run on {display.session}; the daemon starts it")
    else:
        yield from _listed(listed, display)


def _listed(listed: DesktopList, display: Display) -> Iterator[Finding]:
    for desktop in listed.desktops:
        yield ok("desktop", f"runs on {desktop.session} (pid {desktop.pid})")
        yield from (_problem(each) for each in _problems(desktop))
    if not listed.desktops and listed.problem:
        yield _problem(listed.problem)
    elif not listed.desktops:
        yield ok("desktop", f"is being started on {display.session}")


def _problems(desktop: DesktopStatus) -> Iterator[ErrorInfo]:
    yield from desktop.problems
    yield from (each.problem for each in desktop.hotkeys if each.problem)


def _problem(problem: ErrorInfo) -> Finding:
    return warning("desktop", problem.message, problem.hint)
