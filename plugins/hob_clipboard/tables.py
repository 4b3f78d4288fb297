"""Reads tables as they are copied from pages, spreadsheets, Markdown and terminals, exactly."""

from __future__ import annotations

import csv
import html
import io
import re
from html.parser import HTMLParser

Rows = list[list[str]]

_MAX_CELLS = 500_000
_RULE = re.compile(r"[\s|+:=\-─━═┄┈│┃║┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╭╮╰╯╞╡╪╤╧]+")
_MARKDOWN_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_BAR = re.compile(r"(?<!\\)\||[│┃║]")
_GAP = re.compile(r"\s{2,}")


def parse_table(text: str) -> Rows | None:
    """The rows of the table that the text is, all equally long; None if it is none that is sure."""
    for read in (_html, _barred, _tabbed, _separated, _aligned):
        rows = read(text)
        if rows and len(rows) > 1 and max(map(len, rows)) > 1:
            return _even(rows)
    return None


def to_csv(rows: Rows) -> str:
    """RFC 4180, but with the line ends of a text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _even(rows: Rows) -> Rows | None:
    width = max(map(len, rows))
    if width * len(rows) > _MAX_CELLS:
        return None
    return [row + [""] * (width - len(row)) for row in rows]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


# ---- HTML ----


class _TableReader(HTMLParser):
    """The cells of the first table; of a table in a cell, the text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: Rows = []
        self._depth = 0
        self._over = False
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
        if self._over or self._depth != 1:
            return
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
            self._over = self._over or not self._depth
        elif tag in ("td", "th", "tr") and self._depth == 1:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and not self._over:
            self.rows[-1][-1] += data


def _html(text: str) -> Rows | None:
    if not re.search(r"<table[\s>]", text[:10_000], re.IGNORECASE):
        return None
    reader = _TableReader()
    reader.feed(text)
    reader.close()
    return [[" ".join(cell.split()) for cell in row] for row in reader.rows if row]


# ---- text ----


def _barred(text: str) -> Rows | None:
    """Markdown, and what terminals draw with bars and lines."""
    rows: Rows = []
    lines = _lines(text)
    markdown = any("|" in line and _MARKDOWN_RULE.fullmatch(line.strip()) for line in lines)
    for line in lines:
        stripped = line.strip()
        if _RULE.fullmatch(stripped) and (not markdown or _MARKDOWN_RULE.fullmatch(stripped)):
            continue
        cells = [cell.strip() for cell in _BAR.split(stripped)]
        if len(cells) < 2:
            return None
        if not cells[0] and _BAR.match(stripped):
            cells = cells[1:]
        if cells and not cells[-1]:
            cells = cells[:-1]
        rows.append([_plain(cell) for cell in cells] if markdown else cells)
    return rows


def _plain(cell: str) -> str:
    """A cell of Markdown without its marks."""
    cell = cell.replace("\\|", "|")
    cell = re.sub(r"<br\s*/?>", " ", cell)
    cell = re.sub(r"(\*\*|__|`)(.+?)\1", r"\2", cell)
    return html.unescape(cell)


def _tabbed(text: str) -> Rows | None:
    """What a spreadsheet copies."""
    if "\t" not in text:
        return None
    # A cell with a line break or a quote in it stands in quotes.
    rows = _csv_rows(text, "\t")
    return rows if _same_width(rows) else None


def _separated(text: str) -> Rows | None:
    """CSV with commas, or with semicolons as in much of Europe."""
    for mark in (";", ","):
        rows = _csv_rows(text, mark)
        # Prose has commas too, seldom as many in each line.
        if len(rows) > 1 and _same_width(rows) and len(rows[0]) > (1 if mark == ";" else 2):
            return rows
    return None


def _csv_rows(text: str, mark: str) -> Rows:
    """None at all where quotes do not match, or a field is longer than any field should be."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        return [row for row in rows if any(row)]
    except csv.Error:
        return []


def _same_width(rows: Rows) -> bool:
    return bool(rows) and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _aligned(text: str) -> Rows | None:
    """Columns held apart by blanks, as programs print them; only when every row has as many."""
    rows = [_GAP.split(line.strip()) for line in _lines(text) if not _RULE.fullmatch(line)]
    return rows if len(rows) > 1 and _same_width(rows) else None
