"""The clipboard of macOS and Windows, with systems of the test's own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.gui_thread import GuiThread
from hob.desktop.clipboard.contents import (
    MAX_PIXELS,
    best_type,
    clean,
    is_secret,
    only_text,
    text_clip,
)
from hob.desktop.clipboard.insert import insertion
from hob.desktop.clipboard.macos import MacSystem
from hob.desktop.clipboard.native import NativeClipboard, in_time
from hob.desktop.clipboard.windows import WindowsSystem
from hob.errors import ClipboardSecret, DesktopRefused, HobError
from hob.wire.desktop import Clip
from hob.wire.plugins import MAX_TEXT_CHARS


class FakeBoard:
    def __init__(self, text: str | None = None) -> None:
        self.held = text
        self.picture: tuple[bytes, int, int] | None = None
        self.reads = 0

    def text(self) -> str | None:
        self.reads += 1
        return self.held

    def pixels(self) -> tuple[bytes, int, int] | None:
        return self.picture

    def put(self, text: str) -> None:
        self.held = text


class FakeSystem:
    """`selected` is what the focused program copies."""

    def __init__(self, board: FakeBoard) -> None:
        self.board = board
        self.can_press = True
        self.why_not = DesktopRefused("allow it")
        self.marked = False
        self.selected: str | None = None
        self.pressed: list[str] = []
        self.fronts: list[object | None] = ["editor"]
        self.focused: object | None = None
        self._changes = 0

    def secret(self) -> bool:
        return self.marked

    def changes(self) -> int:
        return self._changes

    def front(self) -> object | None:
        return self.fronts.pop(0) if self.fronts else None

    def focus(self, front: object) -> bool:
        before, self.focused = self.focused, front
        return before == front

    def press(self, key: str) -> None:
        self.pressed.append(key)
        if key == "c" and self.selected is not None:
            self.board.held = self.selected
            self._changes += 1


class Desk:
    def __init__(self) -> None:
        self.gui = GuiThread()
        self.board = FakeBoard()
        self.system = FakeSystem(self.board)
        self.clipboard = NativeClipboard(self.gui.post, self.system, self.board)

    def answer(
        self, ask: Callable[[Callable[[Clip], None], Callable[[HobError], None]], None]
    ) -> Clip:
        clips: list[Clip] = []
        errors: list[HobError] = []
        ask(clips.append, errors.append)
        self.gui.run_until(lambda: clips or errors)
        if errors:
            raise errors[0]
        return clips[0]

    def paste(self, text: str) -> None:
        self.answer(lambda done, failed: self.clipboard.paste(text, lambda: done(Clip()), failed))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.clipboard.close()


def test_text_wins_and_pixels_become_a_png(desk: Desk) -> None:
    assert desk.answer(desk.clipboard.read) == Clip()
    desk.board.picture = (b"\xff\0\0\xff" * 6, 3, 2)
    assert desk.answer(desk.clipboard.read).image.startswith("data:image/png;base64,iVBOR")
    desk.board.held = "a\0b"
    assert desk.answer(desk.clipboard.read) == Clip(text="ab")


def test_pixels_that_are_too_many_or_too_few_are_refused(desk: Desk) -> None:
    desk.board.picture = (b"", MAX_PIXELS, 2)
    with pytest.raises(DesktopRefused, match="million pixels at most"):
        desk.answer(desk.clipboard.read)
    desk.board.picture = (b"abc", 3, 2)
    with pytest.raises(DesktopRefused, match="cannot be read"):
        desk.answer(desk.clipboard.read)


def test_a_secret_is_not_read(desk: Desk) -> None:
    desk.board.held, desk.system.marked = "hunter2", True
    with pytest.raises(ClipboardSecret):
        desk.answer(desk.clipboard.read)
    assert desk.board.reads == 0


def test_the_selection_is_copied_and_the_clipboard_put_back(desk: Desk) -> None:
    desk.board.held, desk.system.selected = "former", "marked"
    assert desk.answer(desk.clipboard.selection) == Clip(text="marked")
    assert desk.board.held == "former"
    assert desk.system.pressed == ["c"]


def test_nothing_selected_is_an_empty_clip(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hob.desktop.clipboard.native._COPY_LIMIT_S", 0.05)
    desk.board.held = "former"
    assert desk.answer(desk.clipboard.selection) == Clip()
    assert desk.board.held == "former"


def test_without_the_right_to_press_keys_the_way_to_it_is_told(desk: Desk) -> None:
    desk.system.can_press = False
    assert not desk.clipboard.pastes
    with pytest.raises(DesktopRefused, match="allow it"):
        desk.answer(desk.clipboard.selection)
    with pytest.raises(DesktopRefused, match="allow it"):
        desk.paste("answer")
    assert desk.board.held == "answer"
    assert desk.system.pressed == []


def test_text_goes_to_what_had_the_focus_last(desk: Desk) -> None:
    desk.clipboard.note_focus()
    # Hob itself has the focus by now.
    desk.clipboard.note_focus()
    desk.paste("answer")
    assert (desk.system.focused, desk.system.pressed) == ("editor", ["v"])
    assert desk.board.held == "answer"


def test_what_is_written_is_cleaned(desk: Desk) -> None:
    done: list[bool] = []
    desk.clipboard.write("a\0\ud800", lambda: done.append(True))
    desk.gui.run_until(lambda: done)
    assert desk.board.held == "a\ufffd"


def test_a_program_that_hangs_does_not_hang_us() -> None:
    never = threading.Event()
    with pytest.raises(DesktopRefused, match="does not answer"):
        in_time(never.wait, 0.05)
    never.set()
    assert in_time(lambda: 7) == 7


def test_what_a_library_raises_is_told_as_ours(desk: Desk) -> None:
    def broken() -> str:
        raise RuntimeError("poisoned")

    desk.board.text = broken  # type: ignore[method-assign]
    with pytest.raises(DesktopRefused, match="cannot be used now: poisoned"):
        desk.answer(desk.clipboard.read)


# ---- the systems ----


class FakeUser32:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.present: set[str] = set()
        self.front = 7
        self.owner = 1

    def RegisterClipboardFormatW(self, name: str) -> int:  # noqa: N802
        self.names.append(name)
        return len(self.names) - 1

    def IsClipboardFormatAvailable(self, number: int) -> int:  # noqa: N802
        return int(self.names[number] in self.present)

    def GetClipboardSequenceNumber(self) -> int:  # noqa: N802
        return 3

    def GetForegroundWindow(self) -> int:  # noqa: N802
        return self.front

    def SetForegroundWindow(self, window: int) -> int:  # noqa: N802
        self.front = window
        return 1

    def process_of(self, window: int) -> int:
        return self.owner


def test_windows_marks_and_focus() -> None:
    user = FakeUser32()
    system = WindowsSystem(user)
    assert not system.secret()
    user.present = {"ExcludeClipboardContentFromMonitorProcessing"}
    assert system.secret()
    assert system.front() == 7
    assert not system.focus(9)
    assert system.focus(9)
    user.owner = os.getpid()
    assert system.front() is None


def mac(types: list[str], *, pid: int = 1, trusted: bool = True) -> tuple[MacSystem, list[int]]:
    activated: list[int] = []
    app = SimpleNamespace(processIdentifier=lambda: pid, activateWithOptions_=activated.append)
    board = SimpleNamespace(types=lambda: types, changeCount=lambda: 5)
    appkit: Any = SimpleNamespace(
        NSPasteboard=SimpleNamespace(generalPasteboard=lambda: board),
        NSWorkspace=SimpleNamespace(
            sharedWorkspace=lambda: SimpleNamespace(frontmostApplication=lambda: app)
        ),
    )
    services: Any = SimpleNamespace(AXIsProcessTrusted=lambda: trusted)
    return MacSystem(appkit, services), activated


def test_macos_marks_and_focus() -> None:
    assert not mac(["public.utf8-plain-text"])[0].secret()
    assert mac(["public.utf8-plain-text", "org.nspasteboard.ConcealedType"])[0].secret()
    assert mac(["org.nspasteboard.TransientType"])[0].secret()
    system, activated = mac([])
    assert (system.changes(), system.can_press) == (5, True)
    other = SimpleNamespace(processIdentifier=lambda: 2, activateWithOptions_=activated.append)
    assert system.focus(system.front() or "")
    assert not system.focus(other)
    assert activated == [2]
    assert mac([], pid=os.getpid())[0].front() is None
    untrusted, _ = mac([], trusted=False)
    assert not untrusted.can_press
    assert "Accessibility" in untrusted.why_not.hint


# ---- contents ----


@given(st.text(st.characters(), max_size=200))
def test_cleaned_text_can_go_anywhere(text: str) -> None:
    cleaned = clean(text)
    assert "\0" not in cleaned
    assert cleaned.encode() == clean(cleaned).encode()


def test_whole_characters_survive_cleaning() -> None:
    text = "שלום 👩🏽‍💻 \u202e\u200f é\r\n\t"
    assert clean(text) == text
    assert clean("\ud83d\ude00") == "😀"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(DesktopRefused, match="at most"):
        text_clip("x" * (MAX_TEXT_CHARS + 1))


def test_types_decide_what_is_asked_for() -> None:
    assert best_type(["image/png", "UTF8_STRING"]) == ("UTF8_STRING", False)
    assert best_type(["image/bmp", "image/png", "text/html"]) == ("image/png", True)
    assert best_type(["text/uri-list"]) is None
    assert is_secret(["text/x-kde-passwordManagerHint"])
    assert only_text(["TARGETS", "UTF8_STRING"])
    assert not only_text(["TARGETS", "UTF8_STRING", "text/html"])
    assert not only_text(["TARGETS"])


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        (("gedit", "Gedit"), "ctrl+v"),
        (("gnome-terminal-server", "Gnome-terminal"), "ctrl+shift+v"),
        (("kitty", "kitty"), "ctrl+shift+v"),
        (("xterm", "XTerm"), "shift+insert"),
        (("emacs", "Emacs"), "shift+insert"),
        ((), "ctrl+v"),
    ],
)
def test_keys_suit_the_window(classes: tuple[str, ...], keys: str) -> None:
    assert str(insertion("text", classes).keys) == keys
    assert str(insertion("text", classes, latin=False).keys) == "shift+insert"


@given(st.text(max_size=200))
def test_a_terminal_never_gets_what_could_be_run(text: str) -> None:
    try:
        given_text = insertion(text, ("kitty",)).text
    except DesktopRefused:
        assert len(text.strip("\r\n")) > 1
        return
    assert not any(each in given_text for each in "\n\r\x1b\x03\x04\x9b")
