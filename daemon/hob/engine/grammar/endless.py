"""Does a schema have any finite instance? A list of such lists, at least one of them, has not: a
model would open brackets until its tokens are used up."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from hob.engine.grammar.references import Schema, subschemas, target
from hob.engine.grammar.refusal import Refusal

# Some tenths of a second.
_MAX_WORK = 1_000_000


def is_endless(root: Schema, schemas: Sequence[Schema]) -> bool:
    """`schemas` are all that are within `root` or referred to. True is certain; what a mixture of
    several schemas allows is not looked into. Raises Refusal when it takes too long to tell."""
    return not _Search(root, schemas).finds(root)


def is_circular(root: Schema, schemas: Sequence[Schema]) -> bool:
    """Does a schema apply itself to the very same value? No validator comes to an end with it."""
    users: dict[int, list[int]] = defaultdict(list)
    applied: dict[int, int] = {}
    for node in schemas:
        parts = [part for key in ("anyOf", "oneOf", "allOf") for part in _list(node.get(key))]
        if "$ref" in node:
            parts.append(target(root, node["$ref"]))
        parts = [part for part in parts if isinstance(part, dict)]
        applied[id(node)] = len(parts)
        for part in parts:
            users[id(part)].append(id(node))
    straight = [node for node, count in applied.items() if not count]
    for part_id in straight:
        for user in users[part_id]:
            applied[user] -= 1
            if not applied[user]:
                straight.append(user)
    return len(straight) < len(applied)


class _Search:
    """Marks as finite what can end whatever the rest does, then what can end thanks to that."""

    def __init__(self, root: Schema, schemas: Sequence[Schema]) -> None:
        self._root = root
        self._finite: set[int] = set()
        self._work = 0
        users: dict[int, list[Schema]] = defaultdict(list)
        for node in schemas:
            for inner in subschemas(node):
                users[id(inner)].append(node)
            if "$ref" in node:
                users[id(target(root, node["$ref"]))].append(node)
        # Leaves come last in `schemas`.
        waiting = deque(reversed(schemas))
        queued = {id(node) for node in schemas}
        while waiting:
            node = waiting.popleft()
            queued.discard(id(node))
            if id(node) in self._finite or not self._can_end(node):
                continue
            self._finite.add(id(node))
            for user in users[id(node)]:
                if id(user) not in queued and id(user) not in self._finite:
                    queued.add(id(user))
                    waiting.append(user)

    def finds(self, value: object) -> bool:
        """Is this schema known to have a finite instance?"""
        self._work += 1
        if self._work > _MAX_WORK:
            raise Refusal("its references are too entangled")
        if isinstance(value, dict):
            return id(value) in self._finite
        return value is not False

    def _can_end(self, node: Schema) -> bool:
        if "$ref" in node and not self.finds(target(self._root, node["$ref"])):
            return False
        if not all(map(self.finds, _list(node.get("allOf")))):
            return False
        for key in ("anyOf", "oneOf"):
            options = _list(node.get(key))
            if options and not any(map(self.finds, options)):
                return False
        return "const" in node or "enum" in node or self._type_can_end(node)

    def _type_can_end(self, node: Schema) -> bool:
        named = node.get("type")
        types = {named} if isinstance(named, str) else set(map(str, _list(named)))
        if not types or types - {"array", "object"}:
            return True
        return ("object" in types and self._object_can_end(node)) or (
            "array" in types and self._array_can_end(node)
        )

    def _object_can_end(self, node: Schema) -> bool:
        properties = node.get("properties")
        known = properties if isinstance(properties, dict) else {}
        other = True if node.get("patternProperties") else node.get("additionalProperties", True)
        return all(
            self.finds(known.get(name, other) if isinstance(name, str) else True)
            for name in _list(node.get("required"))
        )

    def _array_can_end(self, node: Schema) -> bool:
        least = node.get("minItems", 0)
        first, rest = _list(node.get("prefixItems")), node.get("items", True)
        if isinstance(rest, list):
            first, rest = rest, node.get("additionalItems", True)
        if not isinstance(least, int):
            return True
        return all(map(self.finds, first[:least])) and (least <= len(first) or self.finds(rest))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
