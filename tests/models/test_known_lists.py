"""Vocabularies that were walked before: recognized only when every byte is the same."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_gguf import tiny_gguf
from hob.errors import BadModelFile
from hob.models.gguf.cursor import Cursor
from hob.models.gguf.header import Header, read_header
from hob.models.gguf.known import KnownLists

WINDOW = 64 * 1024
TOKENS = [f"token{number:05d}" for number in range(6_000)]
OTHERS = [f"other{number:05d}" for number in range(6_000)]


def content(tokens: list[str], changes: Mapping[str, object] | None = None) -> bytes:
    plain = {"tokenizer.ggml.scores": None, "tokenizer.ggml.token_type": None}
    return tiny_gguf(plain | {"tokenizer.ggml.tokens": tokens} | dict(changes or {})).bytes()


def read(path: Path, data: bytes, known: KnownLists | None = None) -> Header | str:
    """The header of a file with that content, or why it has none."""
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return replace(read_header(fd, len(data), known), problem=None)
    except BadModelFile as problem:
        return problem.message
    finally:
        os.close(fd)


class Walks:
    """Counts how often a list is walked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        keep = KnownLists.keep

        def counted(*args: object) -> None:
            self.count += 1
            keep(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(KnownLists, "keep", counted)


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> Walks:
    return Walks(monkeypatch)


def test_a_list_is_walked_once_for_many_files(tmp_path: Path, walks: Walks) -> None:
    known = KnownLists()
    for name in ("One", "Another name, so that it lies elsewhere", "Three"):
        data = content(TOKENS, {"general.name": name})
        assert read(tmp_path / "a.gguf", data, known) == read(tmp_path / "a.gguf", data)
    assert walks.count == 1


@pytest.mark.parametrize("piece", [4_096, 256 * 1024])
def test_a_change_anywhere_in_a_list_has_the_effect_of_walking_it(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hob.models.gguf.known._PIECE_BYTES", piece)
    known = KnownLists()
    whole = content(TOKENS)
    read(tmp_path / "a.gguf", whole, known)
    begin = whole.index(struct.pack("<Q", 10) + b"token00000")
    end = whole.index(b"token05999") + 10
    dice = random.Random(7)
    places = [*(begin + 18 * n for n in (0, 1, 3_000, 5_998, 5_999)), end - 1]
    places += [dice.randrange(begin, end) for _ in range(150)]
    for at in places:
        data = bytearray(whole)
        data[at] ^= 1 << dice.randrange(8)
        changed = bytes(data)
        assert read(tmp_path / "b.gguf", changed, known) == read(tmp_path / "b.gguf", changed)


def test_a_list_that_swallows_its_neighbour_is_not_taken_for_the_known_one(tmp_path: Path) -> None:
    known = KnownLists()
    whole = content(TOKENS, {"x.last": 7})
    read(tmp_path / "a.gguf", whole, known)
    at = whole.index(struct.pack("<Q", 10) + b"token03000")
    evil = whole[:at] + struct.pack("<Q", 10 + 18) + whole[at + 8 :]
    told = read(tmp_path / "b.gguf", evil, known)
    assert told == read(tmp_path / "b.gguf", evil)
    assert told != read(tmp_path / "b.gguf", whole)


def test_lists_of_one_length_are_told_apart(tmp_path: Path, walks: Walks) -> None:
    known = KnownLists()
    for tokens in (TOKENS, OTHERS, TOKENS, OTHERS):
        data = content(tokens)
        assert read(tmp_path / "a.gguf", data, known) == read(tmp_path / "a.gguf", data)
    assert walks.count == 2


def test_a_list_of_another_byte_order_is_another(tmp_path: Path) -> None:
    known = KnownLists()
    plain = tiny_gguf({"tokenizer.ggml.tokens": TOKENS})
    for order in "<><":
        data = replace(plain, order=order).bytes()
        assert read(tmp_path / "a.gguf", data, known) == read(tmp_path / "a.gguf", data)


def test_a_file_that_ends_within_a_known_list_is_cut_short(tmp_path: Path) -> None:
    known = KnownLists()
    whole = content(TOKENS)
    read(tmp_path / "a.gguf", whole, known)
    for end in range(2_000, 110_000, 5_003):
        told = read(tmp_path / "b.gguf", whole[:end], known)
        assert isinstance(told, str)
        assert "cut short" in told


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(tmp_path: Path, walks: Walks) -> None:
    size = 6_000 * 18
    known = KnownLists(kept_bytes=2 * size + 100)
    third = [token.replace("o", "u") for token in TOKENS]
    for tokens in (TOKENS, OTHERS, TOKENS, third, TOKENS):
        read(tmp_path / "a.gguf", content(tokens), known)
    assert walks.count == 3
    read(tmp_path / "a.gguf", content(OTHERS), known)
    assert walks.count == 4


def test_a_list_larger_than_half_of_what_is_kept_is_walked_each_time(
    tmp_path: Path, walks: Walks
) -> None:
    known = KnownLists(kept_bytes=6_000 * 18)
    for _ in range(2):
        read(tmp_path / "a.gguf", content(TOKENS), known)
    assert walks.count == 2


def test_a_list_with_a_string_that_no_window_holds_is_walked(tmp_path: Path) -> None:
    known = KnownLists()
    data = content([*TOKENS[:2_000], "x" * 300_000, *TOKENS[2_000:]])
    for _ in range(2):
        assert read(tmp_path / "a.gguf", data, known) == read(tmp_path / "a.gguf", data)


@pytest.mark.parametrize("marks", [("<|fim_prefix|>", "<|fim_suffix|>"), ("<PRE>", "<SUF>")])
def test_tokens_are_found_wherever_a_window_ends(marks: tuple[str, str], tmp_path: Path) -> None:
    """The marks lie on the border of the first window, shifted byte by byte."""
    for shift in range(0, 60, 3):
        filler = [f"{n:092d}" for n in range(WINDOW // 100 - 10)]
        tokens = ["y" * shift, *filler, *[f"{n:02d}" for n in range(40)], *marks, "end"]
        known = KnownLists()
        for _ in range(2):
            header = read(tmp_path / "a.gguf", content(tokens), known)
            assert isinstance(header, Header)
            array = header.array("tokenizer.ggml.tokens")
            assert array is not None
            assert array.found == {mark.encode() for mark in marks}


def test_a_token_that_only_contains_a_mark_is_none(tmp_path: Path) -> None:
    header = read(tmp_path / "a.gguf", content(["a<PRE>", "<SUF>b", "xfimx", "<|fim_prefix|>>"]))
    assert isinstance(header, Header)
    array = header.array("tokenizer.ggml.tokens")
    assert array is not None
    assert not array.found


def test_lengths_of_other_widths_make_another_list_of_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    path.write_bytes(bytes(200_000))
    fd = os.open(path, os.O_RDONLY)
    known = KnownLists()
    try:
        for narrow, size in ((False, 48_000), (True, 24_000), (False, 48_000)):
            cursor = Cursor(fd, 200_000, known)
            cursor.write_as("<", narrow=narrow)
            cursor.skip_strings(6_000)
            assert cursor.at == size
    finally:
        os.close(fd)
