"""The clipboard on a real X server, shared with real programs."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from Xlib.display import Display

from desktop.gui_thread import GuiThread
from desktop.screen import Screen
from hob.desktop.clipboard import x11_read
from hob.desktop.clipboard.contents import MAX_TEXT_BYTES
from hob.desktop.clipboard.x11 import X11Clipboard
from hob.errors import ClipboardSecret, DesktopRefused, HobError
from hob.wire.desktop import Clip

FAKES = Path(__file__).parents[1] / "fakes"


class Desk:
    """The clipboard, with its answers awaited."""

    def __init__(self, screen: Screen) -> None:
        self.gui = GuiThread()
        self.clipboard = X11Clipboard(self.gui.post, screen.display)

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


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen(panel=False, notices=False) as screen:
        yield screen


@pytest.fixture
def desk(screen: Screen) -> Iterator[Desk]:
    desk = Desk(screen)
    yield desk
    desk.clipboard.close()


def owner_of(screen: Screen, selection: str) -> int:
    display = Display(screen.display)
    owner = display.get_selection_owner(display.intern_atom(selection))
    display.close()
    return owner.id if owner else 0


def owner_changes(screen: Screen, start: Callable[[], object]) -> None:
    """Start a program, and wait until it has the clipboard."""
    before = owner_of(screen, "CLIPBOARD")
    start()
    screen.eventually(lambda: owner_of(screen, "CLIPBOARD") not in (before, 0))


def own(screen: Screen, program: str, *args: str) -> None:
    owner_changes(screen, lambda: screen.spawn(sys.executable, str(FAKES / program), *args))


def xclip(screen: Screen, data: str | bytes, *args: str) -> None:
    """Put something on the clipboard with xclip, which stays to serve it."""
    place = screen.folder / "copied"
    place.write_bytes(data.encode() if isinstance(data, str) else data)
    chosen = args or ("-selection", "clipboard")
    owner = ["xclip", "-quiet", *chosen, "-i", str(place)]
    if "primary" in chosen:
        screen.spawn(*owner)
    else:
        owner_changes(screen, lambda: screen.spawn(*owner))


def test_text_of_another_program_is_read(screen: Screen, desk: Desk) -> None:
    text = "Grüße, שלום, 👋🏽\n\ttwo lines"
    xclip(screen, text)
    assert desk.read() == Clip(text=text)


def test_an_empty_clipboard_is_an_empty_clip(desk: Desk) -> None:
    with Screen(panel=False, notices=False) as fresh:
        there = Desk(fresh)
        assert there.read() == Clip()
        assert there.selection() == Clip()
        there.clipboard.close()


def test_the_selection_is_another_text(screen: Screen, desk: Desk) -> None:
    xclip(screen, "copied")
    xclip(screen, "marked", "-selection", "primary")
    screen.eventually(lambda: desk.selection().text == "marked")
    assert desk.read().text == "copied"


def test_a_picture_becomes_a_png(screen: Screen, desk: Desk) -> None:
    packed = io.BytesIO()
    Image.new("RGB", (30, 20), "blue").save(packed, "PNG")
    xclip(screen, packed.getvalue(), "-selection", "clipboard", "-t", "image/png")
    clip = desk.read()
    head, data = clip.image.split(",")
    assert (head, clip.text) == ("data:image/png;base64", "")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (30, 20)


def test_a_picture_of_a_qt_program_is_read(screen: Screen, desk: Desk) -> None:
    own(screen, "qt_owner.py", "picture", "64", "48")
    with Image.open(io.BytesIO(base64.b64decode(desk.read().image.split(",")[1]))) as image:
        assert (image.size, image.convert("RGB").getpixel((5, 5))) == ((64, 48), (255, 0, 0))


def test_a_picture_of_too_many_pixels_is_refused_with_its_size(screen: Screen, desk: Desk) -> None:
    packed = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(packed, "PNG")
    xclip(screen, packed.getvalue(), "-selection", "clipboard", "-t", "image/png")
    with pytest.raises(DesktopRefused, match="20000 by 20000 pixels"):
        desk.read()


def test_what_is_no_picture_is_refused(screen: Screen, desk: Desk) -> None:
    own(screen, "x_owner.py", "bytes", "image/png", b"\x89PNG\r\n\x1a\nnothing".hex())
    with pytest.raises(DesktopRefused, match="cannot be read"):
        desk.read()


def test_a_password_managers_mark_is_honoured(screen: Screen, desk: Desk) -> None:
    own(screen, "qt_owner.py", "secret", "hunter2")
    with pytest.raises(ClipboardSecret) as caught:
        desk.read()
    assert "hunter2" not in str(caught.value)


def test_a_program_that_hangs_does_not_hang_us(
    screen: Screen, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x11_read, "ANSWER_LIMIT_S", 0.2)
    own(screen, "x_owner.py", "hang")
    with pytest.raises(DesktopRefused, match="does not answer"):
        desk.read()
    own(screen, "x_owner.py", "stop")
    with pytest.raises(DesktopRefused, match="does not answer"):
        desk.read()
    xclip(screen, "well again")
    assert desk.read().text == "well again"


@pytest.mark.parametrize("endless", [False, True])
def test_what_is_too_large_is_refused_with_the_sizes(
    screen: Screen, desk: Desk, endless: bool
) -> None:
    if endless:
        own(screen, "x_owner.py", "flood")
    else:
        xclip(screen, b"x" * 100_000_000)
    with pytest.raises(DesktopRefused, match="16 MiB of it at most") as caught:
        desk.read()
    assert caught.value.details["limit_bytes"] == MAX_TEXT_BYTES
    # Never all of it was taken in.
    assert int(caught.value.details["size_bytes"]) < MAX_TEXT_BYTES + 2**21


def test_a_long_text_comes_whole(screen: Screen, desk: Desk) -> None:
    text = "0123456789abcdef" * 200_000
    xclip(screen, text)
    assert desk.read().text == text


def test_nul_and_broken_bytes_are_cleaned(screen: Screen, desk: Desk) -> None:
    own(screen, "x_owner.py", "bytes", "UTF8_STRING", b"a\0b\xffc\xed\xa0\x80d".hex())
    text = desk.read().text
    assert text[:2] == "ab"
    assert "\0" not in text
    assert text.encode("utf-8").decode() == text


def test_bytes_of_latin_1_are_read_as_such(screen: Screen, desk: Desk) -> None:
    own(screen, "x_owner.py", "bytes", "STRING", "Grüße".encode("latin-1").hex())
    assert desk.read().text == "Grüße"


def test_another_program_pastes_what_was_written(screen: Screen, desk: Desk) -> None:
    text = "Grüße, שלום, 👋🏽\nline"
    desk.write(text)
    assert screen.run("xclip", "-selection", "clipboard", "-o") == text
    assert "UTF8_STRING" in screen.run("xclip", "-selection", "clipboard", "-o", "-t", "TARGETS")
    assert desk.read().text == text


def test_a_long_text_is_handed_over_whole(screen: Screen, desk: Desk) -> None:
    text = "0123456789abcdef" * 100_000
    desk.write(text)
    assert screen.run("xclip", "-selection", "clipboard", "-o") == text
    assert screen.run("xsel", "--clipboard", "--output") == text


def test_what_is_written_has_no_nul_and_no_halves(screen: Screen, desk: Desk) -> None:
    desk.write("a\0b\ud800c")
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "ab\ufffdc"


def test_a_copy_elsewhere_ends_ours(screen: Screen, desk: Desk) -> None:
    desk.write("ours")
    xclip(screen, "theirs")
    assert desk.read().text == "theirs"


def test_a_clipboard_manager_keeps_the_text_beyond_our_end(screen: Screen) -> None:
    desk = Desk(screen)
    desk.write("kept")
    manager = screen.spawn(sys.executable, str(FAKES / "x_owner.py"), "manager")
    screen.eventually(lambda: owner_of(screen, "CLIPBOARD_MANAGER"))
    desk.clipboard.close()
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "kept"
    manager.kill()
    manager.wait()


# ---- putting text into another window ----


@pytest.fixture
def line(screen: Screen) -> Iterator[Path]:
    """A focused window of another program, and where its text can be seen."""
    place = screen.folder / "line"
    place.unlink(missing_ok=True)
    program = screen.spawn(sys.executable, str(FAKES / "qt_owner.py"), "edit", str(place))
    window = screen.window("^line$")
    screen.xdotool("windowactivate", "--sync", window)
    yield place
    program.kill()
    program.wait()


@pytest.fixture
def elsewhere(screen: Screen) -> Iterator[Callable[[], None]]:
    """Opens yet another window, which takes the focus."""
    programs: list[subprocess.Popen[bytes]] = []

    def focus() -> None:
        programs.append(screen.spawn("xterm", "-T", "elsewhere", "-e", "cat"))
        screen.xdotool("windowactivate", "--sync", screen.window("^elsewhere$"))

    yield focus
    for program in programs:
        program.kill()
        program.wait()


def test_text_is_put_into_the_window_that_had_the_focus(
    screen: Screen, desk: Desk, line: Path, elsewhere: Callable[[], None]
) -> None:
    xclip(screen, "former")
    desk.clipboard.note_focus()
    assert desk.clipboard.pastes
    desk.read()
    elsewhere()
    desk.paste("Grüße 👋")
    screen.eventually(lambda: line.exists() and line.read_text() == "Grüße 👋")
    assert screen.active_window() == "line"
    # What had been copied before can be pasted again.
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "former"


def test_without_a_note_text_goes_to_the_window_that_has_the_focus(
    screen: Screen, desk: Desk, line: Path
) -> None:
    desk.paste("answer")
    screen.eventually(lambda: line.exists() and line.read_text() == "answer")


def test_what_cannot_be_put_back_is_left_alone(screen: Screen, desk: Desk, line: Path) -> None:
    own(screen, "qt_owner.py", "secret", "hunter2")
    desk.clipboard.note_focus()
    desk.paste("answer")
    screen.eventually(lambda: line.exists() and line.read_text() == "answer")
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "answer"


def test_text_is_put_in_with_a_layout_that_has_no_v(screen: Screen, desk: Desk, line: Path) -> None:
    screen.run("setxkbmap", "ru")
    try:
        desk.clipboard.note_focus()
        desk.paste("answer")
        screen.eventually(lambda: line.exists() and line.read_text() == "answer")
    finally:
        screen.run("setxkbmap", "us")


@pytest.fixture
def terminal(screen: Screen) -> Iterator[Path]:
    place = screen.folder / "typed"
    place.unlink(missing_ok=True)
    program = screen.spawn("xterm", "-T", "terminal", "-e", f"cat > {place}")
    screen.xdotool("windowactivate", "--sync", screen.window("^terminal$"))
    yield place
    program.kill()
    program.wait()


def test_a_terminal_gets_one_line_and_nothing_is_run(
    screen: Screen, desk: Desk, terminal: Path
) -> None:
    desk.clipboard.note_focus()
    desk.paste("ls -l\x1b[201~\n")
    screen.xdotool("key", "Return")
    screen.eventually(lambda: terminal.exists() and terminal.read_text())
    assert terminal.read_text() == "ls -l[201~\n"


def test_a_terminal_gets_no_several_lines(screen: Screen, desk: Desk, terminal: Path) -> None:
    desk.clipboard.note_focus()
    with pytest.raises(DesktopRefused, match="could run each line"):
        desk.paste("echo one\necho two")
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "echo one\necho two"


def test_a_window_that_has_gone_leaves_the_text_on_the_clipboard(
    screen: Screen, desk: Desk
) -> None:
    program = screen.spawn("xterm", "-T", "short", "-e", "cat")
    window = screen.window("^short$")
    screen.xdotool("windowactivate", "--sync", window)
    desk.clipboard.note_focus()
    desk.read()
    program.kill()
    program.wait()
    screen.eventually(lambda: not screen.windows("^short$"))
    with pytest.raises(DesktopRefused, match="no window to put the text into"):
        desk.paste("answer")
    assert screen.run("xclip", "-selection", "clipboard", "-o") == "answer"


def test_without_a_server_each_request_is_told() -> None:
    gui = GuiThread()
    clipboard = X11Clipboard(gui.post, ":987")
    for _ in range(2):
        errors: list[HobError] = []
        clipboard.read(lambda _: None, errors.append)
        gui.run_until(lambda errors=errors: errors)  # type: ignore[misc]
        assert "cannot be used now" in errors[0].message
    assert not clipboard.pastes
    clipboard.close()
