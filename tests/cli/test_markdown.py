from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hob.cli.markdown import BlockSplitter, _SafeMarkdown


def blocks_of(text: str) -> list[str]:
    splitter = BlockSplitter()
    return [*splitter.feed(text), splitter.rest]


def render(text: str, width: int = 60) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(_SafeMarkdown(text))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_blank_line_before_new_text_ends_a_block() -> None:
    assert blocks_of("# One\n\nTwo\nthree\n\nFour") == ["# One\n\n", "Two\nthree\n\n", "Four"]


def test_a_blank_line_within_a_code_fence_ends_nothing() -> None:
    code = "```python\na = 1\n\n# b\nc = 2\n```\n\n"
    assert blocks_of(code + "After\n") == [code, "After\n"]


def test_a_longer_fence_is_not_closed_by_a_shorter_one() -> None:
    code = "````\n```\n\nx\n```\n\n````\n\n"
    assert blocks_of(code + "After\n") == [code, "After\n"]


def test_a_tilde_fence_is_not_closed_by_backticks() -> None:
    code = "~~~\n```\n\nx\n\n~~~\n\n"
    assert blocks_of(code + "After\n") == [code, "After\n"]


def test_an_indented_paragraph_stays_with_its_list_item() -> None:
    assert blocks_of("1. one\n\n   more\n\n2. two\n\nEnd\n") == [
        "1. one\n\n   more\n\n",
        "2. two\n\n",
        "End\n",
    ]


MARKDOWN = st.lists(
    st.sampled_from(["text", "\n", "\n\n", "```", "~~~", "    ", "- item", "# head", " ", "`"])
).map("".join)


@given(MARKDOWN, st.data())
def test_nothing_is_lost_or_changed_however_it_is_split(text: str, data: st.DataObject) -> None:
    splitter = BlockSplitter()
    got = []
    rest = text
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        got += splitter.feed(rest[:cut])
        rest = rest[cut:]
    assert "".join(got) + splitter.rest == text
    assert [*got, splitter.rest] == blocks_of(text)


def test_numbered_items_keep_their_numbers_when_rendered_apart() -> None:
    assert "2 two" in render("2. two\n")


@pytest.mark.parametrize("entity", ["&#x202e;", "&#27;", "&#x9b;", "&#8238;", "&#x2066;"])
def test_an_entity_cannot_bring_a_control_character_back(entity: str) -> None:
    shown = render(f"safe {entity}[31m text")
    assert not set(shown) & {"\u202e", "\x1b", "\x9b", "\u2066"}
    assert "safe" in shown


def test_a_link_shows_where_it_goes() -> None:
    assert "http://evil.example" in render("[your bank](http://evil.example)")


def test_code_is_shown_as_it_is() -> None:
    assert "x = 1  # [bold] :smile:" in render("```python\nx = 1  # [bold] :smile:\n```\n")


def test_lines_carry_no_blanks_at_their_end() -> None:
    shown = render("# Head\n\nSome **bold** words\n\n- item\n\n```\ncode\n```\n")
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []
