"""What models write in each format, and what a client gets to see of it, however it is cut.

This module is long because it is a table of recorded answers, one for each thing that a family of models does.
"""

# The outputs stand as the models write them.
# ruff: noqa: E501, RUF001

from __future__ import annotations

import json
import random

import pytest

from fakes.outputs import Seen, maker, read, read_each_way
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
from hob.engine.output.parsed import ParsedOutput
from hob.engine.output.reader import MAX_HELD
from hob.wire.chat import Tool

TOOLS = (
    Tool(
        name="get_weather",
        parameters={
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    ),
    Tool(name="get_time"),
)

# Braces, quotes and marks within strings, other scripts, nesting.
NASTY = '{"city": "a \\"}{\\" <b> é日本🌍", "more": {"x": [1, {"y": "]"}], "z": null}}'
PLAIN = '{"city": "Paris"}'

Case = tuple[Format, str, str, tuple[tuple[str, str], ...]]

HERMES_CALL = '<tool_call>\n{"name": "get_weather", "arguments": %s}\n</tool_call>'
PHI_CALL = '<|tool_call|>[{"name": "get_weather", "arguments": %s}]<|/tool_call|>'
DEEP_CALL = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
    "```json\n%s\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
)
HARMONY_CALL = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>%s"

ONE = (("get_weather", PLAIN),)

