"""A radix tree over tokens: which slots hold which prefixes, each cell counted once.

The path from a root to a node spells tokens; `slots` of a node hold the cells of its edge, shared.
So the tokens on all edges are the cells in use. A slot's own path ends anywhere, also in the
middle of what was an edge: the edge is then split.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass, field

from hob.engine.cache.compare import common_length


@dataclass(slots=True, eq=False)
class _Node:
    parent: _Node | None
    tokens: list[int] = field(default_factory=list)
    slots: set[int] = field(default_factory=set)
    children: dict[int, _Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """`length` tokens are held by each of `slots`, and by no slot more of them."""

    length: int
    slots: frozenset[int]


class PrefixTree:
    """Each slot has one path, empty at first, in the tree of its `key` (what besides the tokens
    decides what the cells hold, such as adapters)."""

    def __init__(self) -> None:
        self._roots: dict[Hashable, _Node] = {}
        self._ends: dict[int, _Node] = {}
        self._lengths: dict[int, int] = {}
        self.cells = 0

    def length(self, slot: int) -> int:
        return self._lengths.get(slot, 0)

    def tokens(self, slot: int) -> list[int]:
        """What the slot holds."""
        edges = []
        node = self._ends.get(slot)
        while node is not None:
            edges.append(node.tokens)
            node = node.parent
        return [token for edge in reversed(edges) for token in edge]

    def match(
        self,
        key: Hashable,
        tokens: Sequence[int],
        ignore: int | None = None,
        among: Set[int] | None = None,
    ) -> Match:
        """The longest prefix of `tokens` that a slot holds: any but `ignore`, or one of `among`."""
        node = self._roots.get(key)
        length, found = 0, Match(0, frozenset())
        while node is not None and length < len(tokens):
            child = node.children.get(tokens[length])
            if child is None:
                break
            same = common_length(child.tokens, tokens, 0, length)
            length += same
            holders = child.slots - {ignore}
            if holders := holders if among is None else holders & among:
                found = Match(length, frozenset(holders))
            if same < len(child.tokens):
                break
            node = child
        return found

    def exclusive(self, slot: int) -> int:
        """The cells that nobody else holds: what cutting the slot to nothing frees."""
        cells = 0
        node = self._ends.get(slot)
        while node is not None and node.slots == {slot}:
            cells += len(node.tokens)
            node = node.parent
        return cells

    def held_by(self, slots: Set[int]) -> int:
        """The cells that any of `slots` holds."""
        cells = 0
        waiting = list(self._roots.values())
        while waiting:
            node = waiting.pop()
            if node.parent is None or node.slots & slots:
                cells += len(node.tokens)
                waiting.extend(node.children.values())
        return cells

    def extend(self, slot: int, key: Hashable, tokens: Sequence[int]) -> int:
        """The slot's path goes on with `tokens`. How many of these others hold already: their
        cells exist twice unless the caller shares them."""
        node = self._ends.get(slot) or self._roots.setdefault(key, _Node(None))
        at = 0
        known = 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                if self._can_grow(node, slot):
                    node.tokens.extend(tokens[at:])
                else:
                    child = _Node(node, list(tokens[at:]), {slot})
                    node.children[tokens[at]] = child
                    node = child
                self.cells += len(tokens) - at
                break
            same = common_length(child.tokens, tokens, 0, at)
            child = self._split(child, same)
            child.slots.add(slot)
            at += same
            known = at
            node = child
        self._ends[slot] = node
        self._lengths[slot] = self.length(slot) + len(tokens)
        return known

    def cut(self, slot: int, length: int) -> None:
        """The slot holds only its first `length` tokens from now on."""
        node, excess = self._ends.get(slot), self.length(slot) - length
        while node is not None and excess > 0:
            if excess < len(node.tokens):
                # The upper part stays the slot's; the lower, this node, may still be others'.
                self._split(node, len(node.tokens) - excess)
            excess -= self._leave(node, slot)
            node = node.parent
        if node is None or node.parent is None or length == 0:
            self._ends.pop(slot, None)
        else:
            self._ends[slot] = node
        self._lengths[slot] = length

    def _can_grow(self, node: _Node, slot: int) -> bool:
        return node.parent is not None and node.slots == {slot} and not node.children

    def _split(self, node: _Node, at: int) -> _Node:
        """Cut the edge after `at` tokens; the upper part, in which all of its slots are. Slots
        that end at `node` end at the lower part."""
        if at == len(node.tokens):
            return node
        assert node.parent is not None
        upper = _Node(node.parent, node.tokens[:at], set(node.slots), {node.tokens[at]: node})
        node.parent.children[node.tokens[0]] = upper
        node.tokens = node.tokens[at:]
        node.parent = upper
        return upper

    def _leave(self, node: _Node, slot: int) -> int:
        """The slot lets go of the node's edge; returns its length. An edge that nobody holds
        goes, and its cells are free."""
        node.slots.discard(slot)
        if not node.slots:
            assert node.parent is not None
            del node.parent.children[node.tokens[0]]
            self.cells -= len(node.tokens)
        return len(node.tokens)
