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
