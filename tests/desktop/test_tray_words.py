"""Texts are cut and told apart; lists become others in few steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.desktop.tray.difference import Insert, Remove, changes
from hob.desktop.tray.qt_menu import escaped, shown_keys
from hob.desktop.tray.words import one_line, shortened, told_apart
from hob.wire.hotkey import parse_hotkey


def test_a_text_is_put_on_one_line_without_what_turns_it_around() -> None:
    assert one_line("a\n\tb \u202egnp.exe\x1b[31m\x07", 40) == "a b gnp.exe[31m"


def test_a_long_text_loses_its_end_and_a_long_name_its_middle() -> None:
    assert one_line("one two three", 8) == "one two…"
    assert shortened("smollm2:135m-instruct-q4_1", 15) == "smollm2…ct-q4_1"


@given(st.lists(st.text(max_size=60), unique=True, max_size=20), st.integers(8, 50))
def test_names_are_told_apart_whatever_they_are(names: list[str], longest: int) -> None:
    shown = told_apart(names, longest)
    assert list(shown) == names
    assert len(set(shown.values())) == len(names)


def test_names_that_differ_stay_short() -> None:
    names = [f"{'a' * 30}b", "c" * 31]
    assert list(told_apart(names, 9).values()) == ["aaaa…aaab", "cccc…cccc"]


keys = st.lists(st.sampled_from("abcdefghijkl"), unique=True)


@given(keys, keys)
def test_the_steps_turn_one_list_into_the_other(now: list[str], wanted: list[str]) -> None:
    after = list(now)
    for change in changes(now, wanted):
        if isinstance(change, Remove):
            after.remove(change.key)
        else:
            assert change.key not in after
            place = len(after) if change.before is None else after.index(change.before)
            after.insert(place, change.key)
    assert after == wanted


@given(keys)
def test_a_list_that_stays_is_left_alone(now: list[str]) -> None:
    assert changes(now, now) == ()


def test_a_new_line_moves_no_other() -> None:
    assert changes("abc", "abxc") == (Insert("x", "c"),)
    assert changes("abc", "cab") == (Remove("c"), Insert("c", "a"))


@given(st.text(alphabet="a_&x"))
def test_a_panel_shows_every_character_of_a_label(text: str) -> None:
    # What Qt makes of it for the bus, unless the first & is the last character.
    sent = escaped(text, over_bus=True)
    place = sent.find("&")
    if 0 <= place < len(sent) - 1:
        sent = f"{sent[:place]}_{sent[place + 1 :]}"
    # What a panel makes of that: a pair of _ is one, a single one marks what follows.
    seen = sent.replace("__", "\0").replace("_", "").replace("\0", "_")
    assert seen == text or text.endswith("&")


def test_a_menu_of_qt_shows_ampersands() -> None:
    assert escaped("Q & A_1", over_bus=False) == "Q && A_1"


def test_hotkeys_stand_in_their_column_or_else_in_the_label() -> None:
    assert shown_keys("ctrl+alt+c", over_bus=True) == ("Ctrl+Alt+C", "")
    assert shown_keys("ctrl+alt+space", over_bus=True) == ("", "  (Ctrl+Alt+Space)")
    assert shown_keys("super+pageup", over_bus=False) == ("Meta+PgUp", "")
    assert shown_keys("", over_bus=True) == ("", "")


def test_qt_understands_every_hotkey_as_it_is_written_for_it() -> None:
    from PySide6.QtGui import QKeySequence

    for text in ("ctrl++", "ctrl+shift+,", "alt+f12", "super+enter", "ctrl+delete", "ctrl+escape"):
        written, _ = shown_keys(str(parse_hotkey(text)), over_bus=False)
        sequence = QKeySequence(written)
        assert sequence.count() == 1, text
        assert sequence.toString() == written, text
