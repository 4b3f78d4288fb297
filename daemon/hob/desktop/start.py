"""How the desktop begins and ends as a process. What it needs is looked for before Qt is loaded,
which would end the process with SIGABRT where something is missing."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType

from hob.display import DesktopExit, Display, NoDisplay, find_display, has_qt
from hob.display.libraries import install_line, missing_libraries
from hob.errors import AlreadyRunning, DesktopError, HobError, NoDesktop
from hob.logs.setup import setup_logging
from hob.paths import Paths, find_paths

# The daemon that has started this process holds its stdin, and closing it means: leave.
COMPANION = "--companion"

_LOG_BYTES = 2**20
_LOG_FILES = 3
_log = logging.getLogger("hob.desktop")


class Unfit(DesktopError):
    """This machine lacks what the desktop needs."""


def main(arguments: Sequence[str]) -> int:
    """Be the desktop; the exit code. What is wrong goes to stderr, as one sentence."""
    try:
        return run(find_paths(), companion=COMPANION in arguments)
    except HobError as error:
        print(f"hob: {error}", file=sys.stderr, flush=True)
        return _code(error)


def run(paths: Paths, *, companion: bool = False) -> int:
    """Be the desktop of this session until it is quit; the exit code.

    Raises NoDesktop without a screen, DesktopError when something is missing, and AlreadyRunning.
    """
    display = find_display()
    if isinstance(display, NoDisplay):
        raise NoDesktop(
            f"Hob's desktop cannot start. {display.why}",
            hint="Run `hob desktop` in a session with a screen.",
        )
    check_fit(display)
    from hob.desktop.single import only_desktop

    with only_desktop(paths, display.session), _logging(paths):
        from hob.desktop.app import be_desktop

        return be_desktop(paths, display, companion=companion)


def check_fit(display: Display) -> None:
    """Raise DesktopError when a window could not be made, with what to install."""
    if not has_qt():
        raise Unfit(
            "Hob's desktop is not installed.",
            hint="Install Hob with its extra: `pip install 'hob-daemon[desktop]'`.",
        )
    if missing := missing_libraries(display):
        names = " and ".join(library.debian for library in missing)
        raise Unfit(
            f"Hob's desktop cannot start, because Qt needs what is not installed: {names}.",
            hint=f"Install {install_line(missing)} and start it again.",
        )


def _code(error: HobError) -> int:
    if isinstance(error, AlreadyRunning):
        return DesktopExit.TAKEN
    if isinstance(error, NoDesktop):
        return DesktopExit.NO_SCREEN
    return DesktopExit.UNFIT if isinstance(error, Unfit) else 1


@contextlib.contextmanager
def _logging(paths: Paths) -> Iterator[None]:
    """The desktop's own log file. An exception in a slot ends nothing: it is logged, with the
    traceback, and the desktop goes on."""
    close = setup_logging(
        paths.log_dir / "desktop.log", "info", _LOG_BYTES, _LOG_FILES, to_stderr=False
    )
    before = sys.excepthook, threading.excepthook

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            _unforeseen(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook, threading.excepthook = _unforeseen, in_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before
        close()


def _unforeseen(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _log.error(
        "the desktop failed in a way that nobody foresaw: %s: %s",
        kind.__name__,
        error,
        exc_info=(kind, error, trace),
    )
