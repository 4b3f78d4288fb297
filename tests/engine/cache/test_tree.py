"""The radix tree against a plain model of it: which slot holds which tokens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hob.engine.cache.compare import common_length
from hob.engine.cache.tree import PrefixTree

SLOTS = st.integers(0, 3)
KEYS = st.integers(0, 1)
TOKENS = st.integers(0, 2)


def plain_common_length(one: list[int], other: list[int]) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


@given(st.lists(TOKENS, max_size=100), st.lists(TOKENS, max_size=100), st.integers(0, 100))
def test_the_common_length_is_what_a_loop_counts(one: list[int], end: list[int], at: int) -> None:
    other = one[:at] + end
    assert common_length(one, other) == plain_common_length(one, other)
    assert common_length(one, other, at, at) == plain_common_length(one[at:], other[at:])


class Trees(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tree = PrefixTree()
        self.held: dict[int, list[int]] = {slot: [] for slot in range(4)}
        self.keys = dict.fromkeys(range(4), 0)

    @rule(slot=SLOTS, key=KEYS, tokens=st.lists(TOKENS, min_size=1, max_size=6))
    def extend(self, slot: int, key: int, tokens: list[int]) -> None:
        if not self.held[slot]:
            self.keys[slot] = key
        others = self.paths(without=slot)
        self.held[slot] += tokens
        before = len(self.held[slot]) - len(tokens)
        known = sum(path in others for path in self.path(slot)[before:])
        assert self.tree.extend(slot, self.keys[slot], tokens) == known

    @rule(slot=SLOTS, length=st.integers(0, 10))
    def cut(self, slot: int, length: int) -> None:
        length = min(length, len(self.held[slot]))
        self.tree.cut(slot, length)
        del self.held[slot][length:]

    @rule(key=KEYS, tokens=st.lists(TOKENS, max_size=8), ignore=st.integers(0, 4))
    def match(self, key: int, tokens: list[int], ignore: int) -> None:
        lengths = {
            slot: plain_common_length(held, tokens)
            for slot, held in self.held.items()
            if slot != ignore and self.keys[slot] == key
        }
        best = max(lengths.values(), default=0)
        match = self.tree.match(key, tokens, ignore)
        assert match.length == best
        if best:
            assert match.slots == {slot for slot, length in lengths.items() if length == best}

    def path(self, slot: int) -> list[tuple[int, ...]]:
        held = self.held[slot]
        return [(self.keys[slot], *held[: end + 1]) for end in range(len(held))]

    def paths(self, without: int | None = None) -> set[tuple[int, ...]]:
        return {path for slot in self.held if slot != without for path in self.path(slot)}

    @invariant()
    def each_cell_is_counted_once(self) -> None:
        assert self.tree.cells == len(self.paths())

    @invariant()
    def every_slot_holds_what_it_was_given(self) -> None:
        for slot, held in self.held.items():
            assert self.tree.tokens(slot) == held
            assert self.tree.length(slot) == len(held)
            exclusive = set(self.path(slot)) - self.paths(without=slot)
            assert self.tree.exclusive(slot) == len(exclusive)


TestTrees = Trees.TestCase
TestTrees.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
