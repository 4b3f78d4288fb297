"""The disk tier over real files: what it finds, keeps, lets go, and what it does not trust.

This module is long because it lists what may be wrong with a disk, all on the same few fixtures.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hob.engine.cache import files, stored
from hob.engine.cache.disk import DiskStates, Stored
from hob.engine.cache.identity import Identity, model_digest
from hob.engine.cache.saved import Entry

IDENTITY = Identity("model", "llama.cpp 1", {"kv_type": "f16"})
OTHER = Identity("another model", "llama.cpp 1", {"kv_type": "f16"})
LIMIT = 10**6
WAIT_S = 30.0


def entry(tokens: list[int], state: bytes = b"state" * 20) -> Entry:
    return Entry((), tokens, state)


def opened(
    folder: Path, identity: Identity = IDENTITY, limit: int = LIMIT, divisible: bool = True
) -> DiskStates:
    return DiskStates(folder, identity, limit, divisible)


def keep(folder: Path, *entries: Entry, **options: Any) -> None:
    """Store one after another, each in a life of its own."""
    for each in entries:
        states = opened(folder, **options)
        states.store(each)
        states.close(WAIT_S)


def fetched(states: DiskStates, found: Stored | None) -> Entry | None:
    assert found is not None
    answers: SimpleQueue[Entry | None] = SimpleQueue()
    states.fetch(found, answers.put)
    return answers.get(timeout=WAIT_S)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.state"))


def path_of(folder: Path, tokens: list[int], identity: Identity = IDENTITY) -> Path:
    packed = stored.pack(tokens)
    assert packed is not None
    return folder / identity.digest / stored.file_name(packed)


def used_at(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


class Held:
    """An I/O thread that is busy until let go."""

    def __init__(self, states: DiskStates) -> None:
        self._busy, self._go = threading.Event(), threading.Event()
        states.fetch(Stored("nothing", 1), self._hold)
        assert self._busy.wait(WAIT_S)

    def _hold(self, _entry: Entry | None) -> None:
        self._busy.set()
        assert self._go.wait(WAIT_S)

    def let_go(self) -> None:
        self._go.set()


# What it finds and gives back


def test_a_state_comes_back_as_it_was_in_the_next_life(tmp_path: Path) -> None:
    state = os.urandom(100_000)
    keep(tmp_path, entry([1, 2, -3, 2**40], state))
    states = opened(tmp_path)
    found = states.find((), [1, 2, -3, 2**40, 5])
    assert found is not None
    assert found.length == 4
    back = fetched(states, found)
    assert back is not None
    assert (back.key, back.tokens, bytes(back.state)) == ((), [1, 2, -3, 2**40], state)
    states.close(WAIT_S)


def test_a_state_can_be_found_in_the_life_that_stored_it(tmp_path: Path) -> None:
    states = opened(tmp_path)
    held = Held(states)
    states.store(entry([1, 2, 3]))
    assert states.find((), [1, 2, 3]) is None
    held.let_go()
    states.close(WAIT_S)
    assert states.find((), [1, 2, 3]) == Stored(path_of(tmp_path, [1, 2, 3]).name, 3)


def test_states_that_cannot_be_divided_serve_only_as_a_whole(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2, 3]), entry([1, 2]), divisible=False)
    states = opened(tmp_path, divisible=False)
    lengths = {tokens: states.find((), list(tokens)) for tokens in [(1,), (1, 2, 9), (1, 2, 3, 4)]}
    assert {k: found and found.length for k, found in lengths.items()} == {
        (1,): None,
        (1, 2, 9): 2,
        (1, 2, 3, 4): 3,
    }
    states.close(WAIT_S)


def test_of_equal_prefixes_the_smaller_file_is_read(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2, 3], b"x" * 900), entry([1, 2, 4], b"x" * 20))
    states = opened(tmp_path)
    assert states.find((), [1, 2, 5]) == Stored(path_of(tmp_path, [1, 2, 4]).name, 2)
    states.close(WAIT_S)


def test_only_what_the_model_alone_computed_is_kept(tmp_path: Path) -> None:
    keep(tmp_path, Entry("an adapter", [1, 2], b"state"), entry([], b"state"), entry([7], b""))
    assert kept(tmp_path) == []
    keep(tmp_path, entry([1, 2]))
    states = opened(tmp_path)
    assert states.find("an adapter", [1, 2]) is None
    assert states.find((), [1, 2]) is not None
    states.close(WAIT_S)


def test_tokens_that_no_number_holds_are_neither_found_nor_kept(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2**70]), entry([1]))
    states = opened(tmp_path)
    assert len(kept(tmp_path)) == 1
    assert states.find((), [1, 2**70]) is None
    states.close(WAIT_S)


TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=6)


@given(st.lists(TOKENS, max_size=6), TOKENS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_longest_usable_prefix_is_found(
    there: list[list[int]], wanted: list[int], divisible: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / IDENTITY.digest
        files.make_private_folder(folder)
        for tokens in there:
            packed = stored.pack(tokens)
            assert packed is not None
            stored.write(folder, IDENTITY.digest, packed, entry(tokens))
        states = opened(Path(name), divisible=divisible)
        found = states.find((), wanted)
        usable = [usable_length(tokens, wanted, divisible) for tokens in there]
        assert (found.length if found else 0) == max(usable, default=0)
        if found:
            back = fetched(states, found)
            assert back is not None
            assert back.tokens[: found.length] == wanted[: found.length]
        states.close(WAIT_S)


def usable_length(tokens: list[int], wanted: list[int], divisible: bool) -> int:
    same = next(
        (at for at, (a, b) in enumerate(zip(tokens, wanted, strict=False)) if a != b),
        min(len(tokens), len(wanted)),
    )
    return same if divisible or same == len(tokens) else 0


# What it keeps


def test_a_beginning_of_a_kept_state_is_not_kept_again(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2, 3]))
    used_at(path_of(tmp_path, [1, 2, 3]), 1000)
    keep(tmp_path, entry([1, 2]))
    assert kept(tmp_path) == [path_of(tmp_path, [1, 2, 3])]
    assert kept(tmp_path)[0].stat().st_mtime > 1000


def test_it_is_kept_again_when_the_longer_state_is_gone(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2, 3]))
    states = opened(tmp_path)
    path_of(tmp_path, [1, 2, 3]).unlink()
    states.store(entry([1, 2]))
    states.close(WAIT_S)
    assert kept(tmp_path) == [path_of(tmp_path, [1, 2])]


def test_a_longer_state_replaces_its_beginnings(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2]), entry([1, 9]), entry([1, 2, 3]))
    assert kept(tmp_path) == sorted([path_of(tmp_path, [1, 9]), path_of(tmp_path, [1, 2, 3])])


def test_states_that_cannot_be_divided_stay_beside_longer_ones(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2, 3]), entry([1, 2]), entry([1, 2, 3, 4]), divisible=False)
    assert len(kept(tmp_path)) == 3


def test_of_those_that_wait_to_be_written_the_oldest_gives_way(tmp_path: Path) -> None:
    states = opened(tmp_path)
    held = Held(states)
    for token in range(6):
        states.store(entry([token]))
    held.let_go()
    states.close(WAIT_S)
    assert kept(tmp_path) == sorted(path_of(tmp_path, [token]) for token in range(2, 6))


def test_one_that_waits_gives_way_to_a_longer_one(tmp_path: Path) -> None:
    states = opened(tmp_path)
    held = Held(states)
    for length in range(1, 9):
        states.store(entry(list(range(length))))
    states.store(entry([7, 7]))
    held.let_go()
    states.close(WAIT_S)
    assert kept(tmp_path) == sorted([path_of(tmp_path, list(range(8))), path_of(tmp_path, [7, 7])])


def test_what_somebody_waits_for_is_read_before_anything_is_written(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2]))
    states = opened(tmp_path)
    held = Held(states)
    states.store(entry([5]))
    order: SimpleQueue[list[Path]] = SimpleQueue()
    found = states.find((), [1, 2])
    assert found is not None
    states.fetch(found, lambda _entry: order.put(kept(tmp_path)))
    held.let_go()
    assert len(order.get(timeout=WAIT_S)) == 1
    states.close(WAIT_S)
    assert len(kept(tmp_path)) == 2


# Closing


def test_closing_does_not_wait_longer_than_it_may(tmp_path: Path) -> None:
    states = opened(tmp_path)
    held = Held(states)
    states.store(entry([1]))
    states.close(0)
    held.let_go()
    states.close(WAIT_S)
    assert kept(tmp_path) == []


def test_after_closing_nothing_is_stored_and_fetching_is_answered(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    states = opened(tmp_path)
    found = states.find((), [1])
    states.close(WAIT_S)
    states.store(entry([2]))
    states.close(WAIT_S)
    assert fetched(states, found) is None
    assert len(kept(tmp_path)) == 1


def test_several_may_close_while_others_store_and_fetch(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    states = opened(tmp_path)
    found = states.find((), [1])
    assert found is not None
    answers: SimpleQueue[Entry | None] = SimpleQueue()
    start = threading.Barrier(6)

    def at_once(act: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            start.wait(WAIT_S)
            act()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [at_once(lambda: states.close(WAIT_S)) for _ in range(2)]
    threads += [at_once(lambda: states.store(entry([2, 3]))) for _ in range(2)]
    threads += [at_once(lambda: states.fetch(found, answers.put)) for _ in range(2)]
    for thread in threads:
        thread.join(WAIT_S)
    for _ in range(2):
        answer = answers.get(timeout=WAIT_S)
        assert answer is None or answer.tokens == [1]
    assert {path.name for path in (tmp_path / IDENTITY.digest).iterdir()} <= {
        path_of(tmp_path, [1]).name,
        path_of(tmp_path, [2, 3]).name,
    }


# Damage


def test_any_flipped_bit_costs_that_state_and_nothing_else(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2], b"0123456789"), entry([8, 9]))
    path = path_of(tmp_path, [1, 2])
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert_lost(tmp_path, path)


def test_a_file_of_any_other_length_costs_that_state_and_nothing_else(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2], b"0123456789"), entry([8, 9]))
    path = path_of(tmp_path, [1, 2])
    whole = path.read_bytes()
    for content in [whole + b"x", *(whole[:length] for length in range(len(whole)))]:
        path.write_bytes(content)
        assert_lost(tmp_path, path)


def assert_lost(folder: Path, path: Path) -> None:
    states = opened(folder)
    if found := states.find((), [1, 2]):
        assert fetched(states, found) is None
    assert states.find((), [1, 2]) is None
    assert not path.exists()
    assert fetched(states, states.find((), [8, 9])) is not None
    states.close(WAIT_S)


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / IDENTITY.digest
    files.make_private_folder(folder)
    path = folder / ("a" * 32 + ".state")
    with path.open("wb") as file:
        file.write(b"HobState" + b"\xff" * 8)
        file.truncate(2**33)
    opened(tmp_path).close(WAIT_S)
    assert not path.exists()


@pytest.mark.parametrize(
    "header",
    [
        (IDENTITY.digest, b"", 5, 0),
        (IDENTITY.digest, b"1234567", 5, 0),
        (IDENTITY.digest, b"12345678", 0, 0),
        (IDENTITY.digest, b"12345678", -5, 0),
        (IDENTITY.digest, b"12345678", 2**62, 0),
        (IDENTITY.digest, "text", 5, 0),
        (IDENTITY.digest,),
        "nonsense",
    ],
)
def test_a_header_that_means_nothing_is_damage(tmp_path: Path, header: object) -> None:
    import struct
    import zlib

    import msgspec

    folder = tmp_path / IDENTITY.digest
    files.make_private_folder(folder)
    path = folder / ("a" * 32 + ".state")
    encoded = msgspec.msgpack.encode(header)
    start = struct.pack("=8sII", b"HobState", len(encoded), zlib.crc32(encoded))
    path.write_bytes(start + encoded + b"state")
    states = opened(tmp_path)
    assert states.find((), list(range(9))) is None
    states.close(WAIT_S)
    assert not path.exists()


def test_a_state_that_is_gone_is_not_found_again(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    states = opened(tmp_path)
    found = states.find((), [1])
    kept(tmp_path)[0].unlink()
    assert fetched(states, found) is None
    assert states.find((), [1]) is None
    states.close(WAIT_S)


def test_a_state_larger_than_memory_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_arguments: object) -> Entry:
        raise MemoryError

    keep(tmp_path, entry([1]))
    states = opened(tmp_path)
    monkeypatch.setattr(stored, "read_entry", out_of_memory)
    assert fetched(states, states.find((), [1])) is None
    states.close(WAIT_S)


# Whose states they are


def test_another_models_states_are_neither_found_nor_touched(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2]), identity=OTHER)
    states = opened(tmp_path)
    assert states.find((), [1, 2]) is None
    states.close(WAIT_S)
    assert kept(tmp_path) == [path_of(tmp_path, [1, 2], OTHER)]


def test_another_models_state_in_the_wrong_folder_is_left_alone(tmp_path: Path) -> None:
    keep(tmp_path, entry([1, 2]), identity=OTHER)
    keep(tmp_path, entry([5]))
    path = path_of(tmp_path, [1, 2])
    path_of(tmp_path, [1, 2], OTHER).rename(path)
    states = opened(tmp_path)
    assert states.find((), [1, 2]) is None
    states.close(WAIT_S)
    assert path.exists()


def test_each_part_of_an_identity_makes_another_one() -> None:
    others = [
        Identity("x", "llama.cpp 1", {"kv_type": "f16"}),
        Identity("model", "llama.cpp 2", {"kv_type": "f16"}),
        Identity("model", "llama.cpp 1", {"kv_type": "q8_0"}),
        Identity("model", "llama.cpp 1", {"kv_type": "f16", "rope": "x"}),
        Identity("model", "llama.cpp 1", {"kv_type": "f16"}, format=2),
    ]
    assert len({IDENTITY.digest, *(other.digest for other in others)}) == 6
    assert len(IDENTITY.digest) == 32


def test_the_order_of_parameters_makes_no_other_identity() -> None:
    one, other = Identity("m", "b", {"x": "1", "y": "2"}), Identity("m", "b", {"y": "2", "x": "1"})
    assert one.digest == other.digest


# The model's digest


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    used_at(path, 1000)
    return path


@pytest.mark.parametrize("size", [0, 10, 2**20, 10**7, 10**9])
def test_a_models_digest_is_always_the_same(tmp_path: Path, size: int) -> None:
    path = sparse(tmp_path / "model", size)
    assert model_digest(path) == model_digest(path)


@pytest.mark.parametrize("at", [0, 10**6, 2**20, 10**9 - 10**6, 10**9 - 1])
def test_a_change_at_either_end_is_seen_even_under_the_same_date(tmp_path: Path, at: int) -> None:
    path = sparse(tmp_path / "model", 10**9)
    before = model_digest(path)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"x")
    used_at(path, 1000)
    assert model_digest(path) != before


def test_a_model_written_anew_in_place_is_another(tmp_path: Path) -> None:
    path = sparse(tmp_path / "model", 10**8)
    before = model_digest(path)
    with path.open("r+b") as file:
        file.seek(3 * 10**6)
        file.write(os.urandom(10**7))
    used_at(path, 1000)
    assert model_digest(path) != before


def test_a_later_date_or_another_size_makes_another_digest(tmp_path: Path) -> None:
    path = sparse(tmp_path / "model", 10**7)
    digests = {model_digest(path)}
    used_at(path, 1001)
    digests.add(model_digest(path))
    sparse(path, 10**7 + 1)
    digests.add(model_digest(path))
    assert len(digests) == 3


def test_every_file_of_a_model_counts(tmp_path: Path) -> None:
    one, two = sparse(tmp_path / "1", 100), sparse(tmp_path / "2", 200)
    assert len({model_digest(one), model_digest(two), model_digest(one, two)}) == 3


# Room


def three_models(folder: Path) -> list[Path]:
    """A state of each of three models, the first used longest ago; each of some 1,100 bytes."""
    paths = []
    for number in range(3):
        identity = Identity(f"model {number}", "")
        keep(folder, entry([number], b"x" * 1000), identity=identity)
        paths.append(path_of(folder, [number], identity))
    for number, path in enumerate(paths):
        used_at(path, 1000 + number)
    return paths


def test_the_least_recently_used_of_all_models_gives_way(tmp_path: Path) -> None:
    paths = three_models(tmp_path)
    keep(tmp_path, entry([9], b"x" * 1000), limit=3500)
    assert [path.exists() for path in paths] == [False, True, True]
    assert path_of(tmp_path, [9]).exists()
    assert not paths[0].parent.exists()


def test_using_a_state_saves_it_from_giving_way(tmp_path: Path) -> None:
    paths = three_models(tmp_path)
    states = opened(tmp_path, Identity("model 0", ""))
    assert fetched(states, states.find((), [0])) is not None
    states.close(WAIT_S)
    keep(tmp_path, entry([9], b"x" * 1000), limit=3500)
    assert [path.exists() for path in paths] == [True, False, True]


def test_a_lower_limit_holds_from_the_start(tmp_path: Path) -> None:
    paths = three_models(tmp_path)
    opened(tmp_path, limit=1500).close(WAIT_S)
    assert [path.exists() for path in paths] == [False, False, True]


def test_what_has_given_way_is_not_found(tmp_path: Path) -> None:
    keep(tmp_path, entry([1], b"x" * 1000))
    states = opened(tmp_path, limit=1500)
    states.store(entry([2], b"x" * 1000))
    states.close(WAIT_S)
    assert states.find((), [1]) is None
    assert states.find((), [2]) is not None


def test_the_folder_is_never_larger_than_its_limit(tmp_path: Path) -> None:
    states = opened(tmp_path, limit=5000)
    for token in range(20):
        held = Held(states)
        states.store(entry([token], b"x" * 1000))
        held.let_go()
    states.close(WAIT_S)
    assert 3000 < sum(path.stat().st_size for path in kept(tmp_path)) <= 5000


def test_a_state_larger_than_all_room_lets_nobody_go(tmp_path: Path) -> None:
    paths = three_models(tmp_path)
    keep(tmp_path, entry([9], b"x" * 5000), limit=4500)
    assert kept(tmp_path) == sorted(paths)


def test_what_is_replaced_makes_room_for_what_replaces_it(tmp_path: Path) -> None:
    paths = three_models(tmp_path)
    keep(tmp_path, entry([0, 1], b"x" * 1000), identity=Identity("model 0", ""), limit=3600)
    assert kept(tmp_path) == sorted(
        [*paths[1:], path_of(tmp_path, [0, 1], Identity("model 0", ""))]
    )


# What is not ours


def test_files_of_other_names_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    others = [
        tmp_path / "notes.txt",
        tmp_path / "notes" / ("a" * 32 + ".state"),
        tmp_path / IDENTITY.digest / "model.gguf",
        tmp_path / IDENTITY.digest / ".7.partial",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 5000)
    (tmp_path / "empty").mkdir()
    opened(tmp_path, limit=1000).close(WAIT_S)
    assert all(path.exists() for path in others)
    assert (tmp_path / "empty").exists()
    assert path_of(tmp_path, [1]).exists()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    keep(outside, entry([1]), entry([2]))
    cache = tmp_path / "cache"
    folder = cache / IDENTITY.digest
    files.make_private_folder(folder)
    path_of(cache, [1]).symlink_to(path_of(outside, [1]))
    opened(cache, limit=0).close(WAIT_S)
    states = opened(cache)
    assert states.find((), [1]) is None
    assert fetched(states, Stored(path_of(cache, [1]).name, 1)) is None
    states.close(WAIT_S)
    assert len(kept(outside)) == 2


def test_a_folder_that_is_a_link_is_neither_read_nor_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = tmp_path / "outside"
    keep(outside, entry([1]))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / IDENTITY.digest).symlink_to(outside / IDENTITY.digest)
    states = opened(cache, limit=3000)
    assert states.find((), [1]) is None
    states.store(entry([2]))
    states.close(WAIT_S)
    assert kept(outside) == [path_of(outside, [1])]
    assert len(caplog.records) == 1


def test_what_others_may_write_is_not_read(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    path_of(tmp_path, [1]).chmod(0o666)
    states = opened(tmp_path)
    assert states.find((), [1]) is None
    assert fetched(states, Stored(path_of(tmp_path, [1]).name, 1)) is None
    states.close(WAIT_S)
    assert path_of(tmp_path, [1]).exists()


def test_what_others_own_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, entry([1]))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    states = opened(tmp_path)
    assert states.find((), [1]) is None
    assert fetched(states, Stored(path_of(tmp_path, [1]).name, 1)) is None
    states.close(WAIT_S)
    assert path_of(tmp_path, [1]).exists()


def test_a_pipe_in_the_folder_does_not_hold_it_up(tmp_path: Path) -> None:
    keep(tmp_path, entry([1]))
    path_of(tmp_path, [1]).unlink()
    os.mkfifo(path_of(tmp_path, [1]))
    states = opened(tmp_path)
    assert fetched(states, Stored(path_of(tmp_path, [1]).name, 1)) is None
    states.close(WAIT_S)


def test_states_are_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep(tmp_path / "cache", entry([1]))
    finally:
        os.umask(before)
    assert path_of(tmp_path / "cache", [1]).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache" / IDENTITY.digest).stat().st_mode & 0o777 == 0o700


# Crashes and trouble


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_crash_has_left_half_written_is_removed_at_the_start(tmp_path: Path) -> None:
    folder, other = tmp_path / IDENTITY.digest, tmp_path / OTHER.digest
    keep(tmp_path, entry([1]))
    files.make_private_folder(other)
    dead = ended_process()
    left = [folder / f".{dead}.{'0' * 16}.partial", other / f".{dead}.{'1' * 16}.partial"]
    forgotten = folder / f".{os.getpid()}.{'2' * 16}.partial"
    running = folder / f".{os.getpid()}.{'3' * 16}.partial"
    for path in [*left, forgotten, running]:
        path.write_bytes(b"half")
    used_at(forgotten, 1000)
    opened(tmp_path).close(WAIT_S)
    assert sorted(folder.iterdir()) == sorted([running, path_of(tmp_path, [1])])
    assert not other.exists()


def failing(number: int) -> Callable[..., Any]:
    def fail(*_arguments: object, **_options: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


class FullFile(FileIO):
    """Takes the header, then the disk is full."""

    def write(self, data: Any) -> int:
        if self.tell():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_full_disk_is_said_once_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create = files.create_partial

    def create_on_full_disk(folder: Path) -> tuple[Path, FileIO]:
        path, file = create(folder)
        file.close()
        return path, FullFile(path, "wb")

    now, taken = [0.0], threading.Event()

    def clock() -> float:
        taken.set()
        return now[0]

    def store(tokens: list[int]) -> None:
        taken.clear()
        states.store(entry(tokens))
        assert taken.wait(WAIT_S)
        Held(states).let_go()

    keep(tmp_path, entry([1]))
    states = DiskStates(tmp_path, IDENTITY, LIMIT, True, clock)
    with monkeypatch.context() as full:
        full.setattr(stored, "create_partial", create_on_full_disk)
        store([2])
        now[0] = 1000
        store([3])
    store([4])
    assert list((tmp_path / IDENTITY.digest).iterdir()) == [path_of(tmp_path, [1])]
    assert states.find((), [2]) is None
    now[0] = 2000
    store([5])
    assert states.find((), [5]) is not None
    assert fetched(states, states.find((), [1])) is not None
    states.close(WAIT_S)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left" in caplog.text


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO])
def test_a_folder_that_cannot_be_written_can_still_be_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    keep(tmp_path, entry([1]))
    monkeypatch.setattr(stored, "create_partial", failing(number))
    monkeypatch.setattr(Path, "unlink", failing(number))
    monkeypatch.setattr(os, "utime", failing(number))
    states = opened(tmp_path)
    states.store(entry([2]))
    assert fetched(states, states.find((), [1])) is not None
    states.close(WAIT_S)
    assert len(caplog.records) == 1
    assert kept(tmp_path) == [path_of(tmp_path, [1])]


def test_a_folder_that_cannot_be_made_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    states = opened(tmp_path / "cache")
    assert states.find((), [1]) is None
    states.store(entry([1]))
    states.close(WAIT_S)
    assert len(caplog.records) == 1


def test_a_folder_that_is_removed_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path / "cache", entry([1]))
    states = opened(tmp_path / "cache")
    # The cache may tidy up an empty folder of its own at the same time.
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert not (tmp_path / "cache").exists()
    states.store(entry([2]))
    states.close(WAIT_S)
    assert kept(tmp_path / "cache") == [path_of(tmp_path / "cache", [2])]
    assert not caplog.records


def test_a_folder_that_others_remove_between_two_steps_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = files.create_partial
    calls: list[Path] = []

    def create_in_removed(folder: Path) -> tuple[Path, FileIO]:
        calls.append(folder)
        if len(calls) == 1:
            folder.rmdir()
        return create(folder)

    monkeypatch.setattr(stored, "create_partial", create_in_removed)
    keep(tmp_path, entry([1]))
    assert len(calls) == 2
    assert kept(tmp_path) == [path_of(tmp_path, [1])]


def test_two_workers_with_one_folder_do_not_trip_over_each_other(tmp_path: Path) -> None:
    limit = 4000
    two = [opened(tmp_path, identity, limit) for identity in (IDENTITY, OTHER)]
    for token in range(30):
        for states in two:
            states.store(entry([token], b"x" * 1000))
            if found := states.find((), [token - 1]):
                fetched(states, found)
    for states in two:
        states.close(WAIT_S)
    opened(tmp_path, limit=limit).close(WAIT_S)
    assert 0 < sum(path.stat().st_size for path in kept(tmp_path)) <= limit
    assert not list(tmp_path.glob("*/.*"))
