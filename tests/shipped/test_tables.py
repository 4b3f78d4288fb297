from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob_clipboard.tables import parse_table, to_csv

WANTED = [["Name", "Age"], ["Ann", "34"], ["Bob, jr.", "7"]]

TABLES = {
    "markdown": "| Name | Age |\n|------|----:|\n| Ann | 34 |\n| Bob, jr. | 7 |\n",
    "markdown without outer bars": "Name | Age\n--- | ---\nAnn | 34\nBob, jr. | 7",
    "spreadsheet": "Name\tAge\nAnn\t34\nBob, jr.\t7\n",
    "spreadsheet of Windows": "Name\tAge\r\nAnn\t34\r\nBob, jr.\t7\r\n",
    "terminal": "+----------+-----+\n| Name     | Age |\n+----------+-----+\n| Ann      | 34  |\n"
    "| Bob, jr. | 7   |\n+----------+-----+\n",
    "drawn": "┌──────────┬─────┐\n│ Name     │ Age │\n├──────────┼─────┤\n│ Ann      │ 34  │\n"
    "│ Bob, jr. │ 7   │\n└──────────┴─────┘",
    "aligned": "Name       Age\nAnn        34\nBob, jr.   7\n",
    "semicolons": "Name;Age\nAnn;34\nBob, jr.;7\n",
    "html": "<table><thead><tr><th>Name</th><th>Age</th></tr></thead><tr><td>Ann<td>34"
    "<tr><td>Bob,\n jr.</td><td><b>7</b></td></tr></table><p>Not | this</p>",
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_this_kind_is_read_exactly(kind: str) -> None:
    assert parse_table(TABLES[kind]) == WANTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "One line.",
        "A text, with commas, of course.\nAnd a line, with one.\n",
        "First paragraph.\n\nSecond paragraph, which is longer.\n",
        "a | b",
        "def f(x):\n    return x\n",
        "\x00\x00",
        "| --- | --- |",
    ],
)
def test_what_is_no_table_is_left_to_the_model(text: str) -> None:
    assert parse_table(text) is None


def test_short_rows_are_filled_up() -> None:
    text = "| a | b | c |\n|---|---|---|\n| 1 | 2 |\n"
    assert parse_table(text) == [["a", "b", "c"], ["1", "2", ""]]


def test_marks_of_markdown_are_no_part_of_a_cell() -> None:
    text = "| a | b |\n|---|---|\n| **x** | `y` \\| z |\n"
    assert parse_table(text) == [["a", "b"], ["x", "y | z"]]


def test_an_empty_cell_at_the_end_of_a_row_stays() -> None:
    assert parse_table("a\tb\n1\t\n") == [["a", "b"], ["1", ""]]


def test_a_cell_with_a_line_break_stays_one_cell() -> None:
    assert parse_table('a\tb\n"one\ntwo"\t2\n') == [["a", "b"], ["one\ntwo", "2"]]


def test_html_of_any_shape_is_read_or_left() -> None:
    for text in ("<table>" * 2_000, "<table><td>" * 500, "<table><tr><td>a<td>b" * 50):
        rows = parse_table(text)
        assert rows is None or len({len(row) for row in rows}) == 1


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS).map(list), min_size=2, max_size=8))
def test_csv_says_what_the_rows_say(rows: list[list[str]]) -> None:
    assert list(csv.reader(io.StringIO(to_csv(rows), newline=""))) == rows


@given(st.text(st.sampled_from("ab|-+: \t\n,;<>\"'\\tableridh/"), max_size=200))
def test_any_text_is_a_table_or_none(text: str) -> None:
    rows = parse_table(text)
    assert rows is None or (len(rows) > 1 and len({len(row) for row in rows}) == 1)
