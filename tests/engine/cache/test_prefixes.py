"""The prefix cache on cells that can be looked at: nothing is lost, counted twice or mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.cache.saved import Entry
from hob.engine.runtime import Chunk

CONTEXT = 400
# Long enough to be worth saving, and with much in common.
PROMPTS = st.lists(st.sampled_from(["a" * 40, "b" * 40, "ab" * 15, "c", "d"]), min_size=1).map(
    lambda parts: list("".join(parts).encode())[:150]
)
KEYS = st.sampled_from(["", "adapter"])


def common(one: Sequence[int], other: Sequence[int]) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


@dataclass
class Request:
    """A request in its slot, which holds the first `computed` of `tokens`."""

    key: str
    tokens: list[int]
    slot: int
    computed: int


class Cache(RuleBasedStateMachine):
    """Requests come and go in any order; `held` and `keys` say what the slots should hold."""

    divisible = True

    def __init__(self) -> None:
        super().__init__()
        self.memory = FakeRuntime(CONTEXT, slots=3, remembered=2, divisible=self.divisible)
        self.cache = PrefixCache(self.memory, 20_000)
        self.live: list[Request] = []
        self.left: list[tuple[str, list[int]]] = []
        self.keys = dict.fromkeys(range(self.memory.slots), "")
        self.count = 0

    def one(self, data: st.DataObject) -> Request:
        return data.draw(st.sampled_from(self.live))

    def in_slots(self, key: str, tokens: list[int]) -> int:
        """The longest beginning of `tokens` that a slot could give, by looking at every cell."""
        busy = {request.slot for request in self.live}
        best = 0
        for slot in range(self.memory.slots):
            held = self.memory.held(slot)
            if self.keys[slot] != key:
                continue
            length = common(held, tokens)
            if self.divisible or (slot not in busy and length == len(held)):
                best = max(best, length)
        return best

    @rule(key=KEYS, tokens=PROMPTS)
    def ask(self, key: str, tokens: list[int]) -> None:
        self.begin(key, tokens)

    def begin(self, key: str, tokens: list[int]) -> None:
        best = self.in_slots(key, tokens[:-1])
        self.count += 1
        beginning = self.cache.begin(str(self.count), key, tokens[:-1])
        if beginning is None:
            assert len(self.live) == self.memory.slots
            return
        assert beginning.slot not in {request.slot for request in self.live}
        assert beginning.computed < len(tokens)
        assert beginning.computed >= best or self.memory.refuses_states
        self.keys[beginning.slot] = key
        self.live.append(Request(key, tokens, beginning.slot, beginning.computed))

    @precondition(lambda self: self.left)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        """Most of what is asked goes on with what was asked before."""
        self.begin(*data.draw(st.sampled_from(self.left[-4:])))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), count=st.integers(1, 150), more=PROMPTS)
    def compute(self, data: st.DataObject, count: int, more: list[int]) -> None:
        request = self.one(data)
        if request.computed == len(request.tokens):
            request.tokens = (request.tokens + more)[:250]
        new = request.tokens[request.computed : request.computed + count]
        if new and self.cache.make_room(len(new)):
            self.memory.decode([Chunk(request.slot, request.computed, new)])
            self.cache.grow(request.slot, new)
            request.computed += len(new)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def catch_up(self, data: st.DataObject) -> None:
        request = self.one(data)
        have = self.cache.catch_up(request.slot, request.tokens)
        assert have >= request.computed
        request.computed = have

    @precondition(lambda self: self.live)
    @rule(data=st.data(), count=st.integers(1, 8))
    def undo(self, data: st.DataObject, count: int) -> None:
        request = self.one(data)
        if self.cache.make_room(count):
            self.memory.decode([Chunk(request.slot, request.computed, [1] * count)])
        left = self.cache.undo(request.slot)
        assert left in ({request.computed} if self.divisible else {0, request.computed})
        request.computed = left

    @precondition(lambda self: self.live)
    @rule(data=st.data(), count=st.integers(0, 60))
    def cut(self, data: st.DataObject, count: int) -> None:
        request = self.one(data)
        length = max(0, request.computed - count)
        left = self.cache.cut(request.slot, length)
        assert left in ({length} if self.divisible else {0, length})
        request.computed = left

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        self.cache.checkpoint(self.one(data).slot)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), how=st.sampled_from(["release", "park", "drop"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        request = self.one(data)
        getattr(self.cache, how)(request.slot)
        self.live.remove(request)
        self.left.append((request.key, request.tokens))
        if how != "release":
            assert self.cache.length(request.slot) == 0

    @rule(cells=st.integers(0, CONTEXT))
    def make_room(self, cells: int) -> None:
        free = self.cache.free_cells
        assert self.cache.make_room(cells) == (cells <= free)
        assert self.memory.used_cells + cells <= CONTEXT or cells > free

    @rule()
    def save_idle(self) -> None:
        while self.cache.save_idle(10):
            pass

    @rule(refuses=st.booleans())
    def states_are_refused(self, refuses: bool) -> None:
        self.memory.refuses_states = refuses

    @invariant()
    def every_slot_holds_what_it_is_thought_to_hold(self) -> None:
        for slot in range(self.memory.slots):
            assert len(self.memory.held(slot)) == self.cache.length(slot)
        for request in self.live:
            assert self.memory.held(request.slot) == request.tokens[: request.computed]

    def prefixes(self, slots: Sequence[int]) -> int:
        """Cells that these slots need when nothing is held twice."""
        if not self.divisible:
            return sum(len(self.memory.held(slot)) for slot in slots)
        held = {slot: tuple(self.memory.held(slot)) for slot in slots}
        return len(
            {(self.keys[s], *t[: end + 1]) for s, t in held.items() for end in range(len(t))}
        )

    @invariant()
    def each_cell_is_there_once_and_counted_once(self) -> None:
        assert self.memory.used_cells == self.prefixes(range(self.memory.slots))
        needed = self.prefixes([request.slot for request in self.live])
        assert self.cache.free_cells == CONTEXT - needed

    def teardown(self) -> None:
        for request in self.live:
            self.cache.release(request.slot)
        assert self.cache.make_room(CONTEXT)
        assert self.memory.used_cells == 0
        owners = [self.cache.begin(f"last{n}", "", ()) for n in range(self.memory.slots)]
        assert len({b.slot for b in owners if b}) == self.memory.slots


class WholeCache(Cache):
    """Memory that cannot be cut: sliding windows and running states."""

    divisible = False


_SETTINGS = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestCache = Cache.TestCase
TestCache.settings = _SETTINGS
TestWholeCache = WholeCache.TestCase
TestWholeCache.settings = _SETTINGS


def compute(memory: FakeRuntime, cache: PrefixCache, slot: int, tokens: Sequence[int]) -> None:
    memory.decode([Chunk(slot, cache.length(slot), tokens)])
    cache.grow(slot, tokens)


def remembered(memory: FakeRuntime, cache: PrefixCache, tokens: Sequence[int]) -> None:
    """A request with these tokens has come and gone."""
    beginning = cache.begin("past", "", tokens)
    assert beginning
    compute(memory, cache, beginning.slot, tokens[beginning.computed :])
    cache.release(beginning.slot)


LONG = list(range(1, 101))


@pytest.fixture(params=[True, False], ids=["divisible", "whole"])
def memory(request: pytest.FixtureRequest) -> FakeRuntime:
    return FakeRuntime(256, slots=2, remembered=1, divisible=request.param)


def test_a_state_in_ram_is_restored_when_its_cells_have_gone(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 100_000)
    remembered(memory, cache, LONG)
    assert cache.make_room(256)
    assert cache.known("", [*LONG, 7, 8]) == 100
    beginning = cache.begin("a", "", [*LONG, 7, 8])
    assert beginning
    assert (beginning.computed, memory.held(beginning.slot)) == (100, LONG)
    assert (memory.saves, memory.restores) == (1, 1)


def test_a_state_of_another_key_is_not_restored(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 100_000)
    remembered(memory, cache, LONG)
    cache.make_room(256)
    assert cache.known("adapter", LONG) == 0
    beginning = cache.begin("a", "adapter", LONG)
    assert beginning
    assert beginning.computed == 0


def test_a_state_that_is_refused_is_not_tried_again(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 100_000)
    remembered(memory, cache, LONG)
    cache.make_room(256)
    memory.refuses_states = True
    beginning = cache.begin("a", "", LONG)
    assert beginning
    assert beginning.computed == 0
    cache.drop(beginning.slot)
    assert cache.known("", LONG) == 0
    cache.begin("b", "", LONG)
    assert memory.restores == 1


def test_a_state_larger_than_the_ram_bound_is_not_kept(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 1_000)
    remembered(memory, cache, LONG)
    cache.make_room(256)
    assert cache.known("", LONG) == 0


def test_a_state_without_room_does_not_cost_what_is_known_in_cells() -> None:
    memory = FakeRuntime(128, slots=2, remembered=2)
    cache = PrefixCache(memory, 100_000)
    remembered(memory, cache, LONG)
    cache.make_room(128)
    busy = cache.begin("busy", "", [200])
    assert busy
    compute(memory, cache, busy.slot, [200] * 60)
    cache.adopt(Entry("", LONG, bytes(LONG)))
    other = cache.begin("short", "", LONG[:0])
    assert other
    compute(memory, cache, other.slot, LONG[:40])
    cache.release(other.slot)
    beginning = cache.begin("a", "", LONG)
    assert beginning
    assert (beginning.computed, memory.restores) == (40, 0)


def test_what_is_restored_is_kept_for_the_time_after_the_worker(memory: FakeRuntime) -> None:
    kept: list[Entry] = []
    cache = PrefixCache(memory, 100_000, kept.append)
    remembered(memory, cache, LONG)
    cache.make_room(256)
    assert not kept
    cache.begin("a", "", LONG)
    assert [entry.tokens for entry in kept] == [LONG]


def test_memory_that_is_not_divisible_goes_on_only_from_where_a_slot_was() -> None:
    memory = FakeRuntime(256, slots=2, remembered=1, divisible=False)
    cache = PrefixCache(memory, 100_000)
    remembered(memory, cache, LONG)
    shorter = cache.begin("a", "", LONG[:99])
    longer = cache.begin("b", "", [*LONG, 1])
    assert shorter
    assert longer
    assert (shorter.computed, longer.computed) == (0, 100)


def test_a_checkpoint_is_where_others_start_from(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 100_000)
    first = cache.begin("a", "", LONG)
    assert first
    compute(memory, cache, first.slot, LONG[:80])
    cache.checkpoint(first.slot)
    compute(memory, cache, first.slot, LONG[80:])
    second = cache.begin("b", "", [*LONG[:80], 3, 2, 1])
    assert second
    assert (second.computed, memory.held(second.slot)) == (80, LONG[:80])


def test_there_is_no_place_when_every_slot_is_busy(memory: FakeRuntime) -> None:
    cache = PrefixCache(memory, 100_000)
    assert all(cache.begin(str(n), "", ()) for n in range(3))
    assert cache.begin("one more", "", LONG) is None
