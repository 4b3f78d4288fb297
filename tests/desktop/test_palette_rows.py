"""What the action menu lists, and what it says of the clipboard."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.palette_parts import ACTIONS, action
from hob.desktop.palette.preview import one_line, preview
from hob.desktop.palette.ranking import score
from hob.desktop.palette.rows import Row, action_rows, input_rows, shared_system
from hob.wire.desktop import Clip

TRANSLATE = next(a for a in ACTIONS if a.name == "translate")
REPLY = next(a for a in ACTIONS if a.name == "reply")


def names(rows: list[Row]) -> list[str]:
    return [row.action.name for row in rows if row.action]


# ---- ranking ----


def test_the_beginning_fits_better_than_a_word_and_a_word_better_than_its_middle() -> None:
    scores = [score("ex", name) for name in ("Explain", "An example", "Text", "Tea box")]
    assert None not in scores
    assert scores == sorted(set(scores), key=lambda s: -(s or 0))


def test_initials_find_a_name() -> None:
    assert score("fsg", "Fix spelling and grammar") is None
    assert score("fs", "Fix spelling and grammar") == 0.85


def test_every_word_must_be_found() -> None:
    assert score("fix gram", "Fix spelling and grammar") == pytest.approx(0.95)
    assert score("fix table", "Fix spelling and grammar") is None


def test_accents_and_case_do_not_matter() -> None:
    assert score("UBER", "Übersetzen") == 1.0


@given(st.text(max_size=20), st.text(max_size=40))
def test_a_score_is_between_nothing_and_one(typed: str, name: str) -> None:
    found = score(typed, name)
    assert found is None or 0 <= found <= 1


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_a_name_that_is_typed_in_full_is_found(name: str) -> None:
    assert score(name, name) is not None


# ---- rows ----


def test_what_suits_the_content_comes_first_and_what_needs_none_last() -> None:
    listed = names(action_rows(ACTIONS, "message"))
    assert listed[:4] == ["summarize", "translate", "fix-grammar", "reply"]
    assert listed[4] == "haiku"
    assert listed[-1] == "ask"


def test_the_menu_does_not_list_itself() -> None:
    assert "actions" not in names(action_rows(ACTIONS, "text"))


def test_a_picture_offers_what_works_on_pictures_or_on_anything() -> None:
    assert names(action_rows(ACTIONS, "image")) == ["describe-image", "haiku", "ask"]


def test_nothing_to_work_on_leaves_what_needs_nothing() -> None:
    assert names(action_rows(ACTIONS, None)) == ["ask"]


def test_what_works_on_the_selection_does_not_need_the_clipboard() -> None:
    quote = action("quote", "Quote the selection", takes="selection")
    assert names(action_rows((quote, *ACTIONS), None)) == ["quote", "ask"]
    assert names(action_rows((quote, *ACTIONS), None, source="selection")) == ["ask"]
    assert names(action_rows((*ACTIONS, quote), "text", source="selection"))[5] == "quote"


def test_a_recently_used_action_is_the_first_of_those_that_suit_as_well() -> None:
    listed = names(action_rows(ACTIONS, "message", recent=["reply", "table-to-csv"]))
    assert listed[:2] == ["reply", "summarize"]
    assert listed.index("table-to-csv") > listed.index("haiku")


def test_typing_finds_by_title_by_name_and_by_help() -> None:
    assert names(action_rows(ACTIONS, "text", "gram")) == ["fix-grammar"]
    assert names(action_rows(ACTIONS, "text", "csv")) == ["table-to-csv"]
    assert names(action_rows(ACTIONS, "message", "e-mail")) == ["reply"]
    assert names(action_rows(ACTIONS, "text", "explain"))[:2] == ["explain", "explain-code"]
    assert names(action_rows(ACTIONS, "text", "zzz")) == []


def test_a_recent_one_goes_before_one_that_fits_as_well() -> None:
    listed = names(action_rows(ACTIONS, "text", "explain", ["explain-code"]))
    assert listed[:2] == ["explain-code", "explain"]


def test_a_screen_reader_hears_title_help_and_keys() -> None:
    (row,) = action_rows(ACTIONS, "text", "summarize")
    assert row.spoken == f"Summarize, {row.detail}, Ctrl+Alt+S"


# ---- what an action asks ----


def test_choices_are_offered_in_their_order_until_something_is_typed() -> None:
    assert [row.input for row in input_rows(TRANSLATE, "")] == list(TRANSLATE.choices)


def test_the_beginning_of_a_choice_means_that_choice() -> None:
    assert [row.input for row in input_rows(TRANSLATE, "fr")] == ["French", "fr", "Frisian"]


def test_what_is_no_choice_is_taken_as_it_is_typed() -> None:
    assert input_rows(TRANSLATE, " Old  Norse ")[0].input == "Old Norse"


def test_a_choice_typed_in_full_is_not_offered_twice() -> None:
    assert [row.input for row in input_rows(TRANSLATE, "german")] == ["German"]


def test_an_action_without_choices_may_go_without_an_answer() -> None:
    (row,) = input_rows(REPLY, "")
    assert (row.title, row.input) == ("Reply...", "")
    assert [row.input for row in input_rows(REPLY, "yes")] == ["yes"]


def test_the_system_prompt_of_most_is_read_ahead() -> None:
    assert shared_system(action_rows(ACTIONS, "text")) == "Be brief."
    assert shared_system(action_rows((action("x", "X", system=""),), "text")) == ""
    assert shared_system([]) == ""


# ---- the preview ----


def test_a_text_is_told_with_its_length_and_its_beginning() -> None:
    shown = preview(Clip(text="One line\nand another\n"))
    assert shown.label == "Text · 21 characters · 2 lines"
    assert shown.line == "One line and another"


def test_a_secret_is_told_and_not_shown() -> None:
    shown = preview(Clip(text="hunter2", secret=True))
    assert shown.kind is None
    assert "hunter2" not in shown.label + shown.line


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_clipboard_is_told_with_what_to_do(text: str) -> None:
    assert preview(Clip(text=text)).label == "The clipboard is empty"
    assert "Select some text" in preview(Clip(text=text), "selection").line


def test_a_picture_is_told_with_its_size() -> None:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
    url = "data:image/png;base64," + base64.b64encode(head + b"rest of it").decode()
    shown = preview(Clip(image=url))
    assert (shown.kind, shown.label) == ("image", "Picture · 640 x 480 pixels")


@pytest.mark.parametrize("url", ["data:image/png;base64,", "nonsense", "data:,!!!!"])
def test_a_picture_of_unknown_size_is_just_a_picture(url: str) -> None:
    assert preview(Clip(image=url)).label == "Picture"


def test_what_turns_or_hides_text_is_not_shown() -> None:
    assert one_line("a\u202eb\x00c\x1b[31md\u200b") == "abc[31md"


def test_a_huge_text_is_not_read_through() -> None:
    shown = preview(Clip(text="word " * 3_000_000))
    assert shown.label == "Text · 15,000,000 characters"
    assert len(shown.line) < 200
