"""The prompt window as a person uses it: keys, mouse, and what is seen."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QAccessible, QDropEvent, QImage, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton, QWidget

from desktop.fakes import FakeBridge, FakeClient, FakeParts, Thought, a_view
from desktop.qt import application, until
from hob.desktop.prompt.attachments import Attachment
from hob.desktop.prompt.chips import Chip
from hob.desktop.prompt.exchange_view import ExchangeView
from hob.desktop.prompt.labels import PlainLabel
from hob.desktop.prompt.window import PromptWindow
from hob.errors import DesktopRefused, WorkerDied
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo, ActionRequest, ActionText, Opens
from hob.wire.pulls import PullProgress

Key = Qt.Key
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Desk:
    """A shown window, with all around it."""

    def __init__(self, *answers: list[object], view: object = None) -> None:
        self.client = FakeClient(list(answers) or [["Yes."]])
        self.parts = FakeParts(FakeBridge(view or a_view(), self.client))  # type: ignore[arg-type]
        self.window = PromptWindow(self.parts.parts)
        self.window.notice._open_url = self._opened
        self.opened: list[str] = []

    def _opened(self, url: QUrl) -> None:
        self.opened.append(url.toString())

    @property
    def input(self) -> QWidget:
        return self.window.frame.input

    @property
    def text(self) -> str:
        return self.window.frame.input.toPlainText()

    def press(self, key: Qt.Key, held: Qt.KeyboardModifier | None = None) -> None:
        QTest.keyClick(self.input, key, held or Qt.KeyboardModifier.NoModifier)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.input, text)

    def ask(self, question: str) -> None:
        self.type(question)
        self.press(Key.Key_Return)
        self.work()

    def work(self) -> None:
        self.parts.bridge.work()
        view = self.window.frame.talk.last
        until(lambda: view is None or not view._answer.busy)
        QApplication.processEvents()

    def seen(self) -> str:
        """All words that are visible."""
        labels = [each.said for each in self.window.findChildren(PlainLabel) if each.isVisible()]
        buttons = [
            each.text() for each in self.window.findChildren(QAbstractButton) if each.isVisible()
        ]
        return "\n".join([*labels, *buttons])

    def button(self, name: str) -> QPushButton:
        QApplication.processEvents()
        found = self.window.findChild(QPushButton, name)
        assert isinstance(found, QPushButton)
        assert found.isVisible()
        return found


@pytest.fixture
def app() -> Iterator[QApplication]:
    """No window of another test has the focus."""
    there = application()
    yield there
    for window in prompts(there):
        window.hide()
        window.deleteLater()
    until(lambda: not prompts(there))


def prompts(app: QApplication) -> list[PromptWindow]:
    return [each for each in app.topLevelWidgets() if isinstance(each, PromptWindow)]


@pytest.fixture
def desk(app: QApplication) -> Desk:
    return shown()


def shown(*answers: list[object], view: object = None) -> Desk:
    """A window that has the focus."""
    desk = Desk(*answers, view=view)
    desk.window.open(Opens())
    until(desk.window.isActiveWindow)
    return desk


def test_it_is_hidden_until_it_is_wanted(app: QApplication) -> None:
    desk = Desk()
    assert not desk.window.visible
    desk.window.open(Opens())
    assert desk.window.visible
    assert desk.parts.clipboard.noted == 1


def test_enter_asks_and_the_answer_is_seen(desk: Desk) -> None:
    desk.ask("What is a hob?")
    assert desk.client.asked[0][0][-1].content == "What is a hob?"
    assert desk.text == ""
    assert "What is a hob?" in desk.seen()
    assert desk.window.session.answer == "Yes."


def test_shift_enter_begins_a_line_and_the_box_grows(desk: Desk) -> None:
    before = desk.input.height()
    desk.type("one")
    desk.press(Key.Key_Return, SHIFT)
    desk.type("two")
    assert desk.text == "one\ntwo"
    assert desk.input.height() > before
    assert not desk.client.asked


def test_the_box_grows_no_further_than_eight_lines(desk: Desk) -> None:
    heights = set()
    for _ in range(12):
        desk.press(Key.Key_Return, SHIFT)
        heights.add(desk.input.height())
    assert len(heights) == 7


def test_escape_hides_and_the_answer_is_still_there(desk: Desk) -> None:
    desk.ask("Hi")
    desk.press(Key.Key_Escape)
    assert not desk.window.visible
    desk.window.open(Opens())
    assert "Hi" in desk.seen()


def test_an_answer_goes_on_while_the_window_is_hidden_and_is_told(desk: Desk) -> None:
    desk.type("Hi")
    desk.press(Key.Key_Return)
    desk.press(Key.Key_Escape)
    desk.work()
    assert desk.window.session.answer == "Yes."
    assert desk.parts.notices.shown == [("Hi", "Yes.", "Yes.")]


def test_up_recalls_and_down_returns(desk: Desk) -> None:
    desk.ask("first")
    desk.ask("second")
    desk.type("a draft")
    for key, expected in (
        (Key.Key_Up, "second"),
        (Key.Key_Up, "first"),
        (Key.Key_Down, "second"),
        (Key.Key_Down, "a draft"),
    ):
        desk.press(key)
        assert desk.text == expected


def test_up_moves_within_a_question_of_lines(desk: Desk) -> None:
    desk.ask("first")
    desk.type("one")
    desk.press(Key.Key_Return, SHIFT)
    desk.press(Key.Key_Up)
    assert desk.text == "one\n"
    desk.press(Key.Key_Up)
    assert desk.text == "first"


def test_enter_belongs_to_the_input_method_while_it_composes(desk: Desk) -> None:
    QApplication.sendEvent(desk.input, QInputMethodEvent("かんじ", []))
    desk.press(Key.Key_Return)
    assert not desk.client.asked
    commit = QInputMethodEvent("", [])
    commit.setCommitString("漢字")
    QApplication.sendEvent(desk.input, commit)
    assert desk.text == "漢字"
    desk.press(Key.Key_Return)
    desk.work()
    assert desk.client.asked[0][0][-1].content == "漢字"


def test_the_answer_is_copied_and_inserted_by_keys(desk: Desk) -> None:
    desk.ask("Hi")
    desk.press(Key.Key_C, CONTROL | SHIFT)
    assert desk.parts.clipboard.written == ["Yes."]
    desk.press(Key.Key_Return, CONTROL)
    assert desk.parts.clipboard.pasted == ["Yes."]
    assert not desk.window.visible


def test_what_could_not_be_inserted_is_told_in_the_window(desk: Desk) -> None:
    desk.ask("Hi")
    desk.parts.clipboard.refusal = DesktopRefused("No window.", hint="Copy it.")
    desk.press(Key.Key_Return, CONTROL)
    assert desk.window.visible
    assert "No window." in desk.seen()


def test_nothing_is_inserted_where_that_cannot_work(desk: Desk) -> None:
    desk.parts.clipboard.pastes = False
    desk.ask("Hi")
    desk.press(Key.Key_Return, CONTROL)
    assert desk.parts.clipboard.pasted == []
    assert "Insert" not in desk.seen()


def test_stop_keeps_what_has_come(desk: Desk) -> None:
    desk.type("Hi")
    desk.press(Key.Key_Return)
    assert "Stop" in desk.seen()
    desk.press(Key.Key_Period, CONTROL)
    QApplication.processEvents()
    assert not desk.window.session.running
    assert "Stopped." in desk.seen()


def test_a_new_conversation_is_empty_and_small(desk: Desk) -> None:
    before = desk.window.height()
    desk.ask("Hi")
    assert desk.window.height() > before
    desk.press(Key.Key_N, CONTROL)
    QApplication.processEvents()
    assert desk.window.session.conversation.exchanges == []
    assert desk.window.height() == before


def test_the_clipboard_is_attached_by_a_key_and_removed_by_another(desk: Desk) -> None:
    desk.parts.clipboard.clip = Clip(text="Some text.")
    desk.press(Key.Key_V, CONTROL | SHIFT)
    desk.work()
    [chip] = desk.window.findChildren(Chip)
    assert "Clipboard" in chip.accessibleName()
    desk.press(Key.Key_Backspace)
    assert desk.window.session.attachments == ()
    desk.parts.clipboard.selected = Clip(text="Marked.")
    desk.press(Key.Key_S, CONTROL | SHIFT)
    desk.work()
    chip = next(each for each in desk.window.findChildren(Chip) if each.isVisible())
    QTest.keyClick(chip, Key.Key_Delete)
    assert desk.window.session.attachments == ()


def test_a_secret_is_not_attached(desk: Desk) -> None:
    desk.parts.clipboard.clip = Clip(secret=True)
    desk.press(Key.Key_V, CONTROL | SHIFT)
    desk.work()
    assert "secret" in desk.seen()
    assert desk.window.session.attachments == ()


def test_a_long_text_that_is_pasted_becomes_an_attachment(desk: Desk) -> None:
    data = QMimeData()
    data.setText("word " * 1000)
    desk.window.frame.input.insertFromMimeData(data)
    desk.work()
    assert desk.text == ""
    assert desk.window.session.attachments[0].name == "Pasted text"


def test_a_short_text_is_pasted_as_plain_text(desk: Desk) -> None:
    data = QMimeData()
    data.setHtml("<b>bold</b>")
    data.setText("bold")
    desk.window.frame.input.insertFromMimeData(data)
    assert desk.text == "bold"


def test_a_picture_that_is_pasted_is_attached_for_a_model_that_sees(desk: Desk) -> None:
    desk.window.session.choose("seeing")
    data = QMimeData()
    data.setImageData(QImage(3000, 20, QImage.Format.Format_RGB32))
    desk.window.frame.input.insertFromMimeData(data)
    desk.work()
    [attached] = desk.window.session.attachments
    assert QImage.fromData(attached.image).width() == 2048


def drop(desk: Desk, data: QMimeData) -> None:
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    desk.window.dropEvent(event)
    desk.work()


def test_a_file_that_is_dropped_is_attached(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("A note.")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "notes.txt"))])
    drop(desk, data)
    assert desk.window.session.attachments[0].content == "notes.txt:\n\nA note."


def test_what_cannot_be_attached_is_refused_with_words(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(b"\x80\x81\xff")
    for url, words in (
        (QUrl.fromLocalFile(str(tmp_path / "thing.bin")), "neither text nor an image"),
        (QUrl.fromLocalFile(str(tmp_path)), "nothing to attach"),
        (QUrl.fromLocalFile(str(tmp_path / "gone")), "cannot be read"),
        (QUrl("https://example.com/x.txt"), "fetches nothing"),
    ):
        data = QMimeData()
        data.setUrls([url])
        drop(desk, data)
        assert words in desk.seen()
        assert desk.window.session.attachments == ()


def test_the_model_is_chosen_in_the_window(desk: Desk) -> None:
    models = desk.window.frame.footer.models
    assert [models.itemText(at) for at in range(models.count())] == ["tiny (kept warm)", "seeing"]
    desk.press(Key.Key_M, CONTROL)
    assert models.view().isVisible()
    QTest.keyClick(models.view(), Key.Key_Down)
    QTest.keyClick(models.view(), Key.Key_Return)
    desk.ask("Hi")
    assert desk.client.asked[0][1] == "seeing"


def test_a_link_is_opened_after_its_address_was_shown(app: QApplication) -> None:
    desk = shown(["See [here](https://example.com/a)."])
    desk.ask("Where?")
    desk.window.notice.ask_link("https://example.com/a")
    assert "https://example.com/a" in desk.seen()
    assert desk.opened == []
    assert desk.button("remedy-open").hasFocus()
    desk.button("remedy-open").click()
    assert desk.opened == ["https://example.com/a"]


def test_escape_first_puts_the_question_about_a_link_away(desk: Desk) -> None:
    desk.window.notice.ask_link("https://example.com/a")
    desk.press(Key.Key_Escape)
    assert desk.window.visible
    assert desk.opened == []
    desk.press(Key.Key_Escape)
    assert not desk.window.visible


def test_without_a_daemon_a_button_starts_it_and_the_question_waits(app: QApplication) -> None:
    desk = shown(view=a_view("away"))
    desk.ask("Hi")
    assert "Your question is kept" in desk.seen()
    desk.button("remedy-start").click()
    assert desk.parts.bridge.started == 1
    desk.parts.bridge.tell(a_view())
    desk.work()
    assert desk.window.session.answer == "Yes."


def test_without_a_model_a_button_fetches_one(app: QApplication) -> None:
    desk = shown(view=a_view("empty", models=(), chosen=""))
    desk.client.pulls = [PullProgress(stage="download", done_bytes=5, total_bytes=10)]
    desk.button("remedy-starter").click()
    desk.work()
    assert desk.client.pulled == ["starter"]
    assert desk.parts.bridge.refreshed == 1


def test_an_error_stands_below_the_part_that_came_and_can_be_retried(app: QApplication) -> None:
    desk = shown(["A part", WorkerDied("It ended.", hint="Again.")], ["All of it."])
    desk.ask("Hi")
    view = desk.window.frame.talk.last
    assert isinstance(view, ExchangeView)
    assert "It ended." in desk.seen()
    assert desk.window.session.answer == "A part"
    desk.press(Key.Key_R, CONTROL)
    desk.work()
    assert desk.window.session.answer == "All of it."
    assert "It ended." not in desk.seen()


def test_thoughts_are_folded(app: QApplication) -> None:
    desk = shown([Thought("A secret thought."), "The answer."])
    desk.ask("Hi")
    assert "Thoughts" in desk.seen()
    assert "A secret thought." not in desk.seen()
    view = desk.window.frame.talk.last
    assert view is not None
    view._fold.click()
    assert "A secret thought." in desk.seen()


def test_it_follows_the_answer_unless_one_reads_above(app: QApplication) -> None:
    desk = shown(["line\n\n" * 300])
    desk.ask("Hi")
    bar = desk.window.frame.talk.verticalScrollBar()
    until(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    bar.setValue(10)
    exchange = desk.window.session.conversation.exchanges[-1]
    exchange.answer += "more\n\n" * 50
    view = desk.window.frame.talk.last
    assert view is not None
    view._answer._finished = False
    before = bar.maximum()
    view.refresh()
    until(lambda: bar.maximum() > before)
    assert bar.value() == 10


def test_page_keys_scroll_from_the_question(app: QApplication) -> None:
    desk = shown(["line\n\n" * 300])
    desk.ask("Hi")
    bar = desk.window.frame.talk.verticalScrollBar()
    until(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    desk.press(Key.Key_PageUp)
    assert bar.value() < bar.maximum()
    desk.press(Key.Key_PageDown)
    assert bar.value() == bar.maximum()


def test_an_action_is_shown_like_an_answer(desk: Desk) -> None:
    desk.client.runs = [[ActionText(text="Short.")]]
    action = ActionInfo(name="sum", plugin="p", title="Summarise")
    desk.window.show_run(action, ActionRequest(action="sum", text="Long."))
    desk.work()
    assert "Summarise" in desk.seen()
    assert desk.window.session.answer == "Short."


def test_a_finished_text_is_shown(desk: Desk) -> None:
    desk.window.show_text("A title", "A text.")
    QApplication.processEvents()
    assert "A title" in desk.seen()
    desk.press(Key.Key_C, CONTROL | SHIFT)
    assert desk.parts.clipboard.written == ["A text."]
    desk.press(Key.Key_R, CONTROL)
    desk.work()
    assert desk.client.asked == []


def test_it_opens_with_what_an_action_wants(desk: Desk) -> None:
    desk.window.hide()
    desk.parts.clipboard.clip = Clip(text="Copied.")
    desk.window.open(Opens(text="Why?", system="Be brief.", attach="clipboard"))
    desk.work()
    assert desk.text == "Why?"
    desk.press(Key.Key_Return)
    desk.work()
    assert [each.content for each in desk.client.asked[0][0]] == ["Be brief.", "Copied.\n\nWhy?"]


def test_an_action_that_attaches_begins_anew(desk: Desk) -> None:
    desk.ask("Hi")
    desk.parts.clipboard.clip = Clip(text="Copied.")
    desk.window.open(Opens(attach="clipboard"))
    desk.work()
    desk.ask("Why?")
    assert [each.content for each in desk.client.asked[-1][0]] == ["Copied.\n\nWhy?"]


def test_the_hotkey_alone_keeps_the_conversation(desk: Desk) -> None:
    desk.ask("Hi")
    desk.window.open(Opens())
    desk.ask("Why?")
    assert len(desk.client.asked[-1][0]) == 3


def test_a_question_can_be_asked_at_once(desk: Desk) -> None:
    desk.window.open(Opens(text="Why?", send=True))
    desk.work()
    assert desk.client.asked[0][0][-1].content == "Why?"


def test_fifty_presses_show_one_window_and_keep_nothing(app: QApplication) -> None:
    desk = shown()
    before = len(app.topLevelWidgets())
    gc.collect()
    widgets = len(app.allWidgets())
    for _ in range(500):
        desk.window.open(Opens())
        QApplication.processEvents()
    assert len(app.topLevelWidgets()) == before
    assert len(app.allWidgets()) == widgets
    assert desk.parts.clipboard.noted == 1


def test_asking_again_and_again_leaves_no_widgets(app: QApplication) -> None:
    desk = shown(["# A\n\ntext\n\n```\ncode\n```\n\nEnd."])
    counts = []
    for _ in range(4):
        for _ in range(5):
            desk.ask("Hi")
        desk.press(Key.Key_N, CONTROL)
        until(lambda: not desk.window.findChildren(ExchangeView))
        counts.append(len(app.allWidgets()))
    assert counts[1:] == counts[:-1]


def test_a_size_that_a_person_made_stays(app: QApplication) -> None:
    desk = shown(["line\n\n" * 100])
    desk.ask("Hi")
    desk.window._gripped()
    desk.window.resize(680, 400)
    desk.press(Key.Key_Escape)
    desk.window.open(Opens())
    assert desk.window.size() == QSize(680, 400)
    desk.ask("Again")
    assert desk.window.size() == QSize(680, 400)


def test_nothing_that_is_long_makes_the_window_wider(app: QApplication) -> None:
    word = "w" * 3000
    desk = shown([word, WorkerDied(word, hint=word)])
    before = desk.window.width()
    for number in range(8):
        desk.window.session.attach(Attachment(f"{number}{word}.txt", text=f"text {number}"))
    desk.window.frame.input.put(word)
    desk.press(Key.Key_Return)
    desk.work()
    desk.window.notice.ask_link(f"https://example.com/{word[:1900]}")
    QApplication.processEvents()
    assert desk.window.width() == before
    assert desk.window.minimumSizeHint().width() <= before
    assert f"https://example.com/{word[:1900]}" in desk.seen()


def test_every_control_has_a_name_for_a_screen_reader(app: QApplication) -> None:
    desk = shown([Thought("x"), "a\n\n```\ncode\n```"], [WorkerDied("No.", hint="Again.")])
    desk.parts.clipboard.clip = Clip(text="Some text.")
    desk.ask("Hi")
    desk.ask("Hi")
    desk.press(Key.Key_V, CONTROL | SHIFT)
    desk.work()
    nameless = [
        each
        for each in desk.window.findChildren(QWidget)
        if each.isVisible() and each.focusPolicy() is not Qt.FocusPolicy.NoFocus
        if not QAccessible.queryAccessibleInterface(each).text(QAccessible.Text.Name)
    ]
    assert [(type(each).__name__, each.objectName()) for each in nameless] == []


def test_tab_goes_round_through_all_controls(app: QApplication) -> None:
    desk = shown(["a\n\n```\ncode\n```\n\nb"])
    desk.ask("Hi")
    seen: list[QWidget | None] = []
    for _ in range(40):
        seen.append(QApplication.focusWidget())
        QTest.keyClick(QApplication.focusWidget() or desk.input, Key.Key_Tab)
    assert desk.input in seen[1:]
    assert desk.window.frame.footer.models in seen
    assert [each for each in seen if each is not None and each.objectName() == "copyCode"]


def test_it_stands_on_the_screen_with_the_pointer(app: QApplication) -> None:
    desk = shown()
    screen = app.primaryScreen().availableGeometry()
    assert screen.contains(desk.window.frameGeometry())
    assert abs(desk.window.geometry().center().x() - screen.center().x()) <= 1
    assert desk.window.pos() != QPoint(0, 0)
