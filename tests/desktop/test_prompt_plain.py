"""What an action makes that is no Markdown is shown as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from desktop.qt import application, until
from hob.desktop.prompt.blocks import CodeView, ProseView
from hob.desktop.prompt.conversation import Exchange
from hob.desktop.prompt.exchange_view import ExchangeView
from hob.desktop.prompt.literal import literal
from hob.desktop.prompt.theme import colors
from hob.wire.plugins import ActionInfo, ActionRequest

LETTER = "Dear Anna,\nI am **not** coming:\n\n    1. no time\n- no *money*\n\n# Yours\n<b>Bob</b>"


def shown(text: str, *, plain: bool) -> str:
    """What stands in the window, when the text comes in two pieces."""
    application()
    action = ActionInfo(name="a", plugin="p", title="A", plain=plain)
    exchange = Exchange("A", run=(action, ActionRequest(action="a")))
    view = ExchangeView(exchange, colors(), lambda _text: None)
    half = len(text) // 2
    exchange.answer = text[:half]
    view.refresh()
    exchange.answer, exchange.state = text, "done"
    view.refresh()
    until(lambda: not view._answer.busy)
    assert not view.findChildren(CodeView)
    said = "\n".join(prose.toPlainText() for prose in view.findChildren(ProseView))
    view.deleteLater()
    return said.replace("\u2028", "\n").replace("\u00a0", " ")


def test_line_breaks_and_marks_stay() -> None:
    lines = [line for line in shown(LETTER, plain=True).splitlines() if line.strip()]
    assert lines == [line for line in LETTER.splitlines() if line.strip()]


def test_other_answers_are_markdown() -> None:
    assert "am not coming" in shown("I am **not** coming\nat all", plain=False)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "* x\n* y", "```\ncode\n```", "a | b\n--|--\n1 | 2"]
)
def test_nothing_begins_a_block_of_markdown(text: str) -> None:
    kinds = {token.type for token in MarkdownIt().enable("table").parse(literal(text))}
    assert kinds == {"paragraph_open", "inline", "paragraph_close"}


@given(st.text(st.sampled_from("ab \n\t*_`#-+.1)>|<&[]!\\~:/"), max_size=60))
def test_any_text_is_paragraphs(text: str) -> None:
    kinds = {token.type for token in MarkdownIt().enable("table").parse(literal(text))}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close"}
