"""Whatever is written within a JSON Schema validates against it."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fakes.small_vocabulary import is_complete, random_answer, small_vocabulary, write
from hob.engine.grammar.constraints import Constraints
from hob.errors import InvalidRequest
from hob.wire.constraint import JsonObject, JsonSchema

CONSTRAINTS = Constraints(small_vocabulary)

NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer", "minimum": -3, "maximum": 1200},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["value", "next"],
    "additionalProperties": False,
}
SCHEMAS: dict[str, Any] = {
    "anything": True,
    "enum": {"enum": ["a", "ab", 1, 1.5, None, True, {"x": [1, "y"]}, [], "ü\n"]},
    "const": {"const": {"a": [1, {"b": None}], "c": 'd\\"e'}},
    "nested objects": {
        "type": "object",
        "properties": {
            "a": {
                "type": "object",
                "properties": {"b": {"type": "boolean"}, "c": {"type": "null"}},
                "required": ["b"],
                "additionalProperties": False,
            },
            "d": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 4},
        },
        "required": ["a", "d", "e"],
        "additionalProperties": {"type": "integer"},
    },
    "optional properties": {
        "type": "object",
        "properties": {key: {"type": "integer"} for key in "abcde"},
        "additionalProperties": False,
    },
    "a map": {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 3},
    "patterns of keys": {
        "type": "object",
        "patternProperties": {"^x[0-9]+$": {"type": "integer"}, "^s_": {"type": "string"}},
        "additionalProperties": False,
    },
    "a tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": {"type": "boolean"},
        "minItems": 2,
    },
    "anyOf": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 7}]},
    "oneOf of kinds": {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
            for kind in ("cat", "dog")
        ]
    },
    "allOf": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {
                "type": "object",
                "properties": {"b": {"minimum": 3, "type": "number"}},
                "required": ["b"],
            },
        ]
    },
    "recursion": {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
    "mutual recursion": {
        "$ref": "#/$defs/list",
        "$defs": {
            "list": {"type": "array", "items": {"$ref": "#/$defs/item"}, "maxItems": 3},
            "item": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/list"}]},
        },
    },
    "a reference with neighbours": {
        "$defs": {"small": {"type": "integer", "maximum": 50}},
        "$ref": "#/$defs/small",
        "minimum": 40,
    },
    "patterns": {"type": "string", "pattern": "^[A-Z][a-z]{1,3}(-[0-9]+)?$"},
    "a pattern somewhere": {"type": "string", "pattern": "ab+", "maxLength": 12},
    "lengths": {"type": "string", "minLength": 2, "maxLength": 5},
    "several types": {"type": ["integer", "null", "array"], "minimum": 4, "maxItems": 1},
    "bounds": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 2.75},
    "large bounds": {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
    "multiples": {"type": "integer", "multipleOf": 7, "minimum": 10},
    "decimal multiples": {"type": "number", "multipleOf": 0.05, "minimum": 0, "maximum": 9},
}


def validate(schema: Any, text: bytes) -> None:
    """Exactly: decimal fractions are not made binary ones. Raises when it does not validate."""
    exact = json.loads(json.dumps(schema), parse_float=Decimal)
    Draft202012Validator(exact).validate(json.loads(text, parse_float=_exact))


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity" if text[0] != "-" else "-Infinity")


@pytest.mark.parametrize("name", SCHEMAS)
def test_random_answers_validate(name: str) -> None:
    schema = SCHEMAS[name]
    ended = 0
    for seed in range(60):
        text, complete = random_answer(CONSTRAINTS.matcher(JsonSchema(schema=schema)), seed)
        if complete:
            ended += 1
            validate(schema, text)
    assert ended >= 5, "too few answers came to an end to tell anything"


def test_random_objects_are_objects() -> None:
    for seed in range(60):
        text, complete = random_answer(CONSTRAINTS.matcher(JsonObject()), seed)
        if complete:
            assert isinstance(json.loads(text), dict)


names = st.sampled_from(["a", "b", 'c"', "not", "é", "$ref", ""])
bounds = st.integers(-300, 300)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4)),
    st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=8),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = draw(st.integers(0, 4))
    if draw(st.booleans()):
        schema["maxLength"] = draw(st.integers(3, 8))
    if draw(st.integers(0, 3)) == 0:
        schema["pattern"] = draw(st.sampled_from(["^a", "b$", "[0-9]{2}", "^(x|yy)*$", "^.{1,4}$"]))
    return schema


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = draw(bounds)
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = draw(bounds)
    if draw(st.integers(0, 4)) == 0:
        schema["multipleOf"] = draw(st.sampled_from([2, 5, 12, 0.5, 0.01]))
    return schema


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(1, 4),
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
        },
    )


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=4)},
        optional={
            "required": st.lists(names, unique=True, max_size=3),
            "additionalProperties": st.booleans() | inner,
        },
    )


schemas = st.recursive(
    st.one_of(
        strings(),
        numbers(),
        st.sampled_from([True, {"type": "null"}, {"type": "boolean"}, {"$ref": "#"}]),
        st.lists(values, min_size=1, max_size=4).map(lambda options: {"enum": options}),
        values.map(lambda value: {"const": value}),
    ),
    lambda inner: st.one_of(
        arrays(inner),
        objects(inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"oneOf": options}),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"allOf": parts}),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=schemas, seed=st.integers(0, 2**32))
def test_any_schema_is_refused_or_kept(schema: Any, seed: int) -> None:
    try:
        matcher = CONSTRAINTS.matcher(JsonSchema(schema=schema))
    except InvalidRequest:
        return
    text, complete = random_answer(matcher, seed, most=200)
    if complete:
        validate(schema, text)


keywords = st.sampled_from(
    [
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "minProperties",
        "maxProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "$ref",
        "$defs",
        "$id",
        "$schema",
        "$anchor",
        "dependentRequired",
        "unevaluatedProperties",
        "x-guidance",
    ]
)
texts = st.sampled_from(
    ["", "a", "#", "#/", "#/$defs/a", "#a", "string", "object", "array", "[", "("]
)
anything = st.recursive(
    scalars | texts | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keywords | texts, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=st.dictionaries(keywords, anything, max_size=5))
def test_what_is_hardly_a_schema_is_refused_or_works(schema: Any) -> None:
    try:
        matcher = CONSTRAINTS.matcher(JsonSchema(schema=schema))
    except InvalidRequest:
        return
    random_answer(matcher, seed=1, most=30)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (
            # As Pydantic writes it.
            {
                "$defs": {"Kind": {"enum": ["x", "y"], "title": "Kind", "type": "string"}},
                "title": "Thing",
                "type": "object",
                "properties": {
                    "kind": {"$ref": "#/$defs/Kind", "description": "which"},
                    "note": {
                        "anyOf": [{"type": "string"}, {"type": "null"}],
                        "default": None,
                        "title": "Note",
                    },
                },
                "required": ["kind"],
            },
            '{"kind": "x", "note": null}',
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$id": "http://example.org/pair",
                "definitions": {"one": {"type": "integer"}},
                "type": "array",
                "items": [{"$ref": "#/definitions/one"}, {"type": "string"}],
                "additionalItems": False,
                "minItems": 2,
            },
            '[1, "a"]',
        ),
        ({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "null"}}}, "null"),
        ({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "null"}}}, "null"),
        ({"$ref": "#/x/0", "x": [{"type": "null"}]}, "null"),
    ],
)
def test_schemas_as_programs_write_them_work(schema: Any, text: str) -> None:
    matcher = CONSTRAINTS.matcher(JsonSchema(schema=schema))
    assert write(matcher, text)
    assert is_complete(matcher)


@pytest.mark.parametrize("seed", range(40))
def test_dates_and_times_exist(seed: int) -> None:
    for name, parse in (
        ("date", date.fromisoformat),
        ("time", time.fromisoformat),
        ("date-time", datetime.fromisoformat),
    ):
        schema = {"type": "string", "format": name}
        text, _complete = random_answer(CONSTRAINTS.matcher(JsonSchema(schema=schema)), seed)
        parse(re.sub(r"(\.\d{6})\d+", r"\1", json.loads(text)))


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        ("2024-02-29", True),
        ("2000-02-29", True),
        ("2023-02-29", False),
        ("1900-02-29", False),
        ("0000-01-01", False),
        ("2023-04-31", False),
    ],
)
def test_leap_years_are_known(text: str, exists: bool) -> None:
    schema = {"type": "string", "format": "date"}
    assert write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), f'"{text}"') is exists


def test_a_format_and_a_pattern_both_hold() -> None:
    schema = {"type": "string", "format": "date", "pattern": "^2024"}
    assert write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '"2024-02-29"')
    assert not write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '"2023')


@pytest.mark.parametrize("name", ["email", "hostname", "ipv4", "ipv6", "uri", "uuid", "duration"])
def test_other_formats_are_known(name: str) -> None:
    schema = {"type": "string", "format": name}
    text, _complete = random_answer(CONSTRAINTS.matcher(JsonSchema(schema=schema)), 1)
    assert isinstance(text, bytes)


def test_a_key_cannot_be_written_in_another_way_to_escape_its_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert not write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '{"\\u0061')
    assert not write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '{"a": 1, "a"')


def test_properties_come_in_the_order_of_the_schema() -> None:
    schema = {"type": "object", "properties": {"b": {"const": 1}, "a": {"const": 2}}}
    assert write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '{"b": 1, "a": 2}')
    assert not write(CONSTRAINTS.matcher(JsonSchema(schema=schema)), '{"a": 2, "b"')


def test_a_schema_is_not_changed_by_its_use() -> None:
    schema = {"type": "string", "format": "date", "uniqueItems": False, "x-guidance": {}}
    before = json.dumps(schema)
    CONSTRAINTS.matcher(JsonSchema(schema=schema))
    assert json.dumps(schema) == before


def test_a_schema_may_be_true() -> None:
    matcher = CONSTRAINTS.matcher(JsonSchema(schema=True))
    assert write(matcher, "null")
    assert is_complete(matcher)
