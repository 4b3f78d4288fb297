"""What of the model's bytes may be shown, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.engine.output.text import TextStream


def stream(pieces: list[bytes], stops: tuple[str, ...] = ()) -> tuple[list[str], str]:
    text = TextStream(stops)
    out = []
    for piece in pieces:
        out.append(text.push(piece))
        if text.stopped:
            break
    return [*out, text.flush()], text.stopped


def test_an_emoji_in_four_tokens_comes_out_whole() -> None:
    wave = "👋".encode()
    out, _ = stream([wave[:1], wave[1:2], wave[2:3], wave[3:]])
    assert out == ["", "", "", "👋", ""]


def test_bytes_that_are_no_text_become_the_replacement_character() -> None:
    assert "".join(stream([b"a\xff", b"b"])[0]) == "a\ufffdb"


def test_an_answer_that_ends_within_a_character_ends_with_the_replacement_character() -> None:
    assert "".join(stream([b"a", "👋".encode()[:2]])[0]) == "a\ufffd"


def test_a_stop_string_over_several_tokens_is_not_part_of_the_answer() -> None:
    out, stopped = stream([b"one\n", b"Us", b"er", b": two"], ("User:",))
    assert ("".join(out), stopped) == ("one\n", "User:")


def test_text_that_only_looked_like_a_stop_string_comes_out() -> None:
    out, stopped = stream([b"Us", b"ual"], ("User:",))
    assert (out, stopped) == (["", "Usual", ""], "")


def test_a_held_beginning_comes_out_at_the_end() -> None:
    out, _ = stream([b"see Us"], ("User:",))
    assert out == ["see ", "Us"]


def test_only_what_can_still_become_a_stop_string_is_held_back() -> None:
    out, _ = stream([b"hello Us"], ("User:", "zzz"))
    assert out[0] == "hello "


def test_of_two_stop_strings_that_end_together_the_longer_counts() -> None:
    out, stopped = stream([b"a END"], ("ND", "END"))
    assert ("".join(out), stopped) == ("a ", "END")


def test_a_stop_string_that_overlaps_itself_is_found() -> None:
    out, stopped = stream([b"aaab"], ("aab",))
    assert ("".join(out), stopped) == ("a", "aab")


@given(
    st.text("ab\n👋", max_size=40),
    st.lists(st.text("ab\n👋", min_size=1, max_size=4), max_size=4),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_the_answer_does_not_depend_on_how_it_is_cut_into_tokens(
    text: str, stops: list[str], sizes: list[int]
) -> None:
    raw = text.encode()
    pieces, at, turn = [], 0, 0
    while at < len(raw):
        pieces.append(raw[at : at + sizes[turn % len(sizes)]])
        at += sizes[turn % len(sizes)]
        turn += 1
    one, first = stream([raw] if raw else [], tuple(stops))
    many, second = stream(pieces, tuple(stops))
    assert ("".join(one), first) == ("".join(many), second)
    if first:
        assert text.startswith("".join(one) + first)
    else:
        assert "".join(one) == text
        assert not any(stop in text for stop in stops)
