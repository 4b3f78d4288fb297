from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob_clipboard.chunks import split_text


def words(text: str) -> int:
    return len(text.split())


def characters(text: str) -> int:
    return len(text.encode())


TEXTS = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab .!?\n\n\t。\u0301\u200d")),
    max_size=400,
)


@given(TEXTS, st.integers(min_value=4, max_value=60))
def test_every_character_is_in_some_part_and_no_part_is_too_long(text: str, limit: int) -> None:
    parts = split_text(text, limit, characters)
    assert "".join(parts) == text
    assert all(characters(part) <= limit for part in parts)


@given(TEXTS, st.integers(min_value=1, max_value=9))
def test_words_as_tokens_are_cut_just_as_well(text: str, limit: int) -> None:
    parts = split_text(text, limit, words)
    assert "".join(parts) == text
    assert all(words(part) <= limit for part in parts)


def test_a_text_that_fits_is_one_part() -> None:
    assert split_text("One. Two.\n\nThree.", 3, words) == ["One. Two.\n\nThree."]


def test_paragraphs_are_cut_before_sentences() -> None:
    paragraph = "Here is one. Here is another of about the same length."
    text = "\n\n".join([paragraph] * 6)
    parts = split_text(text, words(text) // 2 + 5, words)
    assert len(parts) > 1
    assert all(part.strip().startswith("Here is one.") for part in parts)


def test_sentences_are_cut_before_words() -> None:
    text = "This sentence has six words here. " * 40
    parts = split_text(text, 50, words)
    assert all(part.rstrip().endswith("here.") for part in parts)


def test_japanese_is_cut_after_its_own_full_stop() -> None:
    text = "これは一つの文です。" * 50
    parts = split_text(text, 120, len)
    assert all(part.endswith("。") for part in parts)


def test_an_accent_stays_with_its_letter() -> None:
    text = "e\u0301" * 500
    parts = split_text(text, 100, len)
    assert all(part[0] == "e" for part in parts)


def test_a_character_with_more_tokens_than_the_limit_is_a_part() -> None:
    assert split_text("ab", 1, lambda text: 5 * len(text)) == ["a", "b"]


def test_few_requests_are_made_for_a_long_text() -> None:
    asked = []

    def count(text: str) -> int:
        asked.append(len(text))
        return words(text)

    parts = split_text("A few words in a row. " * 20_000, 3_000, count)
    assert len(asked) <= 2 * len(parts)
