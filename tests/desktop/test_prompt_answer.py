"""An answer is rendered as it comes, and nothing of a model's text is more than text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QTextDocument, QTextImageFormat
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QScrollArea, QToolButton

from desktop.qt import application, until
from hob.desktop.prompt.answer_view import MAX_SHOWN_CHARS, AnswerView
from hob.desktop.prompt.blocks import CodeView, ProseView
from hob.desktop.prompt.theme import colors

HOSTILE = (
    '<img src="http://127.0.0.1:9/x.png">',
    "![a cat](file:///etc/passwd)",
    "![a cat](http://127.0.0.1:9/x.png)",
    "![](data:image/png;base64,iVBORw0KGgo=)",
    "<script>alert(1)</script>",
    "<style>* { display: none }</style>",
    '<a href="javascript:alert(1)">click</a>',
    "[click](javascript:alert(1))",
    "[click](file:///etc/passwd)",
    "[![x](http://127.0.0.1:9/x.png)](javascript:alert(1))",
    "<table background='http://127.0.0.1:9/x.png'><tr><td>x</td></tr></table>",
    "<object data='file:///etc/passwd'></object>",
    "| a |\n|---|\n| ![x](file:///etc/passwd) |",
    "# ![x](http://127.0.0.1:9/)\n\n> <iframe src='http://127.0.0.1:9/'>",
    "&lt;img src=x&gt; &#60;img src=x&#62;",
    "[ref]\n\n[ref]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "x" * 200 + "\x1b]52;c;ZXZpbA==\x07\x1b[31m\u202eevil",
    "&#x202e;&#27;[31m",
    "> " * 500 + "deep",
    "- " * 300 + "deep",
    "*" * 5000,
    "[" * 3000 + "](x)" * 3000,
    "```" * 1000,
    "|a" * 3000 + "\n" + "|-" * 3000 + "\n" + "|b" * 3000,
)


class Answer:
    """An answer on a screen of its own."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.links: list[str] = []
        self.view = AnswerView(colors(), self.copied.append)
        self.view.wants_link.connect(self.links.append)
        self.screen = QScrollArea()
        self.screen.setWidgetResizable(True)
        self.screen.setWidget(self.view)
        self.screen.resize(600, 400)
        self.screen.show()

    def says(self, *pieces: str) -> Answer:
        """The whole of it, one piece after the other."""
        for piece in pieces:
            self.view.feed(piece)
        self.view.finish()
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until all of it is shown."""
        until(lambda: not self.view.busy)
        # What is new in a layout is shown with the next round of events.
        QApplication.processEvents()

    @property
    def prose(self) -> list[ProseView]:
        """The running texts that are seen, from the top."""
        found = self.view.findChildren(ProseView)
        return sorted((each for each in found if each.isVisible()), key=lambda each: each.y())

    @property
    def code(self) -> list[CodeView]:
        return self.view.findChildren(CodeView)

    @property
    def text(self) -> str:
        return "\n".join(each.toPlainText() for each in self.prose)


@pytest.fixture
def app() -> QApplication:
    return application()


@pytest.fixture
def answer(app: QApplication) -> Iterator[Answer]:
    made = Answer()
    yield made
    made.screen.deleteLater()


def anchors(view: ProseView) -> list[str]:
    """The addresses of all links of a text."""
    found = []
    block = view.document().firstBlock()
    while block.isValid():
        parts: Any = block
        for part in parts:
            form = part.fragment().charFormat()
            if form.isAnchor():
                found.append(form.anchorHref())
            assert not isinstance(form, QTextImageFormat)
            assert not form.isImageFormat()
        block = block.next()
    return found


def test_markdown_becomes_text_without_its_marks(answer: Answer) -> None:
    answer.says("# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n\n1. first\n")
    assert "Title" in answer.text
    assert "Some bold and code." in answer.text
    assert "*" not in answer.text
    assert "\N{BULLET}\N{EN SPACE}two" in answer.text


def test_a_table_has_its_cells(answer: Answer) -> None:
    answer.says("| a | b |\n|---|--:|\n| 1 | **2** |\n\nAfter.")
    assert [cell for cell in ("a", "b", "1", "2", "After.") if cell not in answer.text] == []
    assert len(answer.prose[0].document().rootFrame().childFrames()) == 1


def test_pieces_are_shown_like_the_whole(app: QApplication) -> None:
    text = "# T\n\nOne *two*.\n\n```py\nx = 1\n```\n\n- a\n- b\n\n| c |\n|---|\n| d |\n\nEnd."
    whole, parts = Answer().says(text), Answer()
    for char in text:
        parts.view.feed(char)
        app.processEvents()
    parts.says()
    assert parts.text == whole.text
    assert [each.code for each in parts.code] == [each.code for each in whole.code] == ["x = 1"]


def test_settled_text_is_not_rendered_again(answer: Answer) -> None:
    answer.view.feed("One.\n\nTwo.\n\nThree")
    answer.settle()
    settled = answer.prose[0]
    before = settled.document().revision()
    answer.view.feed(" grows")
    answer.settle()
    assert settled.document().revision() == before
    assert "Three grows" in answer.text


def test_each_code_block_is_copied_by_its_own_button(answer: Answer) -> None:
    answer.says("```sh\nls\n```\ntext\n```py\nx = 1\n```")
    for code in answer.code:
        button = code.findChild(QToolButton, "copyCode")
        assert isinstance(button, QToolButton)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert answer.copied == ["ls", "x = 1"]


def test_a_link_is_only_told_when_it_is_clicked(answer: Answer) -> None:
    answer.says("See [the page](https://example.com/a) or https://example.org.")
    assert anchors(answer.prose[0]) == ["https://example.com/a", "https://example.org"]
    assert not answer.links
    answer.prose[0].anchorClicked.emit(QUrl("https://example.com/a"))
    assert answer.links == ["https://example.com/a"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(
    answer: Answer, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def load(self: ProseView, kind: int, name: object) -> None:
        asked.append(name)

    monkeypatch.setattr(ProseView, "loadResource", load)
    answer.says("Before.\n\n", text, "\n\nAfter.")
    answer.view.grab()
    assert asked == []
    assert "Before." in answer.text
    shown = answer.text + "".join(each.code for each in answer.code)
    assert not set(shown) & set("\x1b\x07\u202e\ufffc")
    for view in answer.prose:
        assert not [each for each in anchors(view) if not each.startswith(("http:", "https:"))]


def test_html_is_shown_as_it_was_written(answer: Answer) -> None:
    answer.says("<b>bold</b> and <img src=x>")
    assert answer.text == "<b>bold</b> and <img src=x>"


def test_an_image_is_told_and_not_loaded(answer: Answer) -> None:
    answer.says("![a cat](http://example.com/cat.png)")
    assert answer.text == "[image, not loaded: a cat http://example.com/cat.png]"


def test_a_link_that_cannot_be_trusted_shows_where_it_leads(answer: Answer) -> None:
    answer.says("[click](file:///etc/passwd)")
    assert "file:///etc/passwd" in answer.text
    assert anchors(answer.prose[0]) == []


def test_no_resource_is_ever_found(answer: Answer) -> None:
    answer.says("text")
    image = int(QTextDocument.ResourceType.ImageResource.value)
    assert answer.prose[0].loadResource(image, QUrl("file:///etc/passwd")) is None
    found = answer.prose[0].document().resource(image, QUrl("http://127.0.0.1:9/x.png"))
    assert not isinstance(found, QImage) or found.isNull()


@pytest.mark.parametrize("prefix", ["", "```\n", "- ", "> ", "| a |\n|---|\n| "])
def test_a_line_of_a_megabyte_lets_the_window_hear_keys(answer: Answer, prefix: str) -> None:
    rounds: list[int] = []
    answer.view._timer.timeout.connect(lambda: rounds.append(1))
    answer.says(prefix + "word " * 200_000)
    # Running text was rendered in many small parts, code is laid out only where it is seen.
    assert len(rounds) > 5 or answer.code
    shown = answer.text + "".join(each.code for each in answer.code)
    assert shown.count("word") == 200_000


def test_an_answer_without_end_is_not_shown_further(answer: Answer) -> None:
    for _ in range(40):
        answer.view.feed("a line\n\n" * 5_000)
    answer.view.finish()
    assert answer.view._shown_chars <= MAX_SHOWN_CHARS + 40_000


def test_right_to_left_text_stands_on_the_right(answer: Answer) -> None:
    answer.says("\u0633\u0644\u0627\u0645\n\nhello")
    block = answer.prose[0].document().firstBlock()
    assert block.textDirection() is Qt.LayoutDirection.RightToLeft
    assert block.next().textDirection() is Qt.LayoutDirection.LeftToRight


def test_code_is_as_high_as_its_lines_and_no_higher(answer: Answer) -> None:
    lines = 40
    answer.says("```python\n" + "x = 1\n" * lines + "```\nAfter.")
    (code,) = answer.code
    (text,) = code.findChildren(QPlainTextEdit)
    assert text.verticalScrollBar().maximum() == 0, "a part of the last line is hidden"
    answer.screen.resize(600, 2000)
    QApplication.processEvents()
    assert code.y() == 0
    assert text.y() < 60
    assert code.height() == text.y() + text.height() + 1
    (after,) = answer.prose
    assert after.y() < code.height() + 20
