"""What the answer must look like, from the ways in which clients say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hob.api.openai.free_values import check_free, read_json
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.constraint import (
    MAX_GRAMMAR_CHARS,
    Choices,
    Constraint,
    Gbnf,
    JsonObject,
    JsonSchema,
    Lark,
    Regex,
)
from hob.wire.openai.requests import GenerationRequest, ResponseFormat, StructuredOutputs

_Found = tuple[str, Constraint]


def constraint_of(body: GenerationRequest) -> Constraint | None:
    """The one constraint of the request, None when it has none. An empty text asks for nothing.

    Raises InvalidRequest, also when there are several.
    """
    found = [*_response_format(body.response_format), *_llama_server(body), *_vllm(body)]
    found += _structured(body.structured_outputs)
    if len(found) > 1:
        names = " and ".join(f"`{name}`" for name, _ in found)
        raise InvalidRequest(
            f"{names} both say what the answer must look like.",
            hint="Keep one of them.",
            param=found[1][0],
        )
    return found[0][1] if found else None


def _response_format(given: ResponseFormat | None) -> Iterator[_Found]:
    where = "response_format"
    if given is None or given.type == "text":
        return
    if given.type == "json_object":
        schema = given.schema
        yield where, JsonObject() if schema is None else _schema(schema, f"{where}.schema")
    elif given.type == "json_schema":
        schema = None if given.json_schema is None else given.json_schema.schema
        if schema is None:
            raise InvalidRequest(
                "The schema is missing in `response_format`.",
                hint='It belongs into {"type": "json_schema", "json_schema": {"schema": ...}}.',
                param=f"{where}.json_schema.schema",
            )
        yield where, _schema(schema, f"{where}.json_schema.schema")
    else:
        raise UnsupportedParameter(
            f"`response_format` asks for the type {given.type[:40]!r}, which this version of Hob "
            "does not do.",
            hint="The types are text, json_object and json_schema.",
            param=f"{where}.type",
        )


def _llama_server(body: GenerationRequest) -> Iterator[_Found]:
    if body.json_schema is not None:
        yield "json_schema", _schema(body.json_schema, "json_schema")
    if body.grammar:
        yield "grammar", Gbnf(grammar=body.grammar)


def _vllm(body: GenerationRequest) -> Iterator[_Found]:
    if body.guided_json is not None:
        yield "guided_json", _schema_or_text(body.guided_json, "guided_json")
    if body.guided_regex:
        yield "guided_regex", Regex(pattern=body.guided_regex)
    if body.guided_choice is not None:
        yield "guided_choice", _choices(body.guided_choice, "guided_choice")
    if body.guided_grammar:
        yield "guided_grammar", Lark(grammar=body.guided_grammar)


def _structured(given: StructuredOutputs | None) -> Iterator[_Found]:
    if given is None:
        return
    where = "structured_outputs"
    if given.structural_tag is not None:
        raise UnsupportedParameter(
            "`structured_outputs` asks for structural tags, which this version of Hob does not do.",
            hint="Leave them out.",
            param=f"{where}.structural_tag",
        )
    if given.json is not None:
        yield f"{where}.json", _schema_or_text(given.json, f"{where}.json")
    if given.regex:
        yield f"{where}.regex", Regex(pattern=given.regex)
    if given.choice is not None:
        yield f"{where}.choice", _choices(given.choice, f"{where}.choice")
    if given.grammar:
        yield f"{where}.grammar", Lark(grammar=given.grammar)
    if given.json_object:
        yield f"{where}.json_object", JsonObject()


def _schema_or_text(given: object, where: str) -> JsonSchema:
    return _schema(read_json(given, where) if isinstance(given, str) else given, where)


def _schema(given: object, where: str) -> JsonSchema:
    if not isinstance(given, (dict, bool)):
        raise InvalidRequest(
            f"`{where}` is not a JSON Schema.", hint="It is an object, true or false.", param=where
        )
    check_free(given, where, MAX_GRAMMAR_CHARS)
    return JsonSchema(schema=given)


def _choices(given: list[str], where: str) -> Choices:
    if "" in given or sum(map(len, given)) > MAX_GRAMMAR_CHARS:
        raise InvalidRequest(
            f"`{where}` holds an empty text, or more than {MAX_GRAMMAR_CHARS} characters in all.",
            param=where,
        )
    return Choices(choices=tuple(dict.fromkeys(given)))
