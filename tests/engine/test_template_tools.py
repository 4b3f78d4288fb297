"""Tools, calls, results and thoughts in the templates of the main families."""

# ruff: noqa: E501

from __future__ import annotations

import json

import pytest

from fakes.templates import (
    DEEPSEEK,
    GEMMA2,
    GPT_OSS,
    LLAMA3,
    MISTRAL,
    PHI4,
    QWEN,
    SMOLLM2,
    SMOLLM3,
)
from hob.engine.output.formats import choose_format
from hob.engine.prompts.template import ChatTemplate, make_renderer
from hob.errors import InvalidRequest, TemplateFailed
from hob.wire.chat import ChatMessage, Effort, Reasoning, Tool, ToolCall, ToolChoice
from hob.wire.generate import GenerateRequest

TOOL = Tool(
    name="get_weather",
    description="The weather <today>",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
TIME = Tool(name="get_time")
SYSTEM = ChatMessage(role="system", content="Be brief.")
ASK = ChatMessage(role="user", content="Paris?")
CALL = ChatMessage(
    role="assistant",
    tool_calls=(ToolCall(name="get_weather", arguments='{"city": "Paris é"}', id="call_1"),),
)
RESULT = ChatMessage(role="tool", content="18 °C", tool_call_id="call_1")
THANKS = ChatMessage(role="user", content="Thanks")
CONVERSATION = (SYSTEM, ASK, CALL, RESULT)
TWO_CALLS = ChatMessage(
    role="assistant",
    content="I look.",
    tool_calls=(
        ToolCall(name="get_weather", arguments='{"city": "Rome"}', id="call_2"),
        ToolCall(name="get_time", arguments="{}", id="call_3"),
    ),
)
TWO_RESULTS = (
    ChatMessage(role="tool", content="30 °C", tool_call_id="call_2"),
    ChatMessage(role="tool", content="noon", tool_call_id="call_3"),
)


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos_token="<s>", eos_token="</s>")


def render(source: str, *messages: ChatMessage, tools: tuple[Tool, ...] = (TOOL,)) -> str:
    return template(source).render(messages or CONVERSATION, tools=tools)


