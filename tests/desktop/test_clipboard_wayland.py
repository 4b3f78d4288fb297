"""The clipboard on a real Wayland compositor, shared with real programs."""

from __future__ import annotations

import base64
import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from desktop.gui_thread import GuiThread
from desktop.wayland import WaylandScreen
from hob.desktop.clipboard import wayland_control
from hob.desktop.clipboard.wayland import WaylandClipboard
from hob.errors import ClipboardSecret, DesktopRefused, HobError
from hob.wire.desktop import Clip
from live_daemon import eventually


class Desk:
    def __init__(self, screen: WaylandScreen) -> None:
        self.gui = GuiThread()
        self.screen = screen
        self.clipboard = WaylandClipboard(
            self.gui.post, screen.folder / screen.environ["WAYLAND_DISPLAY"]
        )

    def read(self) -> Clip:
        return self._answer(self.clipboard.read)

    def selection(self) -> Clip:
        return self._answer(self.clipboard.selection)

    def write(self, text: str) -> None:
        self._answer(lambda done, failed: self.clipboard.write(text, lambda: done(Clip()), failed))

    def paste(self, text: str) -> None:
        self._answer(lambda done, failed: self.clipboard.paste(text, lambda: done(Clip()), failed))

    def _answer(
        self, ask: Callable[[Callable[[Clip], None], Callable[[HobError], None]], None]
    ) -> Clip:
        clips: list[Clip] = []
        errors: list[HobError] = []
        ask(clips.append, errors.append)
        self.gui.run_until(lambda: clips or errors)
        if errors:
            raise errors[0]
        return clips[0]


