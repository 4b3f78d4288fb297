"""What the answer must look like: all the ways to say it."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.running_api import RunningApi
from hob.api.openai.free_values import MAX_DEPTH
from hob.wire.constraint import (
    MAX_CHOICES,
    MAX_GRAMMAR_CHARS,
    Choices,
    Constraint,
    Gbnf,
    JsonObject,
    JsonSchema,
    Lark,
    Regex,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, JsonObject()),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            JsonSchema(schema=SCHEMA),
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": SCHEMA},
                }
            },
            JsonSchema(schema=SCHEMA),
        ),
        ({"json_schema": SCHEMA}, JsonSchema(schema=SCHEMA)),
        ({"json_schema": False}, JsonSchema(schema=False)),
        ({"grammar": 'root ::= "a"'}, Gbnf(grammar='root ::= "a"')),
        ({"grammar": ""}, None),
        ({"guided_json": SCHEMA}, JsonSchema(schema=SCHEMA)),
        ({"guided_json": '{"type": "null"}'}, JsonSchema(schema={"type": "null"})),
        ({"guided_regex": "a+"}, Regex(pattern="a+")),
        ({"guided_choice": ["yes", "no", "yes"]}, Choices(choices=("yes", "no"))),
        ({"guided_grammar": 'start: "a"'}, Lark(grammar='start: "a"')),
        ({"structured_outputs": {}}, None),
        ({"structured_outputs": {"json": SCHEMA}}, JsonSchema(schema=SCHEMA)),
        ({"structured_outputs": {"regex": "a+"}}, Regex(pattern="a+")),
        ({"structured_outputs": {"choice": ["a", "b"]}}, Choices(choices=("a", "b"))),
        ({"structured_outputs": {"grammar": 'start: "a"'}}, Lark(grammar='start: "a"')),
        ({"structured_outputs": {"json_object": True}}, JsonObject()),
        ({"structured_outputs": {"json_object": False}}, None),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_constraint_reaches_the_model(
    api: RunningApi, path: str, fields: dict[str, Any], meant: Constraint | None
) -> None:
    needed = {"prompt": "a", "messages": [{"role": "user", "content": "Hi"}]}
    reply = await api.post(path, needed | fields)
    assert reply.status == 200, reply.body
    assert api.fakes.models.requests[0].constraint == meant


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"grammar": "root ::= x", "guided_regex": "a"}, "guided_regex"),
        ({"response_format": {"type": "json_object"}, "json_schema": {}}, "json_schema"),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs.choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"response_format": "json"}, "response_format"),
        ({"json_schema": 5}, "json_schema"),
        ({"json_schema": "{}"}, "json_schema"),
        ({"json_schema": _nested(MAX_DEPTH + 1)}, "json_schema"),
        ({"json_schema": {"maximum": 2**64}}, "json_schema"),
        ({"json_schema": {"minimum": -(2**63) - 1}}, "json_schema"),
        ({"json_schema": {"title": "x" * MAX_GRAMMAR_CHARS}}, "json_schema"),
        ({"guided_json": "{"}, "guided_json"),
        ({"guided_json": "[" * 100_000}, "guided_json"),
        ({"guided_json": "5"}, "guided_json"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_choice": [""]}, "guided_choice"),
        ({"guided_choice": ["a"] * (MAX_CHOICES + 1)}, "guided_choice"),
        ({"guided_choice": ["x" * MAX_GRAMMAR_CHARS, "y"]}, "guided_choice"),
        ({"grammar": "x" * (MAX_GRAMMAR_CHARS + 1)}, "grammar"),
        ({"guided_regex": "x" * (MAX_GRAMMAR_CHARS + 1)}, "guided_regex"),
    ],
)
async def test_a_constraint_that_cannot_be_kept_is_refused_by_name(
    api: RunningApi, fields: dict[str, Any], param: str
) -> None:
    reply = await api.chat(**fields)
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["param"] == param
    assert not api.fakes.models.requests


async def test_a_schema_may_be_as_deep_as_is_allowed(api: RunningApi) -> None:
    assert (await api.chat(json_schema=_nested(MAX_DEPTH))).status == 200