def test_qwen() -> None:
    text = render(QWEN, *CONVERSATION, TWO_CALLS, *TWO_RESULTS)
    assert text == (
        "<|im_start|>system\nBe brief.\n\n# Tools\n\n<tools>\n"
        '{"type": "function", "function": {"name": "get_weather", "description": "The weather <today>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}'
        '\n</tools>\n\nFor each call return within <tool_call></tool_call>:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\nParis?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris é"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n18 °C\n</tool_response><|im_end|>\n"
        '<|im_start|>assistant\nI look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n30 °C\n</tool_response>\n<tool_response>\nnoon\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_thoughts_of_earlier_answers_are_told_to_the_template() -> None:
    answer = ChatMessage(role="assistant", content="Yes.", reasoning="Well.")
    text = render(QWEN, ASK, answer, THANKS, tools=())
    assert "<|im_start|>assistant\n<think>\nWell.\n</think>\n\nYes.<|im_end|>" in text


def test_llama3() -> None:
    text = render(LLAMA3)
    assert text.startswith("<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>")
    assert '"name": "get_weather",\n' in text
    assert (
        '\n\n{"name": "get_weather", "parameters": {"city": "Paris é"}}<|eot_id|>'
        '<|start_header_id|>ipython<|end_header_id|>\n\n"18 °C"<|eot_id|>' in text
    )


def test_parallel_calls_go_one_after_another_where_a_template_takes_one() -> None:
    text = render(LLAMA3, ASK, TWO_CALLS, *TWO_RESULTS)
    first, second = text.index('"parameters": {"city": "Rome"}'), text.index('"30 °C"')
    third, fourth = text.index('{"name": "get_time", "parameters": {}}'), text.index('"noon"')
    assert first < second < third < fourth


def test_mistral_gets_ids_of_the_length_that_it_wants() -> None:
    text = render(MISTRAL, ASK, CALL, RESULT)
    call = text.partition("[TOOL_CALLS]")[2].partition("</s>")[0]
    result = text.partition("[TOOL_RESULTS]")[2]
    [made] = json.loads(call)
    assert made["name"] == "get_weather"
    assert made["arguments"] == {"city": "Paris é"}
    assert len(made["id"]) == 9
    assert f'"call_id": "{made["id"]}"' in result


def test_mistral_keeps_ids_of_its_own() -> None:
    call = ChatMessage(
        role="assistant", tool_calls=(ToolCall(name="f", arguments="{}", id="abcdef123"),)
    )
    assert '"id": "abcdef123"' in render(MISTRAL, ASK, call)


def test_phi4_finds_the_tools_in_the_system_message() -> None:
    listed = '<|tool|>[{"name": "get_weather", "description": "The weather <today>"'
    assert f"<|system|>Be brief.{listed}" in render(PHI4, SYSTEM, ASK)
    assert f"<|system|>{listed}" in render(PHI4, ASK)
    assert choose_format(PHI4).name == "phi4"


def test_a_template_that_joins_the_arguments_gets_them_as_text() -> None:
    text = render(DEEPSEEK)
    assert '<CALL>function<SEP>get_weather\n```json\n{"city": "Paris é"}\n```<END>' in text
    assert "<OUT>18 °C<A><think>\n" in text


def test_a_template_that_writes_the_arguments_out_gets_them_as_text() -> None:
    source = "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments }}{% endfor %}{% endfor %}{{ tools }}"
    assert render(source, ASK, CALL).startswith('{"city": "Paris é"}')


def test_a_template_that_loops_over_the_arguments_gets_them_as_values() -> None:
    source = "{% for m in messages %}{% for c in m.tool_calls %}{% for k, v in c.function.arguments|items %}{{ k }}={{ v }}{% endfor %}{% endfor %}{% endfor %}{{ tools }}"
    assert render(source, ASK, CALL).startswith("city=Paris é")


def test_arguments_that_are_no_json_stay_what_the_model_wrote() -> None:
    broken = ChatMessage(
        role="assistant", tool_calls=(ToolCall(name="f", arguments='{"a": oops', id="x"),)
    )
    assert '"arguments": {"a": oops}' in render(QWEN, ASK, broken)


def test_a_template_that_loops_over_its_tools_unasked_finds_none() -> None:
    source = "{% for t in tools %}{{ t.function.name }}{% endfor %}{{ messages[0].content }}"
    assert render(source, ASK, tools=()) == "Paris?"
    assert render(source, ASK) == "get_weatherParis?"


def test_a_template_may_write_a_part_of_each_tool() -> None:
    source = "{{ (tools or []) | map(attribute='function') | tojson }}"
    assert render(source, ASK).startswith('[{"name": "get_weather"')


def test_gpt_oss() -> None:
    call = ChatMessage(role="assistant", reasoning="Look.", tool_calls=CALL.tool_calls)
    text = template(GPT_OSS).render(
        [SYSTEM, ASK, call, RESULT], tools=(TOOL, TIME), values={"reasoning_effort": "high"}
    )
    assert "Reasoning: high" in text
    assert "type get_weather = (_: {\ncity: string,\n}) => any;" in text
    assert "type get_time = (_: {\n}) => any;" in text
    assert "<|channel|>analysis<|message|>Look.<|end|>" in text
    assert (
        '<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Paris é"}<|call|>'
        in text
    )
    assert text.endswith('<|message|>"18 °C"<|end|><|start|>assistant')


def test_gpt_oss_takes_a_text_with_a_call_without_its_thoughts() -> None:
    call = ChatMessage(
        role="assistant", content="I look.", reasoning="Look.", tool_calls=CALL.tool_calls
    )
    assert "Look.<|end|>" not in render(GPT_OSS, ASK, call, RESULT)


def test_smollm3_gets_tools_under_the_name_that_it_asks_for() -> None:
    assert "get_weather" in render(SMOLLM3, ASK)
    assert choose_format(SMOLLM3).name == "hermes"


# Without support of the template


def test_a_template_without_tools_is_told_of_them_in_the_system_message() -> None:
    text = render(SMOLLM2)
    system, _, rest = text.partition("<|im_end|>")
    assert system.startswith("<|im_start|>system\nBe brief.\n\nYou can call these functions:")
    assert (
        '{"name": "get_weather", "description": "The weather <today>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}'
        in system
    )
    assert "<tool_call>" in system
    assert rest == (
        "\n<|im_start|>user\nParis?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris é"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n18 °C\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_calls_of_the_past_are_told_when_no_tools_are_offered_any_more() -> None:
    text = render(SMOLLM2, ASK, CALL, RESULT, THANKS, tools=())
    assert "You can call" not in text
    assert '"arguments": {"city": "Paris é"}' in text
    assert "18 °C\n</tool_response>\nThanks<|im_end|>" in text


def test_a_strict_template_gets_user_and_assistant_in_turn() -> None:
    text = render(GEMMA2, SYSTEM, ASK, TWO_CALLS, *TWO_RESULTS)
    turns = [turn.partition("\n")[0] for turn in text.split("<start_of_turn>")[1:]]
    assert turns == ["user", "model", "user", "model"]
    assert "Be brief.\n\nYou can call these functions" in text
    assert "I look.\n<tool_call>\n" in text
    assert "30 °C\n</tool_response>\n<tool_response>\nnoon" in text


TAKES_TOOLS = {
    "qwen": (QWEN, True),
    "llama3": (LLAMA3, True),
    "mistral": (MISTRAL, True),
    "phi4": (PHI4, True),
    "deepseek": (DEEPSEEK, True),
    "gpt-oss": (GPT_OSS, True),
    "smollm3": (SMOLLM3, True),
    "smollm2": (SMOLLM2, False),
    "gemma2": (GEMMA2, False),
    "the word alone": ("{# tools #}{{ messages[0].content }}", False),
    "broken": ("{% if %}", False),
    "none": ("", False),
}


@pytest.mark.parametrize(("source", "takes"), TAKES_TOOLS.values(), ids=TAKES_TOOLS)
def test_whether_a_template_takes_tools_is_seen_by_trying(source: str, takes: bool) -> None:
    assert make_renderer(source, bos_token="<s>", eos_token="</s>").takes_tools is takes


# What a request says


def rendered(source: str, request: GenerateRequest) -> str:
    return make_renderer(source, bos_token="<s>", eos_token="</s>")(request.messages, request)


def test_a_request_that_forbids_calls_offers_no_tools() -> None:
    request = GenerateRequest(
        id="a", messages=(ASK,), tools=(TOOL,), tool_choice=ToolChoice(mode="none")
    )
    assert "get_weather" not in rendered(QWEN, request)


VALUES = "{{ enable_thinking is defined }} {{ enable_thinking }} {{ thinking }} {{ reasoning_effort }} {{ mood }}"
REASONING = {
    "nothing said": (Reasoning(), {}, "False    "),
    "on": (Reasoning(enabled=True), {}, "True True True  "),
    "off": (Reasoning(enabled=False), {}, "True False False  "),
    "effort": (Reasoning(effort="high"), {}, "True True True high "),
    "no effort": (Reasoning(effort="none"), {}, "True False False none "),
    "a value of the client": (Reasoning(), {"mood": "glad"}, "False    glad"),
    "the client knows better": (
        Reasoning(enabled=True),
        {"enable_thinking": False},
        "True False True  ",
    ),
}


@pytest.mark.parametrize(("reasoning", "values", "text"), REASONING.values(), ids=REASONING)
def test_the_template_is_told_how_to_think(
    reasoning: Reasoning, values: dict[str, object], text: str
) -> None:
    request = GenerateRequest(id="a", messages=(ASK,), reasoning=reasoning, template_values=values)
    assert rendered(VALUES, request) == text


@pytest.mark.parametrize(
    ("effort", "told"), [("none", "low"), ("minimal", "low"), ("high", "high")]
)
def test_gpt_oss_is_told_no_less_than_it_knows(effort: Effort, told: str) -> None:
    request = GenerateRequest(id="a", messages=(ASK,), reasoning=Reasoning(effort=effort))
    assert f"Reasoning: {told}\n" in rendered(GPT_OSS, request)


@pytest.mark.parametrize("name", ["bos_token", "messages", "tools", "add_generation_prompt"])
def test_a_client_cannot_set_what_is_not_its_own(name: str) -> None:
    request = GenerateRequest(id="a", messages=(ASK,), template_values={name: "x"})
    with pytest.raises(InvalidRequest, match=name):
        rendered(QWEN, request)


def test_a_client_may_hide_what_a_template_calls_and_harms_itself_alone() -> None:
    request = GenerateRequest(id="a", messages=(ASK,), template_values={"namespace": "x"})
    with pytest.raises(TemplateFailed):
        rendered(QWEN, request)
