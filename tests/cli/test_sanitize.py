from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.cli.sanitize import TerminalFilter, clean, one_line

# What a terminal would obey, and what may be left of it.
PAYLOADS: list[tuple[str, str]] = [
    # The clipboard (OSC 52).
    ("\x1b]52;c;cm0gLXJmIC8=\x07ok", "ok"),
    ("\x1b]52;c;cm0gLXJmIC8=\x1b\\ok", "ok"),
    ("\x1b]52;p;?\x07ok", "ok"),
    ("\x9d52;c;cm0gLXJmIC8=\x9cok", "ok"),
    ("\x9d52;c;cm0gLXJmIC8=\x07ok", "ok"),
    ("\x1b]52;c;cm0gLXJmIC8=", ""),
    ("\x1b]52;c;cm0=\nok", "\nok"),
    # Title, icon, colours, notifications, working folder, links.
    ("\x1b]0;pwned\x07ok", "ok"),
    ("\x1b]2;pwned\x1b\\ok", "ok"),
    ("\x1b]1;icon\x07ok", "ok"),
    ("\x1b]4;1;rgb:ff/00/00\x07ok", "ok"),
    ("\x1b]10;?\x07ok", "ok"),
    ("\x1b]11;#000000\x07ok", "ok"),
    ("\x1b]7;file:///etc\x07ok", "ok"),
    ("\x1b]9;notice\x07ok", "ok"),
    ("\x1b]777;notify;a;b\x07ok", "ok"),
    ("\x1b]1337;File=inline=1:AAAA\x07ok", "ok"),
    ("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", "click"),
    ("\x1b]50;#1\x07ok", "ok"),
    # Colours, cursor, erasing, scrolling, modes, reports.
    ("\x1b[31mred\x1b[0m", "red"),
    ("\x1b[38;2;255;0;0mred\x1b[m", "red"),
    ("\x1b[38:2::255:0:0mred", "red"),
    ("\x1b[2J\x1b[Hok", "ok"),
    ("\x1b[3Jok", "ok"),
    ("\x1b[1A\x1b[2Kok", "ok"),
    ("\x1b[999;999Hok", "ok"),
    ("\x1b[6nok", "ok"),
    ("\x1b[cok", "ok"),
    ("\x1b[>0cok", "ok"),
    ("\x1b[?1049hok", "ok"),
    ("\x1b[?25lok", "ok"),
    ("\x1b[?2004lok", "ok"),
    ("\x1b[?1000hok", "ok"),
    ("\x1b[8;1;1tok", "ok"),
    ("\x1b[21tok", "ok"),
    ("\x1b[!pok", "ok"),
    ("\x1b[5iok", "ok"),
    ("\x1b[1 qok", "ok"),
    ("\x9b31mred\x9b0m", "red"),
    ("\x9b2Jok", "ok"),
    ("\x1b[31\x1b[32mok", "ok"),
    ("\x1b[\x1b]0;x\x07ok", "ok"),
    ("\x1b[12\nok", "\nok"),
    # Other strings: DCS, APC, PM, SOS.
    ('\x1bP$q"p\x1b\\ok', "ok"),
    ("\x1bP+q544e\x1b\\ok", "ok"),
    ("\x90$qm\x9cok", "ok"),
    ("\x1b_Gf=100;AAAA\x1b\\ok", "ok"),
    ("\x1b^secret\x1b\\ok", "ok"),
    ("\x1bXsos\x1b\\ok", "ok"),
    ("\x1b]0;a\x1b]0;b\x07ok", "ok"),
    ("\x1b]0;a\x1b[31mok", "ok"),
    # Short sequences: reset, character sets, keypad, save and restore.
    ("\x1bcok", "ok"),
    ("\x1b(0ok", "ok"),
    ("\x1b#8ok", "ok"),
    ("\x1b%Gok", "ok"),
    ("\x1b7\x1b8\x1b=\x1b>\x1bM\x1bDok", "ok"),
    ("\x1b\x1b\x1b[31mok", "ok"),
    ("\x1béok", "éok"),
    ("\x1b", ""),
    # Single controls.
    ("safe\rEVIL", "safeEVIL"),
    ("a\r\nb", "a\nb"),
    ("pass\b\b\b\bfail", "passfail"),
    ("a\x00b\x07c\x0bd\x0ce\x0ef\x0fg\x7fh", "abcdefgh"),
    ("\x05ok", "ok"),
    ("".join(map(chr, range(0x80, 0x90))) + "ok", "ok"),
    ("a\x85b\x84c\x8dd", "abcd"),
    # Writing turned around, lines that are none, and half characters.
    ("access\u202e\u2066// check\u2069 \u2066", "access// check "),
    ("\u202aa\u202bb\u202cc\u202dd", "abcd"),
    ("\u2067x\u2068y\u2069", "xy"),
    ("a\u2028b\u2029c", "a\nb\nc"),
    ("\ufff9a\ufffab\ufffb", "ab"),
    ("half \ud83d", "half \ufffd"),
]

HARMLESS = [
    "",
    "plain\n\ttext\n",
    "äöü ß é 漢字 🦉 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "עברית \u200f العربية \u200e",
    "a [31m b ]0; c",
    "| a | b |\n|---|---|",
]


@pytest.mark.parametrize(("payload", "left"), PAYLOADS)
def test_a_payload_leaves_only_its_text(payload: str, left: str) -> None:
    assert clean(payload) == left


@pytest.mark.parametrize(("payload", "left"), PAYLOADS)
def test_a_payload_may_come_in_single_characters(payload: str, left: str) -> None:
    terminal = TerminalFilter()
    assert "".join(map(terminal.feed, payload)) == left


@pytest.mark.parametrize(("payload", "left"), PAYLOADS)
def test_a_payload_may_be_split_anywhere(payload: str, left: str) -> None:
    for cut in range(len(payload) + 1):
        terminal = TerminalFilter()
        assert terminal.feed(payload[:cut]) + terminal.feed(payload[cut:]) == left


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_of_any_language_is_left_alone(text: str) -> None:
    assert clean(text) == text


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\x1b\x9b\x9d\x90\x9c\x07\\[]P^_X;?0m\n\r\t \u202e\u2066"),
        st.characters(),
    )
)


@given(HOSTILE)
def test_no_control_character_but_newline_and_tab_ever_comes_through(text: str) -> None:
    for char in clean(text):
        assert char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"}
        assert unicodedata.bidirectional(char) not in {
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        }  # fmt: skip


@given(HOSTILE, st.data())
def test_how_a_text_is_split_changes_nothing(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    terminal = TerminalFilter()
    assert terminal.feed(text[:cut]) + terminal.feed(text[cut:]) == clean(text)


@given(HOSTILE)
def test_an_unfinished_sequence_costs_no_more_than_its_line(text: str) -> None:
    assert clean(text + "\nthe next line").endswith("\nthe next line")


def test_a_name_is_put_on_one_line() -> None:
    assert one_line(" a\n\x1b[31mb\t c ") == "a b c"
