"""Constraints that mean harm, or are at odds with themselves.

`python -m fakes.hostile_constraints` runs each with a random answer of a few tokens and prints, for
each, its name and `refused: why`, or `works`. What crashes or hangs ends the output.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from hob.wire.constraint import Choices, Constraint, Gbnf, JsonSchema, Lark, Regex


def _nested(opening: str, inner: str, closing: str, levels: int) -> str:
    return opening * levels + inner + closing * levels


def _deep(levels: int) -> Any:
    """Built from within: a parser might not take it."""
    schema: Any = {"type": "string"}
    for _level in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def _deep_const(levels: int) -> Any:
    value: Any = []
    for _level in range(levels):
        value = [value]
    return {"const": value}


def _lark_chain(rules: int, name: str) -> Lark:
    lines = [f'{name}{at}: "x" {name}{at + 1}' for at in range(rules)]
    return Lark(grammar="\n".join([f"start: {name}0", *lines, f'{name}{rules}: "z"']))


def _gbnf_chain(rules: int) -> Gbnf:
    lines = [f'a{at} ::= "x" a{at + 1}' for at in range(rules)]
    return Gbnf(grammar="\n".join(["root ::= a0", *lines, f'a{rules} ::= "z" | "(" root ")"']))


def _reference_chain(count: int, depth: int = 1) -> JsonSchema:
    definitions = {}
    for at in range(count):
        inner: Any = {"$ref": f"#/$defs/d{at + 1}"}
        for _level in range(depth):
            inner = {"type": "object", "properties": {"a": inner}}
        definitions[f"d{at}"] = inner
    return JsonSchema(schema={"$ref": "#/$defs/d0", "$defs": definitions | {f"d{count}": True}})


def _tower(key: str) -> JsonSchema:
    """Each definition uses the next one twice."""
    both = {f"d{at}": {key: [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(60)}
    return JsonSchema(schema={"$ref": "#/$defs/d0", "$defs": both | {"d60": {"type": "object"}}})


def schema(**keywords: Any) -> JsonSchema:
    return JsonSchema(schema=keywords)


REFUSED: dict[str, Constraint] = {
    "60,000 parentheses in GBNF": Gbnf(grammar="root ::= " + _nested("(", '"a"', ")", 60_000)),
    "60,000 open parentheses in GBNF": Gbnf(grammar="root ::= " + "(" * 60_000),
    "60,000 parentheses in Lark": Lark(grammar="start: " + _nested("(", '"a"', ")", 60_000)),
    "60,000 parentheses in a terminal": Lark(
        grammar="start: A\nA: " + _nested("(", '"a"', ")", 60_000)
    ),
    "60,000 brackets in Lark": Lark(grammar="start: " + _nested("[", '"a"', "]", 60_000)),
    "60,000 tildes in Lark": Lark(grammar="start: A\nA: " + "~" * 60_000 + '"a"'),
    "60,000 parentheses in a regex": Regex(pattern=_nested("(", "a", ")", 60_000)),
    "parentheses in a regex within Lark": Lark(
        grammar=f"start: /{_nested('(', 'a', ')', 60_000)}/"
    ),
    "60,000 parentheses in a pattern": schema(
        type="string", pattern=_nested("(", "a", ")", 60_000)
    ),
    "a schema 100,000 levels deep": JsonSchema(schema=_deep(100_000)),
    "a const 100,000 levels deep": JsonSchema(schema=_deep_const(100_000)),
    "a deep schema within Lark": Lark(
        grammar="start: %json " + _nested('{"type":"array","items":', "{}", "}", 9_000)
    ),
    "20,000 schemas": schema(anyOf=[{"type": "string"}] * 20_000),
    "300,000 characters of Lark": Lark(grammar='start: "' + "x" * 300_000 + '"'),
    "300,000 characters of GBNF": Gbnf(grammar='root ::= "' + "x" * 300_000 + '"'),
    "300,000 characters of regex": Regex(pattern="x" * 300_000),
    "300,000 characters of choices": Choices(choices=("x" * 150_000, "y" * 150_000)),
    "300,000 characters of schema": schema(description="x" * 300_000),
    "9,000 rules of Lark": _lark_chain(9_000, "a"),
    "9,000 terminals of Lark": _lark_chain(9_000, "A"),
    "9,000 rules of GBNF": _gbnf_chain(9_000),
    "a million repetitions in a regex": Regex(pattern="a{1000000}"),
    "a million repetitions, nested": Regex(pattern="((a{100}){100}){100}"),
    "a million repetitions in Lark": Lark(grammar='start: "a"{1000000}'),
    "a million repetitions in Lark's own way": Lark(grammar='start: "a"~1000000'),
    "a million repetitions in GBNF": Gbnf(grammar='root ::= "a"{1000000}'),
    "digits without end in GBNF": Gbnf(grammar='root ::= "a"{' + "9" * 100_000 + "}"),
    "digits without end in a regex": Regex(pattern="a{" + "9" * 100_000 + "}"),
    "a million repetitions in a pattern": schema(type="string", pattern="^a{1000000}$"),
    "a million items at least": schema(type="array", minItems=1_000_000),
    "a million characters at least": schema(type="string", minLength=1_000_000),
    "too many characters at most": schema(type="string", maxLength=10**9),
    "a large multipleOf": schema(type="integer", multipleOf=1_000_003),
    "multiples that only meet far out": schema(
        allOf=[{"type": "integer", "multipleOf": prime} for prime in (997, 991, 983)]
    ),
    "a multipleOf of nothing": schema(multipleOf=0),
    "a tiny multipleOf": schema(multipleOf=1e-300),
    "200 patterns of keys": schema(
        type="object", patternProperties={f"^a{at}$": True for at in range(200)}
    ),
    "patterns of keys that overlap": schema(
        type="object", patternProperties={"^a": {"type": "integer"}, "b$": {"type": "string"}}
    ),
    "rules that double 40 times": Lark(
        grammar="start: a0\n"
        + "\n".join(f"a{at}: a{at + 1} a{at + 1}" for at in range(40))
        + '\na40: "z"'
    ),
    "terminals that double 40 times": Lark(
        grammar="start: A0\n"
        + "\n".join(f"A{at}: A{at + 1} A{at + 1}" for at in range(40))
        + '\nA40: "z"'
    ),
    "a mixture of 4 to the 12th": schema(
        allOf=[
            {
                "anyOf": [
                    {"type": "object", "properties": {f"a{at}": {"const": n}}} for n in range(4)
                ]
            }
            for at in range(12)
        ]
    ),
    "20,000 beginnings": Lark(grammar="start: " + " | ".join(f'"w{at}"' for at in range(20_000))),
    "5,000 optional properties": schema(
        type="object", properties={f"p{at}": {"type": "integer"} for at in range(5_000)}
    ),
    "a reference to itself": JsonSchema(schema={"$ref": "#"}),
    "references in a circle": JsonSchema(
        schema={
            "$ref": "#/$defs/a",
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        }
    ),
    "a list of itself": schema(type="array", items={"$ref": "#"}, minItems=1),
    "an object that requires itself": schema(
        type="object",
        properties={"b": {"type": "integer"}, "a": {"$ref": "#"}},
        required=["a"],
    ),
    "a schema of the web": JsonSchema(schema={"$ref": "http://127.0.0.1:1/schema.json"}),
    "a schema of the disk": JsonSchema(schema={"$ref": "file:///etc/passwd"}),
    "a dialect of the web": JsonSchema(schema={"$schema": "http://127.0.0.1:1/x", "type": "null"}),
    "a reference to nothing": JsonSchema(schema={"$ref": "#/$defs/missing"}),
    "a reference to an unknown name": JsonSchema(schema={"$ref": "#missing"}),
    "a reference that is no text": JsonSchema(schema={"$ref": 5}),
    "no choices": Choices(choices=()),
    "a choice with half of a surrogate pair": Choices(choices=("\ud800",)),
    "a regex with half of a surrogate pair": Regex(pattern="\ud800"),
    "a schema with half of a surrogate pair": schema(const="\udfff"),
    "half of a surrogate pair in GBNF": Gbnf(grammar='root ::= "\\uD800"'),
    "a character that does not exist": Gbnf(grammar='root ::= "\\UFFFFFFFF"'),
    "minLength above maxLength": schema(type="string", minLength=5, maxLength=2),
    "minItems above maxItems": schema(type="array", minItems=5, maxItems=2),
    "minimum above maximum": schema(type="integer", minimum=5, maximum=2),
    "no integer between": schema(type="integer", minimum=0.2, maximum=0.8),
    "an empty enum": schema(enum=[]),
    "an empty anyOf": schema(anyOf=[]),
    "types that exclude each other": schema(allOf=[{"type": "string"}, {"type": "integer"}]),
    "false": JsonSchema(schema=False),
    "a number": JsonSchema(schema=7),
    "null": JsonSchema(schema=None),
    "an unknown type": schema(type="text"),
    "a type that is a number": schema(type=5),
    "properties that are a list": schema(type="object", properties=[1, 2]),
    "required that is a number": schema(type="object", required=5),
    "not a number": schema(minimum=float("nan")),
    "infinity": schema(maximum=float("inf")),
    "a number of 10,000 digits": schema(const=10**10_000),
    "numbers that are not told apart": schema(const=2**53 + 1),
    "a character that needs a \\u escape": schema(const="\0"),
    "lookahead": Regex(pattern="(?=a)a"),
    "lookbehind": Regex(pattern="a(?<!b)"),
    "a backreference": Regex(pattern=r"(a)\1"),
    "lookahead in a pattern": schema(type="string", pattern="^(?!x).*$"),
    "a regex that does not parse": Regex(pattern="(a"),
    "a regex of a class without end": Regex(pattern="[a"),
    "a regex that matches nothing": Regex(pattern=r"[^\s\S]"),
    "a regex with an anchor in its midst": Regex(pattern="a^b"),
    "Lark that is empty": Lark(grammar=" \n"),
    "Lark that is noise": Lark(grammar="\0\1\2 ::"),
    "Lark without an end": Lark(grammar='start: "a" start'),
    "Lark that is only itself": Lark(grammar="start: start"),
    "Lark in llguidance's JSON": Lark(grammar='{"grammars": [{"json_schema": {"not": {}}}]}'),
    "Lark that reads a file": Lark(grammar="%import .secrets (A)\nstart: A"),
    "GBNF that is empty": Gbnf(grammar=""),
    "GBNF without root": Gbnf(grammar='a ::= "a"'),
    "GBNF that is noise": Gbnf(grammar="root ::= \0"),
    "GBNF with an unknown rule": Gbnf(grammar="root ::= missing"),
    "GBNF with a rule twice": Gbnf(grammar='root ::= "a"\nroot ::= "b"'),
    "GBNF that repeats nothing": Gbnf(grammar="root ::= *"),
    "GBNF with a string without end": Gbnf(grammar='root ::= "a'),
    "GBNF with a set upside down": Gbnf(grammar="root ::= [z-a]"),
    "GBNF with an empty set": Gbnf(grammar="root ::= []"),
    "GBNF with a bracket too many": Gbnf(grammar='root ::= "a" )'),
    "GBNF without an end": Gbnf(grammar='root ::= "a" root'),
    "an unknown format": schema(type="string", format="credit-card"),
    **{
        f"{keyword} in a schema": JsonSchema(schema={"type": ["array", "object"], keyword: value})
        for keyword, value in {
            "uniqueItems": True,
            "not": {"type": "null"},
            "if": {},
            "contains": {},
            "propertyNames": {"pattern": "a"},
            "dependencies": {"a": ["b"]},
            "dependentRequired": {"a": ["b"]},
            "unevaluatedProperties": False,
            "minProperties": 2,
            "$dynamicRef": "#a",
        }.items()
    },
    "oneOf of what overlaps": schema(oneOf=[{"type": "integer"}, {"type": "number"}]),
    "an unkept keyword behind a reference": JsonSchema(
        schema={"$ref": "#/x/y", "x": {"y": {"type": "array", "uniqueItems": True}}}
    ),
    "leave to ignore what cannot be kept": JsonSchema(
        schema={"x-guidance": {"lenient": True}, "type": "array", "uniqueItems": True}
    ),
}

WORKS: dict[str, Constraint] = {
    "a catastrophic regex": Regex(pattern="(a+)+(a*)*(a|a)*b"),
    "a regex of many states": Regex(pattern="(a|b)*a(a|b){30}"),
    "a pattern of many states": schema(type="string", pattern="^(a|b)*a(a|b){30}$"),
    "a regex that is empty": Regex(pattern=""),
    "a regex with NUL": Regex(pattern="\0+"),
    "an empty choice": Choices(choices=("",)),
    "NUL in a choice": Choices(choices=("\0",)),
    "a choice that begins another": Choices(choices=("a", "ab", "abc")),
    "4,000 rules of Lark": _lark_chain(4_000, "a"),
    "4,000 terminals of Lark": _lark_chain(4_000, "A"),
    "4,000 rules of GBNF": _gbnf_chain(4_000),
    "100 parentheses in GBNF": Gbnf(grammar="root ::= " + _nested("(", '"a"', ")", 100)),
    "100 parentheses, repeated": Gbnf(grammar="root ::= " + _nested("(", '"a"', ")*", 100)),
    "200 parentheses in a regex": Regex(pattern=_nested("(", "a", ")", 200)),
    "2,000 references in a row": _reference_chain(2_000),
    "100 references, each 20 deep": _reference_chain(100, 20),
    "references that double 60 times": _tower("anyOf"),
    "demands that double 60 times": _tower("allOf"),
    "left recursion": Lark(grammar='start: start "a" | "b"'),
    "ambiguity": Lark(grammar='start: start start | "a" | ""'),
    "4,000 values": schema(enum=[f"value number {at}" for at in range(4_000)]),
    "450 optional properties": schema(
        type="object", properties={f"p{at}": {"type": "integer"} for at in range(450)}
    ),
    "the longest text": Regex(pattern="x" * 9_000),
    "a tree": JsonSchema(
        schema={
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "integer"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    },
                    "required": ["value", "children"],
                    "additionalProperties": False,
                }
            },
        }
    ),
    "keywords as names of properties": schema(
        type="object", properties={"not": {"type": "integer"}, "$ref": {"type": "string"}}
    ),
    "keywords that say nothing": schema(
        type="array", uniqueItems=False, unevaluatedItems=True, dependentRequired={}
    ),
    "annotations": schema(
        type="string", title="x", description="y", examples=["z"], deprecated=True, nullable=True
    ),
    "$defs that nothing uses": JsonSchema(schema={"type": "null", "$defs": {"a": {"$ref": "#"}}}),
}


def main() -> None:
    from fakes.small_vocabulary import random_answer, small_vocabulary
    from hob.engine.grammar.constraints import Constraints
    from hob.engine.grammar.refusal import ConstraintFailed
    from hob.errors import InvalidRequest

    constraints = Constraints(small_vocabulary)
    for name, constraint in (REFUSED | WORKS).items():
        try:
            random_answer(constraints.matcher(constraint), seed=1, most=30)
        except InvalidRequest as error:
            outcome = f"refused: {error}"
        except ConstraintFailed as error:
            outcome = f"failed: {error}"
        else:
            outcome = "works"
        sys.stdout.write(json.dumps([name, outcome]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