CASES: dict[str, Case] = {
    # Hermes
    "hermes: a call": (HERMES, HERMES_CALL % PLAIN, "", ONE),
    "hermes: nasty": (HERMES, HERMES_CALL % NASTY, "", (("get_weather", NASTY),)),
    "hermes: text, then two calls": (
        HERMES,
        'Let me see.\n\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>\n',
        "Let me see.",
        (("get_weather", '{"city": "Zürich"}'), ("get_time", "{}")),
    ),
    "hermes: a list": (
        HERMES,
        '<tool_call>[{"name": "get_time", "arguments": {}}, {"name": "get_weather", "arguments": {"city": "Paris"}}]</tool_call>',
        "",
        (("get_time", "{}"), *ONE),
    ),
    "hermes: text after a call": (HERMES, "A " + HERMES_CALL % PLAIN + "\n\nB", "A\n\nB", ONE),
    "hermes: arguments before the name": (
        HERMES,
        '<tool_call>{"arguments": {"city": "Paris"}, "name": "get_weather"}</tool_call>',
        "",
        ONE,
    ),
    "hermes: arguments as a string": (
        HERMES,
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>',
        "",
        ONE,
    ),
    "hermes: no arguments": (
        HERMES,
        '<tool_call>{"name": "get_time"}</tool_call>',
        "",
        (("get_time", "{}"),),
    ),
    "hermes: null arguments": (
        HERMES,
        '<tool_call>{"name": "get_time", "arguments": null}</tool_call>',
        "",
        (("get_time", "{}"),),
    ),
    "hermes: a brace is missing": (
        HERMES,
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}</tool_call> ok',
        "ok",
        ONE,
    ),
    "hermes: not JSON": (
        HERMES,
        "<tool_call>call the weather</tool_call> x",
        "<tool_call>call the weather</tool_call> x",
        (),
    ),
    "hermes: other JSON": (
        HERMES,
        '<tool_call>{"weather": 1}</tool_call>',
        '<tool_call>{"weather": 1}</tool_call>',
        (),
    ),
    "hermes: no object as arguments": (
        HERMES,
        '<tool_call>{"name": "get_time", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "get_time", "arguments": [1]}</tool_call>',
        (),
    ),
    "hermes: a bad one before a good one": (
        HERMES,
        "<tool_call>oops " + HERMES_CALL % PLAIN,
        "<tool_call>oops",
        ONE,
    ),
    "hermes: cut in the mark": (HERMES, "see <tool_c", "see <tool_c", ()),
    "hermes: cut in the name": (
        HERMES,
        'see <tool_call>\n{"name": "get_w',
        'see <tool_call>\n{"name": "get_w',
        (),
    ),
    "hermes: cut in the arguments": (
        HERMES,
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par',
        "",
        (("get_weather", '{"city": "Par'),),
    ),
    "hermes: text alone": (HERMES, " a <b> {c} \n\n d\n", " a <b> {c} \n\n d\n", ()),
    # Phi 4 mini, Granite 3
    "phi4: a call": (PHI4, PHI_CALL % PLAIN, "", ONE),
    "phi4: nasty": (PHI4, "Sure. " + PHI_CALL % NASTY, "Sure.", (("get_weather", NASTY),)),
    "phi4: two calls": (
        PHI4,
        '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "get_time", "arguments": {}}]<|/tool_call|>',
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "phi4: the second is broken": (
        PHI4,
        '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"nam": 1}]',
        '{"nam": 1}]',
        ONE,
    ),
    "phi4: malformed": (PHI4, "<|tool_call|>no", "<|tool_call|>no", ()),
    "phi4: cut": (
        PHI4,
        '<|tool_call|>[{"name": "get_weather", "arguments": {"ci',
        "",
        (("get_weather", '{"ci'),),
    ),
    "granite: a call": (
        GRANITE,
        '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}]',
        "",
        ONE,
    ),
    # Llama 3
    "llama3: bare": (
        LLAMA3,
        '{"name": "get_weather", "parameters": {"city": "Paris"}}',
        "",
        ONE,
    ),
    "llama3: nasty": (
        LLAMA3,
        '\n{"type": "function", "name": "get_weather", "parameters": ' + NASTY + "}",
        "",
        (("get_weather", NASTY),),
    ),
    "llama3: a tag": (
        LLAMA3,
        'One moment. <|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}',
        "One moment.",
        ONE,
    ),
    "llama3: two calls": (
        LLAMA3,
        '{"name": "get_weather", "parameters": {"city": "Paris"}}; {"name": "get_time", "parameters": {}}',
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "llama3: JSON that is the answer": (
        LLAMA3,
        '{"name": "Ada", "parameters": {"born": 1815}}',
        '{"name": "Ada", "parameters": {"born": 1815}}',
        (),
    ),
    "llama3: other JSON": (LLAMA3, '{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 2]}}', ()),
    "llama3: code behind the tag": (
        LLAMA3,
        '<|python_tag|>brave.call(q="x")',
        '<|python_tag|>brave.call(q="x")',
        (),
    ),
    "llama3: cut": (LLAMA3, '{"name": "get_wea', '{"name": "get_wea', ()),
    # Mistral
    "mistral: a list": (
        MISTRAL,
        '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "abc"}]',
        "",
        ONE,
    ),
    "mistral: nasty": (
        MISTRAL,
        '[TOOL_CALLS] [{"name": "get_weather", "arguments": ' + NASTY + "}]",
        "",
        (("get_weather", NASTY),),
    ),
    "mistral: two calls": (
        MISTRAL,
        'Hm.[TOOL_CALLS][{"name": "get_time", "arguments": {}}, {"name": "get_weather", "arguments": {"city": "Paris"}}]',
        "Hm.",
        (("get_time", "{}"), *ONE),
    ),
    "mistral: name and arguments": (
        MISTRAL_ARGS,
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}',
        "",
        ONE,
    ),
    "mistral: name without a mark": (
        MISTRAL_ARGS,
        '[TOOL_CALLS]get_weather{"city": "Paris"}',
        "",
        ONE,
    ),
    "mistral: name, id and arguments, twice": (
        MISTRAL_ARGS,
        'So: [TOOL_CALLS]get_weather[CALL_ID]123456789[ARGS]{"city": "Paris"}[TOOL_CALLS]get_time[ARGS]{}',
        "So:",
        (*ONE, ("get_time", "{}")),
    ),
    "mistral: nasty arguments": (
        MISTRAL_ARGS,
        "[TOOL_CALLS]get_weather[ARGS]" + NASTY,
        "",
        (("get_weather", NASTY),),
    ),
    "mistral: malformed": (
        MISTRAL_ARGS,
        "[TOOL_CALLS]get the weather\nof Paris",
        "[TOOL_CALLS]get the weather\nof Paris",
        (),
    ),
    "mistral: cut": (MISTRAL_ARGS, "[TOOL_CALLS]get_wea", "[TOOL_CALLS]get_wea", ()),
    # DeepSeek
    "deepseek: a call": (DEEPSEEK, DEEP_CALL % PLAIN, "", ONE),
    "deepseek: nasty": (DEEPSEEK, "Yes.\n" + DEEP_CALL % NASTY, "Yes.", (("get_weather", NASTY),)),
    "deepseek: two calls": (
        DEEPSEEK,
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Paris"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "deepseek: the new way, twice": (
        DEEPSEEK_V31,
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Paris"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "deepseek: malformed": (
        DEEPSEEK,
        "<｜tool▁calls▁begin｜>the weather",
        "<｜tool▁calls▁begin｜>the weather",
        (),
    ),
    "deepseek: cut": (
        DEEPSEEK,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁s",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁s",
        (),
    ),
    # Qwen 3 Coder
    "qwen-xml: a call": (
        QWEN_XML,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
        "",
        ONE,
    ),
    "qwen-xml: text, lines and types": (
        QWEN_XML,
        'I look.\n<tool_call>\n<function=get_weather>\n<parameter=city>\n"a"\n\\n {é}\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=tags>\n["a", "b"]\n</parameter>\n<parameter=other>\nTrue\n</parameter>\n</function>\n</tool_call>',
        "I look.",
        (
            (
                "get_weather",
                '{"city": "\\"a\\"\\n\\\\n {é}", "days": 3, "tags": ["a", "b"], "other": true}',
            ),
        ),
    ),
    "qwen-xml: two calls": (
        QWEN_XML,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>\n<function=get_time>\n</function>\n</tool_call>",
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "qwen-xml: a value of the wrong type": (
        QWEN_XML,
        "<tool_call><function=get_weather><parameter=days>many</parameter></function></tool_call>",
        "",
        (("get_weather", '{"days": "many"}'),),
    ),
    "qwen-xml: malformed": (
        QWEN_XML,
        "<tool_call>\nget_weather\n</tool_call>",
        "<tool_call>\nget_weather\n</tool_call>",
        (),
    ),
    "qwen-xml: cut": (
        QWEN_XML,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nPar",
        "",
        (("get_weather", '{"city": "Par"}'),),
    ),
    "seed-xml: a call": (
        SEED_XML,
        "<seed:tool_call>\n<function=get_weather>\n<parameter=city>Paris</parameter>\n</function>\n</seed:tool_call>",
        "",
        ONE,
    ),
    # GLM
    "glm: two calls": (
        GLM,
        'I look.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>a "b" é</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n<tool_call>get_time\n</tool_call>',
        "I look.",
        (("get_weather", '{"city": "a \\"b\\" é", "days": 3}'), ("get_time", "{}")),
    ),
    "glm: malformed": (
        GLM,
        "<tool_call>the weather please</tool_call>",
        "<tool_call>the weather please</tool_call>",
        (),
    ),
    "glm: cut": (GLM, "<tool_call>get_wea", "<tool_call>get_wea", ()),
    # Kimi
    "kimi: nasty, and two calls": (
        KIMI,
        "Ok.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
        + NASTY
        + "<|tool_call_end|><|tool_call_begin|>functions.get_time:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
        "Ok.",
        (("get_weather", NASTY), ("get_time", "{}")),
    ),
    "kimi: malformed": (
        KIMI,
        "<|tool_calls_section_begin|>no<|tool_calls_section_end|>",
        "<|tool_calls_section_begin|>no<|tool_calls_section_end|>",
        (),
    ),
    # LFM 2
    "lfm2: as Python": (
        LFM2,
        'Sure.<|tool_call_start|>[get_weather(city="a \\"é\\"", tags=["x", \'y\'], more={"ok": true, "none": None}), get_time()]<|tool_call_end|>Wait.',
        "Sure.Wait.",
        (
            (
                "get_weather",
                '{"city": "a \\"é\\"", "tags": ["x", "y"], "more": {"ok": true, "none": null}}',
            ),
            ("get_time", "{}"),
        ),
    ),
    "lfm2: as JSON": (
        LFM2,
        '<|tool_call_start|>[{"name": "get_weather", "arguments": {"city": "Paris"}}]<|tool_call_end|>',
        "",
        ONE,
    ),
    "lfm2: code that is no call": (
        LFM2,
        "<|tool_call_start|>[open(1), x]<|tool_call_end|>",
        "<|tool_call_start|>[open(1), x]<|tool_call_end|>",
        (),
    ),
    # Gemma
    "gemma4: a call": (
        GEMMA4,
        '<|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|>',
        "",
        ONE,
    ),
    "gemma4: nasty, and two calls": (
        GEMMA4,
        'Ok. <|tool_call>call:get_weather{city:<|"|>a "b" {c}, é<|"|>,days:3,tags:[<|"|>x<|"|>,<|"|>y<|"|>],deep:{ok:true,none:null}}<tool_call|><|tool_call>call:get_time{}<tool_call|>',
        "Ok.",
        (
            (
                "get_weather",
                '{"city": "a \\"b\\" {c}, é", "days": 3, "tags": ["x", "y"], "deep": {"ok": true, "none": null}}',
            ),
            ("get_time", "{}"),
        ),
    ),
    "functiongemma: a call": (
        FUNCTION_GEMMA,
        "<start_function_call>call:get_weather{city:<escape>Paris<escape>}<end_function_call>",
        "",
        ONE,
    ),
    "functiongemma: malformed": (
        FUNCTION_GEMMA,
        "<start_function_call>get_weather(city)<end_function_call>",
        "<start_function_call>get_weather(city)<end_function_call>",
        (),
    ),
    "functiongemma: cut": (
        FUNCTION_GEMMA,
        "<start_function_call>call:get_weather{city:<esc",
        "<start_function_call>call:get_weather{city:<esc",
        (),
    ),
    # gpt-oss
    "harmony: a call": (HARMONY, HARMONY_CALL % PLAIN, "", ONE),
    "harmony: the recipient first": (
        HARMONY,
        ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Paris"}<|call|>',
        "",
        ONE,
    ),
    "harmony: nasty after a preamble": (
        HARMONY,
        "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant" + HARMONY_CALL % NASTY,
        "I look.",
        (("get_weather", NASTY),),
    ),
    "harmony: two calls": (
        HARMONY,
        HARMONY_CALL % PLAIN
        + "<|call|><|start|>assistant<|channel|>commentary to=functions.get_time<|message|>{}<|call|>",
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "harmony: an answer": (
        HARMONY,
        "<|channel|>final<|message|>It is <b>é</b>.\n<|return|>",
        "It is <b>é</b>.\n",
        (),
    ),
    "harmony: two messages": (
        HARMONY,
        "<|channel|>commentary<|message|>One.<|end|><|start|>assistant<|channel|>final<|message|>Two.",
        "One.\n\nTwo.",
        (),
    ),
    "harmony: no channel": (HARMONY, "Just text", "Just text", ()),
    "harmony: no JSON for a call": (HARMONY, HARMONY_CALL % "Paris", "Paris", ()),
    "harmony: cut in the header": (HARMONY, "<|channel|>fin", "", ()),
    # Generic
    "generic: as it was told": (GENERIC, HERMES_CALL % NASTY, "", (("get_weather", NASTY),)),
    "generic: bare": (
        GENERIC,
        '{"name": "get_weather", "arguments": {"city": "Paris"}}',
        "",
        ONE,
    ),
    "generic: in a code block": (
        GENERIC,
        'I call it:\n\n```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```\nDone.',
        "I call it:\nDone.",
        ONE,
    ),
    "generic: a list in a code block": (
        GENERIC,
        '```tool_code\n[{"name": "get_weather", "parameters": {"city": "Paris"}}, {"name": "get_time"}]\n```',
        "",
        (*ONE, ("get_time", "{}")),
    ),
    "generic: Python in a code block": (
        GENERIC,
        '```tool_code\nget_weather(city="Paris")\n```',
        "",
        ONE,
    ),
    "generic: Python that calls no tool": (
        GENERIC,
        "```tool_code\nprint(end=1)\n```",
        "```tool_code\nprint(end=1)\n```",
        (),
    ),
    "generic: a code block": (
        GENERIC,
        'Example:\n```json\n{"name": "Ada"}\n```\n',
        'Example:\n```json\n{"name": "Ada"}\n```\n',
        (),
    ),
    "generic: no tool of that name": (
        GENERIC,
        '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
        (),
    ),
}


@pytest.mark.parametrize(("form", "text", "content", "calls"), CASES.values(), ids=CASES)
def test_an_answer_is_read_alike_however_it_is_cut(
    form: Format, text: str, content: str, calls: tuple[tuple[str, str], ...]
) -> None:
    seen = read_each_way(maker(form, Ask(TOOLS)), text)
    numbered = tuple((str(n), name, args) for n, (name, args) in enumerate(calls, start=1))
    assert seen == Seen(content, "", numbered)


@pytest.mark.parametrize(
    "form", dict.fromkeys(case[0] for case in CASES.values()), ids=lambda f: f.name
)
def test_damaged_answers_are_read_alike_too(form: Format) -> None:
    chance = random.Random(form.name)
    texts = [case[1] for case in CASES.values() if case[0] is form]
    for _ in range(300):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 3)):
            start, end = sorted(chance.choices(range(len(text) + 1), k=2))
            piece = chance.choice(["", chance.choice(texts)[start:end], *'{}[]",:<`\n'])
            text = text[:start] + piece + text[end if chance.random() < 0.5 else start :]
        make = maker(form, Ask(TOOLS))
        data = text.encode()
        whole = read(make(), [data])
        assert whole == read(make(), [data[n : n + 1] for n in range(len(data))])
        # In channels, headers are not part of the answer.
        assert whole.calls or form.channels or whole.text == text


