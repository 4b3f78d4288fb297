"""What a model may write when it has to call a tool: whatever it draws is a valid call."""

from __future__ import annotations

import dataclasses
import json
import random

import llguidance as ll
import pytest

from fakes.mark_vocab import END, MarkVocab
from hob.engine.output.call_grammar import Thinking, arguments_schema, call_grammar
from hob.engine.output.format import Ask, Format
from hob.engine.output.formats import GENERIC
from hob.engine.output.formats.deepseek import DEEPSEEK, DEEPSEEK_V31
from hob.engine.output.formats.gemma import FUNCTION_GEMMA, GEMMA4
from hob.engine.output.formats.glm import GLM
from hob.engine.output.formats.harmony import HARMONY
from hob.engine.output.formats.hermes import HERMES
from hob.engine.output.formats.kimi import KIMI
from hob.engine.output.formats.lfm2 import LFM2
from hob.engine.output.formats.llama3 import LLAMA3
from hob.engine.output.formats.mistral import MISTRAL, MISTRAL_ARGS
from hob.engine.output.formats.phi4 import GRANITE, PHI4
from hob.engine.output.formats.qwen_xml import QWEN_XML, SEED_XML
from hob.engine.output.marks import MarkTable
from hob.engine.output.parsed import ParsedOutput
from hob.engine.output.thoughts import find_marks
from hob.errors import InvalidRequest
from hob.wire.chat import Tool

FORMATS = (
    GENERIC,
    HERMES,
    QWEN_XML,
    SEED_XML,
    GLM,
    KIMI,
    LFM2,
    LLAMA3,
    MISTRAL,
    MISTRAL_ARGS,
    PHI4,
    GRANITE,
    DEEPSEEK,
    DEEPSEEK_V31,
    HARMONY,
    GEMMA4,
    FUNCTION_GEMMA,
)
UNITS = ["C", "F"]
WEATHER = Tool(
    name="get_weather",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", 'a "b" {c}', "Zürich"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
            "unit": {"type": "string", "enum": UNITS},
        },
        "required": ["city", "days"],
    },
)
TIME = Tool(name="get_time")
EMPTY = Tool(name="stop_all", parameters={"type": "object", "properties": {}})
TOOLS = (WEATHER, TIME, EMPTY)


def vocab_of(form: Format, *, spelled: bool = False) -> MarkVocab:
    thoughts = (form.thoughts.open, form.thoughts.close) if form.thoughts else ()
    marks = [m for m in (*form.marks, *thoughts) if m.count("<|") < 2]
    return MarkVocab(spelled=dict.fromkeys(marks)) if spelled else MarkVocab(dict.fromkeys(marks))


