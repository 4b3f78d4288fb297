"""Files of every version and byte order, and files made to harm: none costs more than it may."""

from __future__ import annotations

import os
import random
import struct
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_gguf import Gguf, Raw, Tensor, tiny_gguf, tiny_metadata
from hob.models.folder.files import look
from hob.models.gguf.describe import Description
from hob.models.gguf.header import MAX_KEY_BYTES, MAX_KEYS, MAX_TENSORS

SMALL = tiny_gguf(
    {
        "tokenizer.ggml.tokens": ["a", "b"],
        "tokenizer.ggml.scores": None,
        "tokenizer.ggml.token_type": None,
        "llama.attention.head_count_kv": [2, 2],
        "llama.feed_forward_length": [64, 64],
    }
)
SMALL_BYTES = SMALL.bytes()
HEADER_BYTES = len(SMALL.header())
EDGES = [0, 1, 513, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
UINT8, INT32, UINT64, INT64, FLOAT64 = 0, 5, 10, 11, 12


def looked(path: Path, content: bytes) -> Description:
    """What is told of a file with this content: well, or bad with a reason that can be shown."""
    path.write_bytes(content)
    about = look(str(path)).about
    if about.problem is not None:
        assert about.problem.message.isprintable()
        assert about.problem.hint
    return about


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_and_byte_order_is_described(
    version: int, order: str, tmp_path: Path
) -> None:
    about = looked(tmp_path / "a.gguf", replace(tiny_gguf(), version=version, order=order).bytes())
    plain = looked(tmp_path / "b.gguf", tiny_gguf().bytes())
    told = replace(about, problem=None, fingerprint=plain.fingerprint)
    assert told == plain
    native = "<" if sys.byteorder == "little" else ">"
    if order != native:
        assert about.problem is not None
        assert "was made for" in about.problem.message
    elif version == 1:
        assert about.problem is not None
        assert "version 1" in about.problem.message
    else:
        assert about.problem is None


@pytest.mark.parametrize("order", "<>")
def test_a_damaged_file_of_a_foreign_kind_is_told_by_its_kind(order: str, tmp_path: Path) -> None:
    content = replace(tiny_gguf(), version=1, order=order).bytes()
    for end in range(8, 900, 7):
        problem = looked(tmp_path / "a.gguf", content[:end]).problem
        assert problem is not None
        assert "version 1" in problem.message or "big-endian" in problem.message


def test_a_file_cut_at_any_byte_of_its_header_is_bad(tmp_path: Path) -> None:
    for end in range(HEADER_BYTES + 1):
        assert looked(tmp_path / "a.gguf", SMALL_BYTES[:end]).problem is not None


@pytest.mark.parametrize(
    "raw",
    [
        Raw(UINT8, b"\xff"),
        Raw(INT32, struct.pack("<i", -1)),
        Raw(UINT64, struct.pack("<Q", 2**64 - 1)),
        Raw(INT64, struct.pack("<q", -(2**63))),
        Raw(FLOAT64, struct.pack("<d", float("nan"))),
        "text",
        [],
        [-1] * 512,
        [2**31 - 1] * 3,
        ["text"],
    ],
    ids=repr,
)
def test_a_value_of_any_other_type_is_answered(raw: object, tmp_path: Path) -> None:
    for key in sorted(tiny_metadata()):
        looked(tmp_path / "a.gguf", tiny_gguf({key: raw}).bytes())


class Reads:
    """Counts what is read of files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = self.bytes = 0
        self._read = os.read
        monkeypatch.setattr(os, "read", self.read)

    def read(self, fd: int, size: int) -> bytes:
        data = self._read(fd, size)
        self.calls += 1
        self.bytes += len(data)
        return data


def test_random_damage_costs_little_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    dice = random.Random(20)
    good = 0
    for _ in range(2_000):
        content = bytearray(SMALL_BYTES)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(4, HEADER_BYTES - 8)
            if dice.random() < 0.5:
                content[at : at + 8] = struct.pack("<Q", dice.choice(EDGES))
            else:
                content[at : at + 1] = dice.randbytes(1)
        reads.calls = reads.bytes = 0
        tracemalloc.start()
        try:
            good += looked(tmp_path / "a.gguf", bytes(content)).problem is None
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 4 * 2**20
        assert reads.calls < 50
        assert reads.bytes < 3 * len(content)
    assert 0 < good < 2_000


def peak_of(path: Path) -> int:
    tracemalloc.start()
    try:
        look(str(path))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_most_that_a_header_may_hold_takes_bounded_memory(tmp_path: Path) -> None:
    key = "\U0001f525" + "k" * (MAX_KEY_BYTES - 20)
    text = "\U0001f525" + "v" * 4_000
    path = tmp_path / "a.gguf"
    many_keys = {f"{key}{number:06d}": text for number in range(MAX_KEYS)}
    path.write_bytes(Gguf(metadata=many_keys).bytes())
    assert peak_of(path) < 24 * 2**20
    tensors = [
        Tensor("n" * 57 + f"{n:06d}", (1,), data=b"", offset=32 * n) for n in range(MAX_TENSORS)
    ]
    path.write_bytes(replace(tiny_gguf(), tensors=tensors).header())
    assert peak_of(path) < 24 * 2**20
    path.write_bytes(tiny_gguf({"tokenizer.chat_template": "{{'\\" * 5_000_000}).bytes())
    assert peak_of(path) < 8 * 2**20


def test_lists_of_numbers_are_kept_of_the_models_own_alone(tmp_path: Path) -> None:
    lists: dict[str, object] = {f"x{n}.feed_forward_length": [1] * 512 for n in range(2_000)}
    path = tmp_path / "a.gguf"
    path.write_bytes(tiny_gguf(lists).bytes())
    assert peak_of(path) < 4 * 2**20
