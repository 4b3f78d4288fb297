"""Hotkeys as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.errors import BadHotkey
from hob.wire.hotkey import FUNCTION_KEYS, KEYS, MODIFIERS, Hotkey, parse_hotkey, shown

EVERYBODYS = {f"{modifier}+{key}" for modifier in ("ctrl", "super") for key in "cvx"}

hotkeys = (
    st.builds(
        lambda modifiers, key: Hotkey(tuple(m for m in MODIFIERS if m in modifiers), key),
        st.sets(st.sampled_from(MODIFIERS)),
        st.sampled_from(sorted(KEYS)),
    )
    .filter(lambda each: each.key in FUNCTION_KEYS or set(each.modifiers) - {"shift"})
    .filter(lambda each: str(each) not in EVERYBODYS)
)  # fmt: skip


@given(hotkeys)
def test_the_normal_form_is_read_back_as_the_same_hotkey(hotkey: Hotkey) -> None:
    assert parse_hotkey(str(hotkey)) == hotkey


@given(hotkeys, st.sampled_from(["darwin", "linux", "win32"]))
def test_what_people_are_shown_can_be_typed(hotkey: Hotkey, platform: str) -> None:
    assert parse_hotkey(shown(hotkey, platform)) == hotkey


@given(hotkeys, st.randoms(use_true_random=False))
def test_the_order_and_the_case_of_modifiers_do_not_matter(hotkey: Hotkey, random: object) -> None:
    modifiers = list(hotkey.modifiers)
    random.shuffle(modifiers)  # type: ignore[attr-defined]
    assert parse_hotkey(" + ".join([*(m.upper() for m in modifiers), hotkey.key])) == hotkey


@given(st.text(max_size=120) | st.text(alphabet="<>+-_ ctrlasupeif1⌘⌃\n\0", max_size=30))
def test_any_text_is_a_hotkey_or_refused_with_an_example(text: str) -> None:
    try:
        hotkey = parse_hotkey(text)
    except BadHotkey as error:
        said = error
    else:
        assert parse_hotkey(str(hotkey)) == hotkey
        return
    assert said.message.endswith((".", '"'))
    assert "ctrl+alt+space" in said.hint


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ctrl+Alt+Space", "ctrl+alt+space"),
        ("<ctrl>+<alt>+c", "ctrl+alt+c"),
        ("<Control><Alt>c", "ctrl+alt+c"),
        ("<ctrl>+<alt>+<space>", "ctrl+alt+space"),
        ("<ctrl>++", "ctrl++"),
        ("cmd+k", "super+k"),
        ("win+k", "super+k"),
        ("meta + K", "super+k"),
        ("option+control+return", "ctrl+alt+enter"),
        ("ctrl+esc", "ctrl+escape"),
        ("Ctrl-Alt-K", "ctrl+alt+k"),
        ("ctrl alt k", "ctrl+alt+k"),
        ("ctrl+-", "ctrl+-"),
        ("ctrl--", "ctrl+-"),
        ("ctrl++", "ctrl++"),
        ("ctrl + +", "ctrl++"),
        ("ctrl+plus", "ctrl++"),
        ("ctrl+<", "ctrl+<"),
        ("ctrl+Page Down", "ctrl+pagedown"),
        ("ctrl+page_up", "ctrl+pageup"),
        ("⌃⌥Space", "ctrl+alt+space"),
        ("⌃⌥+", "ctrl+alt++"),
        ("⌃+⌥+K", "ctrl+alt+k"),
        ("F12", "f12"),
        ("shift+F5", "shift+f5"),
    ],
)
def test_common_spellings_are_understood(text: str, normal: str) -> None:
    assert str(parse_hotkey(text)) == normal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key"),
        ("   ", "no key"),
        ("ctrl+alt", "lacks a key"),
        ("<ctrl>+", "lacks a key"),
        ("ctrl+", "nothing between or after"),
        ("ctrl+++k", "nothing between or after"),
        ("ctrl+a+b", "more than one key"),
        ("a", "needed for typing"),
        ("shift+a", "needed for typing"),
        ("shift+space", "needed for typing"),
        ("ctrl+c", "every program uses"),
        ("cmd+v", "every program uses"),
        ("ctrl+banana", '"banana"'),
        ("ctrl+ä", '"ä"'),
        ("fn+f5", "fn cannot be a part"),
        ("ctrl+f25", '"f25"'),
        ("ctrl+" + "a" * 200, "too long"),
    ],
)
def test_what_is_no_hotkey_is_refused_saying_why(text: str, said: str) -> None:
    with pytest.raises(BadHotkey) as caught:
        parse_hotkey(text)
    assert said in caught.value.message
    assert caught.value.param == "hotkey"


def test_people_are_shown_what_stands_on_their_keys() -> None:
    hotkey = parse_hotkey("super+alt+ctrl+space")
    assert shown(hotkey, "linux") == "Ctrl+Alt+Super+Space"
    assert shown(hotkey, "win32") == "Ctrl+Alt+Win+Space"
    assert shown(hotkey, "darwin") == "⌃⌥⌘Space"