def matcher_of(
    form: Format,
    vocab: MarkVocab,
    tools: tuple[Tool, ...] = TOOLS,
    *,
    parallel: bool = False,
    thinking: Thinking = "no",
) -> ll.LLMatcher:
    lark = call_grammar(form, tools, MarkTable(vocab), parallel=parallel, thinking=thinking)
    matcher = ll.LLMatcher(vocab.for_grammars(), ll.LLMatcher.grammar_from_lark(lark.grammar))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def allowed(matcher: ll.LLMatcher) -> list[int]:
    mask = matcher.compute_bitmask()
    return [token for token in range(len(mask) * 8) if mask[token // 8] >> token % 8 & 1]


def draw(matcher: ll.LLMatcher, seed: int) -> list[int]:
    """An answer of a model that knows nothing but the grammar."""
    chance = random.Random(seed)
    tokens: list[int] = []
    while not matcher.is_stopped():
        token = chance.choice(allowed(matcher))
        assert matcher.consume_token(token)
        tokens.append(token)
        assert len(tokens) < 5_000
    return tokens


def read_calls(
    form: Format, vocab: MarkVocab, tokens: list[int], tools: tuple[Tool, ...] = TOOLS
) -> list[tuple[str, object]]:
    output = ParsedOutput(form, Ask(tools), controls=form.marks)
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    emissions = [*map(output.push, vocab.pieces(tokens)), output.flush()]
    assert "".join(e.text for e in emissions) == ""
    for call in (call for emission in emissions for call in emission.calls):
        names[call.index] = names.get(call.index, "") + call.name
        arguments[call.index] = arguments.get(call.index, "") + call.arguments
    return [(names[index], json.loads(arguments[index])) for index in names]


def is_valid(name: str, arguments: object) -> bool:
    if name != "get_weather":
        return arguments == {}
    assert isinstance(arguments, dict)
    return (
        arguments["city"] in ("Paris", 'a "b" {c}', "Zürich")
        and arguments["days"] in range(1, 10)
        and arguments.get("unit", "C") in UNITS
        and arguments.keys() <= {"city", "days", "unit"}
    )


@pytest.mark.parametrize("spelled", [False, True], ids=["control", "spelled"])
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_whatever_is_drawn_is_one_valid_call(form: Format, spelled: bool) -> None:
    vocab = vocab_of(form, spelled=spelled)
    for seed in range(8):
        calls = read_calls(form, vocab, draw(matcher_of(form, vocab), seed))
        assert len(calls) == 1
        assert is_valid(*calls[0]), calls


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_parallel_calls_are_valid_as_well(form: Format) -> None:
    vocab = vocab_of(form)
    counts = set()
    for seed in range(8):
        calls = read_calls(form, vocab, draw(matcher_of(form, vocab, parallel=True), seed))
        assert all(is_valid(*call) for call in calls), calls
        counts.add(len(calls))
    assert (max(counts) > 1) is (form is not HARMONY)


def test_a_single_tool_is_the_one_that_is_called() -> None:
    vocab = vocab_of(HERMES)
    for seed in range(4):
        tokens = draw(matcher_of(HERMES, vocab, (TIME,)), seed)
        assert read_calls(HERMES, vocab, tokens) == [("get_time", {})]


THINKERS = (
    dataclasses.replace(HERMES, thoughts=find_marks("</think>")),
    dataclasses.replace(MISTRAL_ARGS, thoughts=find_marks("[/THINK]")),
)
CALLS = {
    "hermes": '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>',
    "mistral-args": "[TOOL_CALLS]get_time[ARGS]{}",
}


def accepts(matcher: ll.LLMatcher, vocab: MarkVocab, text: str, *, parse: bool = True) -> bool:
    tokens = vocab.tokenize(text, add_special=False, parse_special=True)
    if not parse:
        tokens = list(text.encode())
    return matcher.validate_tokens([*tokens, END]) == len(tokens) + 1


@pytest.mark.parametrize("parse", [True, False], ids=["tokens", "letters"])
@pytest.mark.parametrize("form", THINKERS, ids=lambda form: form.name)
def test_a_model_may_think_before_it_calls(form: Format, parse: bool) -> None:
    assert form.thoughts
    vocab = vocab_of(form, spelled=not parse)
    open_, close, call = form.thoughts.open, form.thoughts.close, CALLS[form.name]

    def takes(text: str, thinking: Thinking) -> bool:
        matcher = matcher_of(form, vocab, thinking=thinking)
        return accepts(matcher, vocab, text, parse=parse)

    thoughts = f"Well, é.\n{close}\n\n{call}"
    assert takes(call, "no")
    assert not takes(open_ + thoughts, "no")
    assert takes(open_ + thoughts, "maybe")
    assert takes(call, "maybe")
    assert not takes(f"Well. {call}", "maybe")
    assert takes(thoughts, "inside")
    assert not takes(f"Well.{close} No.", "inside")


def test_gpt_oss_may_think_before_it_calls() -> None:
    vocab = vocab_of(HARMONY)
    call = "<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{}"
    thought = "<|channel|>analysis<|message|>Well.<|end|><|start|>assistant"
    for text in (call, thought + call):
        assert accepts(matcher_of(HARMONY, vocab, thinking="maybe"), vocab, text)
    final = "<|channel|>final<|message|>No."
    assert not accepts(matcher_of(HARMONY, vocab, thinking="maybe"), vocab, final)


@pytest.mark.parametrize("form", [*THINKERS, HARMONY], ids=lambda form: form.name)
def test_thoughts_that_are_closed_for_the_model_are_followed_by_a_call(form: Format) -> None:
    assert form.thoughts
    vocab = vocab_of(form)
    matcher = matcher_of(form, vocab, thinking="maybe")
    closing = form.thoughts.closing_to_call or form.thoughts.closing
    text = f"{form.thoughts.open}Well{closing}"
    assert matcher.consume_tokens(vocab.tokenize(text, add_special=False, parse_special=True))
    assert not matcher.is_stopped()


FREE = Tool(
    name="write",
    parameters={
        "type": "object",
        "properties": {"text": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["text", "n"],
    },
)
WRITTEN = {
    "hermes": '<tool_call>\n{"name": "write", "arguments": {"text": "a", "n": 3}}\n</tool_call>',
    "qwen-xml": "<tool_call>\n<function=write>\n<parameter=text>\na <b>\n\n</parameter>\n"
    "<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
    "glm": "<tool_call>write\n<arg_key>text</arg_key>\n<arg_value>a\nb</arg_value>\n"
    "<arg_key>n</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    "gemma4": '<|tool_call>call:write{text:<|"|>a\nb<|"|>,n:3}<tool_call|>',
}


@pytest.mark.parametrize("form", [HERMES, QWEN_XML, GLM, GEMMA4], ids=lambda form: form.name)
def test_a_text_of_any_length_ends_where_the_format_ends_it(form: Format) -> None:
    vocab = vocab_of(form)
    text = WRITTEN[form.name]
    assert accepts(matcher_of(form, vocab, (FREE,)), vocab, text)
    assert not accepts(matcher_of(form, vocab, (FREE,)), vocab, text + "\n" + text)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_arguments_may_refer_to_definitions(form: Format) -> None:
    tool = Tool(
        name="count",
        parameters={
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/few", "type": "integer"}},
            "required": ["n"],
            "$defs": {"few": {"type": "integer", "minimum": 1, "maximum": 3}},
        },
    )
    vocab = vocab_of(form)
    [(name, arguments)] = read_calls(
        form, vocab, draw(matcher_of(form, vocab, (tool,)), 1), (tool,)
    )
    assert name == "count"
    assert arguments in ({"n": 1}, {"n": 2}, {"n": 3})


def test_arguments_are_closed_unless_the_schema_opens_them() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    closed = arguments_schema(Tool(name="f", parameters=schema))
    assert closed
    assert closed["additionalProperties"] is False
    opened = arguments_schema(
        Tool(name="f", parameters={**schema, "additionalProperties": {"type": "string"}})
    )
    assert opened
    assert opened["additionalProperties"] == {"type": "string"}
    assert arguments_schema(Tool(name="f")) is None


def test_parameters_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no object"):
        arguments_schema(Tool(name="f", parameters={"type": "string"}))


def test_parameters_that_cannot_be_kept_to_are_refused() -> None:
    tool = Tool(
        name="f",
        parameters={"properties": {"a": {"type": "array", "uniqueItems": True}}},
    )
    with pytest.raises(InvalidRequest, match="uniqueItems") as caught:
        matcher_of(HERMES, vocab_of(HERMES), (tool,))
    assert caught.value.param == "tools"
    assert "auto" in caught.value.hint