@pytest.mark.parametrize("opener", ['<tool_call>{"name": "', '<tool_call>{"arguments": {"a": "'])
def test_what_never_becomes_a_call_is_held_for_a_while_only(opener: str) -> None:
    text = opener + "x" * 3 * MAX_HELD
    output = maker(HERMES, Ask(TOOLS))()
    assert read(maker(HERMES, Ask(TOOLS))(), [text.encode()]) == Seen(text)
    pieces = [text[n : n + 100].encode() for n in range(0, len(text), 100)]
    assert read(maker(HERMES, Ask(TOOLS))(), pieces) == Seen(text)
    held = sum(bool(output.push(piece).text) for piece in pieces)
    assert held > 100


def test_arguments_that_are_complete_are_json() -> None:
    for name, (_form, _text, _content, calls) in CASES.items():
        for _call, arguments in calls:
            assert "cut" in name or isinstance(json.loads(arguments), dict)


def test_arguments_go_out_while_they_grow() -> None:
    output = maker(HERMES, Ask(TOOLS))()
    first = output.push(b'<tool_call>{"name": "get_weather", "arguments": {"ci')
    second = output.push(b'ty": "P')
    assert [(c.index, c.name, c.arguments) for c in first.calls] == [(0, "get_weather", '{"ci')]
    assert [(c.index, c.name, c.arguments) for c in second.calls] == [(0, "", 'ty": "P')]
    assert output.called