def copy(screen: WaylandScreen, data: str | bytes, *args: str) -> None:
    """Put something on the clipboard with wl-copy, which stays to serve it."""
    place = screen.folder / "copied"
    place.write_bytes(data.encode() if isinstance(data, str) else data)
    place.chmod(0o644)
    # It leaves a child behind that holds its output open, so that must not be a pipe.
    subprocess.run(
        ["wl-copy", *args],
        env=screen.environ,
        stdin=place.open("rb"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )


@pytest.fixture(scope="module")
def screen() -> Iterator[WaylandScreen]:
    with WaylandScreen() as screen:
        yield screen


@pytest.fixture
def desk(screen: WaylandScreen) -> Iterator[Desk]:
    desk = Desk(screen)
    yield desk
    desk.clipboard.close()


def test_an_empty_clipboard_is_an_empty_clip(desk: Desk) -> None:
    desk.screen.run("wl-copy", "--clear")
    assert desk.read() == Clip()


def test_text_of_another_program_is_read_without_a_window(desk: Desk) -> None:
    text = "Grüße, שלום, 👋🏽\n\ttwo lines"
    copy(desk.screen, text)
    assert desk.read() == Clip(text=text)


def test_the_selection_is_another_text(desk: Desk) -> None:
    copy(desk.screen, "copied")
    copy(desk.screen, "marked", "--primary")
    assert desk.selection().text == "marked"
    assert desk.read().text == "copied"


def test_a_picture_becomes_a_png(desk: Desk) -> None:
    packed = io.BytesIO()
    Image.new("RGB", (30, 20), "blue").save(packed, "BMP")
    copy(desk.screen, packed.getvalue(), "--type", "image/bmp")
    head, data = desk.read().image.split(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert (image.format, image.size) == ("PNG", (30, 20))


def test_a_password_managers_mark_is_honoured(desk: Desk) -> None:
    copy(desk.screen, "hunter2", "--type", "x-kde-passwordManagerHint")
    with pytest.raises(ClipboardSecret):
        desk.read()


def test_what_is_too_large_is_refused_with_the_sizes(desk: Desk) -> None:
    copy(desk.screen, b"x" * 100_000_000)
    with pytest.raises(DesktopRefused, match="16 MiB of it at most"):
        desk.read()


def test_a_program_that_hangs_does_not_hang_us(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.screen.run("wl-copy", "--clear")
    owner = desk.screen.spawn("wl-copy", "--foreground", "text")
    eventually(lambda: desk.read().text == "text")
    owner.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(wayland_control, "ANSWER_LIMIT_S", 0.2)
    with pytest.raises(DesktopRefused, match="does not answer"):
        desk.read()
    owner.kill()
    owner.wait()
    monkeypatch.undo()
    copy(desk.screen, "well again")
    assert desk.read().text == "well again"


def test_another_program_pastes_what_was_written(desk: Desk) -> None:
    for text in ("Grüße, שלום, 👋🏽\nline", "0123456789abcdef" * 100_000):
        desk.write(text)
        assert desk.screen.run("wl-paste", "--no-newline").decode() == text
        assert desk.read().text == text


def test_a_copy_elsewhere_ends_ours(desk: Desk) -> None:
    desk.write("ours")
    copy(desk.screen, "theirs")
    eventually(lambda: desk.read().text == "theirs")


def test_text_for_another_window_is_left_on_the_clipboard(desk: Desk) -> None:
    desk.clipboard.note_focus()
    assert not desk.clipboard.pastes
    with pytest.raises(DesktopRefused, match="on the clipboard") as caught:
        desk.paste("answer")
    assert "Ctrl+V" in caught.value.hint
    assert desk.screen.run("wl-paste", "--no-newline") == b"answer"


FOCUSED = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication, QLineEdit
from hob.desktop.clipboard.focused import read_focused, write_focused
from hob.errors import HobError

app = QApplication(sys.argv[:1])
place = Path(sys.argv[1])
steps = []

def note(work):
    try:
        result = work()
        return "-" if result is None else result.text or result.image[:21]
    except HobError as error:
        return error.code

steps.append(note(lambda: read_focused("CLIPBOARD")))
line = QLineEdit()
line.show()

def typed():
    # A key was pressed, without which Wayland lets nobody copy.
    line.textChanged.disconnect(typed)
    steps.append(note(lambda: read_focused("CLIPBOARD")))
    steps.append(note(lambda: write_focused("from a window")))
    place.write_text("\\n".join(steps))

line.textChanged.connect(typed)
place.with_suffix(".started").touch()
app.exec()
"""


@pytest.mark.parametrize(
    ("data", "kind", "seen"),
    [
        (b"copied", (), "copied"),
        (b"hunter2", ("--type", "x-kde-passwordManagerHint"), "clipboard_secret"),
    ],
)
def test_a_focused_window_reads_and_copies_where_nothing_else_may(
    desk: Desk, data: bytes, kind: tuple[str, ...], seen: str
) -> None:
    copy(desk.screen, data, *kind)
    place = desk.screen.folder / f"focused-{seen}"
    program = desk.screen.spawn(
        sys.executable, "-c", FOCUSED, str(place), environ={"QT_QPA_PLATFORM": "wayland"}
    )
    eventually(place.with_suffix(".started").exists)

    def done() -> bool:
        # The keyboard goes with the program that types, and the focus with the keyboard.
        desk.screen.run("wtype", "-s", "300", "x", "-s", "300")
        return place.exists() and place.read_text().count("\n") == 2

    eventually(done)
    assert place.read_text().split("\n") == ["desktop_refused", seen, "-"]
    assert desk.screen.run("wl-paste", "--no-newline") == b"from a window"
    program.kill()
    program.wait()


def test_without_a_compositor_a_focused_window_is_needed(tmp_path: Path) -> None:
    from PySide6.QtGui import QGuiApplication

    gui = GuiThread()
    clipboard = WaylandClipboard(gui.post, tmp_path / "nothing")
    errors: list[HobError] = []
    assert QGuiApplication.focusWindow() is None
    clipboard.read(lambda _: None, errors.append)
    clipboard.write("text", None, errors.append)
    gui.run_until(lambda: len(errors) == 2)
    assert "only the focused window" in errors[0].message
    assert {error.code for error in errors} == {"desktop_refused"}
    clipboard.close()
