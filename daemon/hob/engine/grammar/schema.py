"""JSON Schemas: what may be compiled, so that every complete answer validates.

llguidance refuses most of what it cannot do. Refused here is what it would accept and not keep,
what would cost too much, and what has no end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hob.engine.grammar.endless import is_circular, is_endless
from hob.engine.grammar.formats import PATTERNS
from hob.engine.grammar.references import Schema, subschemas, target
from hob.engine.grammar.refusal import Refusal
from hob.engine.grammar.texts import check_regex
from hob.wire.constraint import MAX_GRAMMAR_CHARS

MAX_DEPTH = 100
MAX_SCHEMAS = 10_000
MAX_MINIMUM = 65_536
MAX_COUNT = 1_000_000
# Each pair of patterns is compared.
MAX_KEY_PATTERNS = 32
# Any of them may come first.
MAX_OPTIONAL = 450
# The automaton of a multiple has as many states.
MAX_MULTIPLE = 10_000
_MAX_DECIMALS = 20
# Beyond it not every whole number is a float.
_EXACT = 2**53

_MINIMUMS = ("minLength", "minItems", "minProperties")
_COUNTS = (*_MINIMUMS, "maxLength", "maxItems", "maxProperties")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# What a keyword that cannot be kept says when it says nothing.
_UNKEPT: dict[str, tuple[Any, ...]] = {
    "not": (False,),
    "if": (),
    "then": (),
    "else": (),
    "contains": (),
    "minContains": (),
    "maxContains": (),
    "uniqueItems": (False,),
    "propertyNames": (True,),
    "dependencies": ({},),
    "dependentRequired": ({},),
    "dependentSchemas": ({},),
    "unevaluatedItems": (True,),
    "unevaluatedProperties": (True,),
    "$dynamicRef": (),
    "$recursiveRef": (),
    "divisibleBy": (),
    "disallow": (),
    "extends": (),
}


def checked_schema(schema: object) -> str:
    """The schema to compile, as JSON. Raises Refusal."""
    if schema is False:
        raise Refusal("it is false, which nothing validates against")
    if schema is not True and not isinstance(schema, dict):
        raise Refusal("a schema is an object, true or false")
    text = _encode({} if schema is True else schema)
    root: Schema = json.loads(text)
    # llguidance reads its own options from here, one of which is to ignore what it cannot keep.
    root.pop("x-guidance", None)
    schemas = list(_schemas(root))
    multiple = 1
    for node in schemas:
        _refuse_unkept(node)
        _check_counts(node)
        _check_numbers(node)
        _check_patterns(node)
        multiple = math.lcm(multiple, _multiple(node))
        if multiple > MAX_MULTIPLE:
            raise Refusal(f"its values of multipleOf come together only at {multiple} or more")
    if is_circular(root, schemas):
        raise Refusal("it refers to itself in a circle, which says nothing")
    if is_endless(root, schemas):
        raise Refusal(
            "no answer could ever be complete: what it requires is false or has itself as a part"
        )
    for node in schemas:
        _narrow_format(node)
    return json.dumps(root)


def _encode(schema: Schema) -> str:
    _measure(schema)
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("it holds half of a surrogate pair, which is not text") from error
    except ValueError as error:
        raise Refusal("it holds a number that is not one of JSON's") from error
    if len(text) > MAX_GRAMMAR_CHARS:
        raise Refusal(f"it has {len(text)} characters; {MAX_GRAMMAR_CHARS} are allowed")
    return text


def _measure(schema: Schema) -> None:
    """Without recursion: it may be nested as deep as its author likes."""
    level: list[Any] = [schema]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list | tuple)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
        if any(isinstance(value, int) and abs(value) >= 2**63 for value in level):
            raise Refusal("it holds a whole number of more than 64 bits")
    raise Refusal(f"it is nested more than {MAX_DEPTH} levels deep")


def _schemas(root: Schema) -> Iterator[Schema]:
    """Every schema within, and those that references lead to wherever they stand."""
    waiting: list[Any] = [root]
    seen = set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > MAX_SCHEMAS:
            raise Refusal(f"it is made of more than {MAX_SCHEMAS} schemas")
        if node is not root and "$id" in node:
            raise Refusal("a schema within it has an $id of its own")
        waiting += subschemas(node)
        if "$ref" in node:
            waiting.append(target(root, node["$ref"]))
        yield node


def _refuse_unkept(node: Schema) -> None:
    for key, harmless in _UNKEPT.items():
        if key not in node:
            continue
        value = node[key]
        if not any(value is nothing or value == nothing == {} for nothing in harmless):
            raise Refusal(f"it uses {key!r}, which cannot be guaranteed while a model writes")
        del node[key]


def _check_counts(node: Schema) -> None:
    for key in _COUNTS:
        value = node.get(key)
        if not isinstance(value, int | float):
            continue
        if value > (most := MAX_MINIMUM if key in _MINIMUMS else MAX_COUNT):
            raise Refusal(f"its {key} is {value}; {most} is the most that is counted to")
    if len(_mapping(node, "patternProperties")) > MAX_KEY_PATTERNS:
        raise Refusal(f"an object has more than {MAX_KEY_PATTERNS} patternProperties")
    required = node.get("required")
    named = set(map(str, required)) if isinstance(required, list) else set()
    if (optional := len(_mapping(node, "properties").keys() - named)) > MAX_OPTIONAL:
        raise Refusal(
            f"an object has {optional} optional properties; {MAX_OPTIONAL} are allowed, and any "
            "number of required ones"
        )
    least = node.get("minProperties")
    if isinstance(least, int | float) and least > max(1, len(named)):
        raise Refusal(
            f"its minProperties is {least}, and a model may write the same key twice; name the "
            "keys in required"
        )


def _check_numbers(node: Schema) -> None:
    waiting = [node[key] for key in (*_BOUNDS, "const") if key in node]
    if isinstance(node.get("enum"), list):
        waiting += node["enum"]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, int | float) and abs(value) > _EXACT:
            raise Refusal(f"its number {value} is larger than can be told apart (2 to the 53rd)")


def _check_patterns(node: Schema) -> None:
    patterns = [node.get("pattern"), *_mapping(node, "patternProperties")]
    for pattern in patterns:
        if isinstance(pattern, str):
            check_regex(pattern)


def _multiple(node: Schema) -> int:
    value = node.get("multipleOf", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise Refusal("a multipleOf is not a number above 0")
    number = Decimal(str(value)).normalize()
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MAX_DECIMALS:
        raise Refusal(f"its multipleOf {value} is too small or too large")
    return int(number.scaleb(-min(exponent, 0)))


def _mapping(node: Schema, key: str) -> dict[str, Any]:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _narrow_format(node: Schema) -> None:
    pattern = PATTERNS.get(str(node.get("format")))
    if pattern is None:
        return
    del node["format"]
    if "pattern" not in node:
        node["pattern"] = pattern
    elif isinstance(node.get("allOf", []), list):
        node["allOf"] = [*node.get("allOf", []), {"pattern": pattern}]