def test_text_that_cannot_become_a_mark_goes_out_at_once() -> None:
    output = maker(HERMES, Ask(TOOLS))()
    assert output.push(b"Hello <tool").text == "Hello"
    assert output.push(b"box> and").text == " <toolbox> and"


def test_without_tools_calls_are_text() -> None:
    text = HERMES_CALL % PLAIN
    assert read_each_way(maker(HERMES, Ask()), text) == Seen(text)


def test_calls_beyond_the_first_are_left_out_when_only_one_is_allowed() -> None:
    output = ParsedOutput(HERMES, Ask(TOOLS), most_calls=1)
    seen = read(output, [(HERMES_CALL % PLAIN).encode()] * 2)
    assert [(name, arguments) for _id, name, arguments in seen.calls] == list(ONE)


@pytest.mark.parametrize(("form", "length"), [(HERMES, 29), (MISTRAL, 9)])
def test_each_call_has_an_id_of_its_own(form: Format, length: int) -> None:
    text = CASES["mistral: two calls" if form is MISTRAL else "hermes: a list"][1]
    seen = read(ParsedOutput(form, Ask(TOOLS)), [text.encode()])
    ids = {id for id, _name, _arguments in seen.calls}
    assert {len(id) for id in ids} == {length}
    assert len(ids) == 2


def test_a_stop_string_ends_an_answer_in_whatever_it_stands() -> None:
    stop = ("Paris",)
    assert read_each_way(maker(HERMES, Ask(TOOLS), stop), "In Paris") == Seen("In ")
    seen = read_each_way(maker(HERMES, Ask(TOOLS), stop), HERMES_CALL % PLAIN)
    assert seen.calls == (("1", "get_weather", '{"city": "'),)
    output = maker(HERMES, Ask(TOOLS), stop)()
    output.push(b"In Paris it")
    assert output.stopped == "Paris"
    assert not output.flush()


def test_control_tokens_never_become_text() -> None:
    def output() -> ParsedOutput:
        return ParsedOutput(
            LLAMA3,
            Ask(TOOLS),
            controls=("<|python_tag|>",),
            is_control=lambda piece: piece in (b"<|python_tag|>", b"<|x|>"),
        )

    assert output().special
    assert (
        read(output(), [b"a", b"<|x|>", b"b", b"<|python_tag|>", b"print(1)"]).text == "abprint(1)"
    )
    assert read(output(), [b"a <|x|> b"]).text == "a <|x|> b"
