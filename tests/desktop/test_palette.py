"""The action menu's window, on a screen that nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.qt import application
from fakes.palette_parts import ACTIONS, FakeBridge, HeldClipboard, NoNotices, action
from hob.desktop.palette import ActionMenu
from hob.desktop.parts import Parts
from hob.desktop.view import DaemonView
from hob.errors import ClipboardSecret, DesktopRefused, HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo
from live_daemon import eventually

WARM = DaemonView(phase="warm", actions=ACTIONS)
MESSAGE = "Dear Anna,\n\nthank you for the plan. Shall we meet on Friday?\n\nYours, Bob"


class Desk:
    """A menu, what it talks with, and what was chosen."""

    def __init__(self, view: DaemonView, clip: Clip | None, error: HobError | None) -> None:
        self.bridge = FakeBridge(view)
        self.clipboard = HeldClipboard(clip, error)
        self.chosen: list[tuple[str, str, Clip]] = []
        self.menu = ActionMenu(Parts(self.bridge, self.clipboard, NoNotices()), self._chosen)
        self.window = self.menu.window

    def _chosen(self, action: ActionInfo, input: str, clip: Clip) -> None:
        assert not self.menu.visible
        self.chosen.append((action.name, input, clip))

    def type(self, text: str) -> None:
        QTest.keyClicks(self.window.line, text)

    def press(self, key: Qt.Key, *, alt: bool = False) -> None:
        held = Qt.KeyboardModifier.AltModifier if alt else Qt.KeyboardModifier.NoModifier
        QTest.keyClick(self.window.line, key, held)

    @property
    def rows(self) -> list[str]:
        model = self.window.list.model()
        return [str(model.index(n, 0).data()) for n in range(model.rowCount())]

    @property
    def row(self) -> str:
        """The one that Enter takes."""
        return self.rows[self.window.current]


Open = Callable[..., Desk]


@pytest.fixture(scope="module")
def app() -> QApplication:
    return application()


@pytest.fixture
def opened(app: QApplication) -> Iterator[Open]:
    desks = []

    def make(
        clip: Clip | None = None, *, view: DaemonView = WARM, error: HobError | None = None
    ) -> Desk:
        desk = Desk(view, clip, error)
        desks.append(desk)
        desk.menu.open()
        return desk

    yield make
    for desk in desks:
        desk.menu.hide()
        desk.window.deleteLater()
    app.processEvents()


def test_it_is_there_before_the_clipboard_has_answered(opened: Open) -> None:
    desk = opened()
    assert desk.menu.visible
    assert desk.window.label.text() == "Reading the clipboard …"
    assert "Summarize" in desk.rows
    assert desk.clipboard.focus_noted == 1
    desk.clipboard.answer(Clip(text=MESSAGE))
    assert desk.window.label.text().startswith("Message · ")
    assert desk.window.begin.text().startswith("Dear Anna, thank you")


def test_typing_and_enter_run_an_action_on_the_clip(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("gram")
    assert desk.rows == ["Fix spelling and grammar"]
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == [("fix-grammar", "", Clip(text=MESSAGE))]


def test_arrows_go_around_and_enter_takes_the_row(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.press(Qt.Key.Key_Up)
    assert desk.row == "Ask..."
    desk.press(Qt.Key.Key_Down)
    desk.press(Qt.Key.Key_Down)
    desk.press(Qt.Key.Key_Down)
    assert desk.row == "Fix spelling and grammar"
    desk.press(Qt.Key.Key_PageDown)
    assert desk.row == "Ask..."
    desk.press(Qt.Key.Key_Enter)
    assert desk.chosen[0][0] == "ask"


def test_alt_and_a_number_run_that_row_at_once(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    assert desk.rows[2] == "Fix spelling and grammar"
    desk.press(Qt.Key.Key_3, alt=True)
    assert desk.chosen[0][0] == "fix-grammar"


def test_a_number_without_a_row_does_nothing(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("gram")
    desk.press(Qt.Key.Key_2, alt=True)
    assert desk.chosen == []
    assert desk.menu.visible


def test_escape_closes_it(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.press(Qt.Key.Key_Escape)
    assert not desk.menu.visible
    assert desk.chosen == []


def test_an_action_that_asks_turns_the_line_into_its_question(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("trans")
    desk.press(Qt.Key.Key_Return)
    assert desk.window.line.placeholderText() == "Into which language?"
    assert desk.window.line.accessibleName() == "Into which language?"
    assert desk.rows[0] == "English"
    desk.type("fr")
    assert desk.row == "French"
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == [("translate", "French", Clip(text=MESSAGE))]


def test_it_can_be_opened_for_what_one_action_asks(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    reply = next(action for action in ACTIONS if action.name == "reply")
    desk.menu.ask(reply)
    assert desk.window.line.placeholderText() == "What should the reply say?"
    desk.press(Qt.Key.Key_Backspace)
    assert desk.window.foot.text().endswith("Esc close")
    desk.type("yes")
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == [("reply", "yes", Clip(text=MESSAGE))]
    desk.menu.ask(reply)
    desk.press(Qt.Key.Key_Escape)
    assert not desk.menu.visible


def test_what_an_action_asks_about_an_empty_clipboard_is_not_run(opened: Open) -> None:
    desk = opened(Clip())
    desk.menu.ask(next(action for action in ACTIONS if action.name == "reply"))
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == []
    assert desk.window.label.text() == "The clipboard is empty"
    assert desk.menu.visible


def test_tab_completes_a_choice_so_that_it_can_be_changed(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("trans")
    desk.press(Qt.Key.Key_Tab)
    desk.type("ger")
    desk.press(Qt.Key.Key_Tab)
    assert desk.window.line.text() == "German"
    desk.type(" of 1750")
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen[0][1] == "German of 1750"


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Backspace])
def test_the_way_back_from_a_question_is_to_the_actions(opened: Open, key: Qt.Key) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("reply")
    desk.press(Qt.Key.Key_Return)
    assert desk.window.line.placeholderText() == "What should the reply say?"
    desk.press(key)
    assert desk.window.line.placeholderText() == "Find an action"
    assert "Summarize" in desk.rows
    assert desk.menu.visible


def test_the_last_used_is_the_first_the_next_time(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("gram")
    desk.press(Qt.Key.Key_Return)
    desk.menu.open()
    assert desk.rows[0] == "Fix spelling and grammar"
    assert desk.window.line.text() == ""


def test_what_was_chosen_before_the_clipboard_answered_runs_when_it_has(opened: Open) -> None:
    desk = opened()
    desk.type("summ")
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == []
    assert "waiting for the clipboard" in desk.window.foot.text()
    desk.clipboard.answer(Clip(text=MESSAGE))
    assert desk.chosen == [("summarize", "", Clip(text=MESSAGE))]


def test_what_was_chosen_for_an_empty_clipboard_is_told(opened: Open) -> None:
    desk = opened()
    desk.press(Qt.Key.Key_Return)
    desk.clipboard.answer(Clip())
    assert desk.chosen == []
    assert desk.window.label.text() == "The clipboard is empty"
    assert desk.rows == ["Ask..."]


def test_a_reply_for_a_menu_that_was_closed_is_dropped(opened: Open) -> None:
    desk = opened()
    desk.menu.hide()
    desk.menu.open()
    desk.clipboard.answer(Clip(text="of the first opening"))
    assert desk.window.label.text() == "Reading the clipboard …"
    desk.clipboard.answer(Clip(text="of the second"))
    assert desk.window.begin.text() == "of the second"


@pytest.mark.parametrize(
    ("clip", "error"),
    [(Clip(text="hunter2", secret=True), None), (None, ClipboardSecret("It is a secret."))],
)
def test_a_secret_is_told_and_offered_to_no_action(
    opened: Open, clip: Clip | None, error: HobError | None
) -> None:
    desk = opened(clip, error=error)
    assert desk.window.label.text() == "A secret"
    assert desk.rows == ["Ask..."]
    assert desk.bridge.recording.read == []


def test_a_clipboard_that_cannot_be_read_says_why(opened: Open) -> None:
    error = DesktopRefused("The clipboard does not answer.", hint="Copy again.")
    desk = opened(error=error)
    assert desk.window.label.text() == "The clipboard does not answer."
    assert desk.window.begin.text() == "Copy again."


def test_the_selection_can_be_what_is_worked_on(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.menu.open("selection")
    assert desk.clipboard.asked == ["clipboard", "selection"]


def test_what_works_on_the_selection_is_given_that_and_not_the_clipboard(opened: Open) -> None:
    quote = action("quote", "Quote", takes="selection")
    view = DaemonView(phase="warm", actions=(*ACTIONS, quote))
    desk = opened(Clip(text="copied"), view=view)
    desk.clipboard.clip = Clip(text="selected")
    desk.type("quote")
    desk.press(Qt.Key.Key_Return)
    assert desk.clipboard.asked == ["clipboard", "selection"]
    assert desk.chosen == [("quote", "", Clip(text="selected"))]


def test_an_empty_selection_is_told_before_anything_runs(opened: Open) -> None:
    quote = action("quote", "Quote", takes="selection")
    desk = opened(Clip(text="copied"), view=DaemonView(phase="warm", actions=(*ACTIONS, quote)))
    desk.clipboard.clip = Clip()
    desk.type("quote")
    desk.press(Qt.Key.Key_Return)
    assert desk.chosen == []
    assert desk.window.label.text() == "The selection is empty"
    assert desk.menu.visible


def test_html_in_the_clipboard_is_shown_as_it_is(opened: Open) -> None:
    desk = opened(Clip(text="<img src='http://example.com/x'><b>bold</b>"))
    assert desk.window.begin.textFormat() == Qt.TextFormat.PlainText
    assert desk.window.begin.text().startswith("<img src=")


# ---- the daemon ----


def test_a_daemon_that_is_away_can_be_started_from_it(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE), view=DaemonView())
    assert desk.window.foot.text() == "Hob does not run."
    assert desk.rows == ["Start Hob"]
    desk.press(Qt.Key.Key_Return)
    assert desk.bridge.started == 1
    assert desk.menu.visible
    desk.bridge.change(WARM)
    assert "Summarize" in desk.rows
    eventually(lambda: desk.bridge.recording.read)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (DaemonView(phase="loading", load_fraction=0.4, actions=ACTIONS), "being loaded (40%)"),
        (DaemonView(phase="empty", actions=ACTIONS), "There is no model yet"),
        (
            DaemonView(
                phase="error",
                actions=ACTIONS,
                problem=ErrorInfo(code="worker_died", message="It died.", hint="Ask again."),
            ),
            "It died. Ask again.",
        ),
    ],
)
def test_the_state_of_the_model_is_told(opened: Open, view: DaemonView, said: str) -> None:
    assert said in opened(Clip(text=MESSAGE), view=view).window.foot.text()


def test_a_change_of_the_daemon_leaves_what_was_typed_and_where_one_was(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    desk.type("ex")
    desk.press(Qt.Key.Key_Down)
    before = desk.row
    desk.bridge.change(DaemonView(phase="answering", actions=ACTIONS))
    assert desk.window.line.text() == "ex"
    assert desk.row == before


# ---- reading ahead ----


def test_the_text_is_read_ahead_with_the_system_prompt_that_most_share(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    read = desk.bridge.recording.read
    eventually(lambda: read)
    assert [(m.role, m.content) for m in read[0]] == [("system", "Be brief."), ("user", MESSAGE)]
    desk.bridge.change(DaemonView(phase="answering", actions=ACTIONS))
    assert len(read) == 1


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_reading_ahead_stops_when_the_person_has_chosen_or_left(opened: Open, key: Qt.Key) -> None:
    desk = opened(Clip(text=MESSAGE))
    eventually(lambda: desk.bridge.recording.interrupts)
    desk.press(key)
    assert desk.bridge.recording.interrupts[0]._set


@pytest.mark.parametrize(
    "clip",
    [Clip(), Clip(text="  "), Clip(image="data:image/png;base64,"), Clip(text="x" * 500_000)],
)
def test_there_is_nothing_to_read_ahead(opened: Open, clip: Clip) -> None:
    assert opened(clip).menu._ahead is None


# ---- for everybody ----


def test_everything_has_a_name_for_screen_readers(opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    window = desk.window
    for widget in (window, window.line, window.list, window.label, window.begin, window.foot):
        assert widget.accessibleName()
    index = window.list.model().index(0, 0)
    assert "Ctrl+Alt+S" in index.data(Qt.ItemDataRole.AccessibleTextRole)


def test_nothing_but_the_line_takes_the_focus(opened: Open) -> None:
    window = opened(Clip(text=MESSAGE)).window
    assert window.focusWidget() is window.line
    assert window.list.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_right_to_left_draws_the_keys_on_the_left(app: QApplication, opened: Open) -> None:
    desk = opened(Clip(text=MESSAGE))
    straight = desk.window.list.grab().toImage()
    desk.window.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    mirrored = desk.window.list.grab().toImage()
    assert straight != mirrored
    # The row that is chosen is as wide in both.
    at = desk.window.list.visualRect(desk.window.list.model().index(0, 0)).center().y()
    assert straight.pixel(6, at) == mirrored.pixel(mirrored.width() - 7, at)
