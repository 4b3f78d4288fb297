"""A growing Markdown text is cut into blocks, each of which is complete once and for all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hob.desktop.prompt.markdown import (
    MAX_BLOCK_CHARS,
    MAX_CODE_LINE_CHARS,
    Blocks,
    Code,
    Prose,
    blocks_of,
    display_lines,
)

_PIECES = st.lists(
    st.sampled_from(
        ["```", "~~~", "py", "\n", "\n\n", "a", " ", "- ", "1. ", "> ", "`", "x|y", "#"]
    ),
    max_size=60,
)


def test_paragraphs_are_complete_when_the_next_one_begins() -> None:
    blocks = Blocks()
    assert blocks.feed("One.\n\nTw") == []
    assert blocks.rest == Prose("One.\n\nTw")
    assert blocks.feed("o.\n\nThree") == [Prose("One.\n\n")]


def test_the_rest_is_complete_at_the_end() -> None:
    blocks = Blocks()
    blocks.feed("One.")
    assert blocks.finish() == [Prose("One.\n")]
    assert blocks.rest is None


def test_a_code_block_is_apart_from_the_text_around_it() -> None:
    text = "Before:\n```python\nx = 1\n\ny = 2\n```\nAfter."
    assert blocks_of(text) == [
        Prose("Before:\n"),
        Code("python", "x = 1\n\ny = 2"),
        Prose("After.\n"),
    ]


def test_a_growing_code_block_is_code_before_it_ends() -> None:
    blocks = Blocks()
    blocks.feed("```sh\nls -l\nec")
    assert blocks.rest == Code("sh", "ls -l\nec")


def test_marks_that_may_end_a_code_block_are_not_shown_as_code() -> None:
    blocks = Blocks()
    blocks.feed("```\nx\n``")
    assert blocks.rest == Code("", "x")


def test_a_code_block_in_a_list_loses_the_lists_indentation() -> None:
    text = "1. Run\n   ```sh\n   ls\n     -l\n   ```\n2. Look"
    assert Code("sh", "ls\n  -l") in blocks_of(text)


def test_a_fence_of_other_marks_does_not_end_a_code_block() -> None:
    assert blocks_of("````\n```\n~~~\n````") == [Code("", "```\n~~~")]


def test_a_line_with_marks_in_its_middle_is_no_code_block() -> None:
    assert blocks_of("```inline``` text") == [Prose("```inline``` text\n")]


def test_what_is_indented_stays_with_the_list_above_it() -> None:
    blocks = Blocks()
    assert blocks.feed("- one\n\n  more of one\n- two\n") == []


def test_a_code_block_without_an_end_is_shown_at_the_end() -> None:
    assert blocks_of("```js\nlet x") == [Code("js", "let x")]


def test_a_language_that_is_no_name_is_not_told() -> None:
    assert blocks_of("```<b>!\nx\n```") == [Code("b", "x")]


def test_a_line_that_does_not_end_is_cut() -> None:
    blocks = Blocks()
    done = blocks.feed("word " * 250_000)
    assert max(len(block.text) for block in done) <= MAX_BLOCK_CHARS
    assert sum(len(block.text) for block in (*done, blocks.rest or Prose(""))) == 1_250_000


def test_a_block_of_many_lines_is_cut() -> None:
    done = blocks_of("a line of a long paragraph\n" * 10_000)
    assert max(len(block.text) for block in done) <= MAX_BLOCK_CHARS + 27


def test_a_long_table_stays_one() -> None:
    table = "| a | b |\n|---|---|\n" + "| some words | and more words |\n" * 300
    assert blocks_of(table) == [Prose(table)]


def test_a_long_line_of_code_stays_whole() -> None:
    blocks, line = Blocks(), "x" * 100_000
    blocks.feed("```\n")
    for start in range(0, len(line), 1000):
        blocks.feed(line[start : start + 1000])
    assert blocks.feed("\n```\n") == [Code("", line)]


def test_only_code_that_is_shown_has_its_lines_broken() -> None:
    shown = display_lines("x" * (3 * MAX_CODE_LINE_CHARS) + "\nshort")
    assert [len(line) for line in shown.split("\n")] == [MAX_CODE_LINE_CHARS] * 3 + [5]
    assert display_lines("a\n\nb") == "a\n\nb"


@settings(max_examples=200, deadline=None)
@given(_PIECES)
def test_pieces_make_the_same_blocks_as_the_whole(pieces: list[str]) -> None:
    blocks, made = Blocks(), []
    for piece in pieces:
        made += blocks.feed(piece)
    made += blocks.finish()
    assert made == blocks_of("".join(pieces))


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", "   "])
def test_blanks_are_no_block(text: str) -> None:
    assert blocks_of(text) == []
