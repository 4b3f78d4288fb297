"""Which format a model writes, as its chat template tells."""

# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from fakes.templates import GEMMA2, GPT_OSS, LLAMA3, MISTRAL, PHI4, QWEN, SMOLLM2, SMOLLM3
from hob.engine.output.formats import choose_format
from hob.engine.prompts.templates_builtin import BUILTIN

OFFERS = "{% if tools %}{{ tools | tojson }}{% endif %}"

TEMPLATES = {
    "qwen": (QWEN, "hermes", "<think>"),
    "qwen 3 coder": (OFFERS + "<tool_call><function=a><parameter=b>", "qwen-xml", ""),
    "seed": (OFFERS + "<seed:tool_call><function=a><parameter=b>", "seed-xml", ""),
    "llama 3.1": (OFFERS + "<|python_tag|>", "llama3", ""),
    "llama 3.2": (LLAMA3, "llama3", ""),
    "mistral": (MISTRAL, "mistral", ""),
    "mistral, newer": (OFFERS + "[TOOL_CALLS][ARGS][THINK][/THINK]", "mistral-args", "[THINK]"),
    "phi 4 mini": (PHI4, "phi4", ""),
    "granite 3": (OFFERS + "<|tool_call|>", "granite", ""),
    "deepseek r1": (
        OFFERS + "<｜tool▁calls▁begin｜>```json</think>",
        "deepseek",
        "<think>",
    ),
    "deepseek v3.1": (OFFERS + "<｜tool▁calls▁begin｜>", "deepseek-v3.1", ""),
    "gpt-oss": (GPT_OSS, "harmony", "<|channel|>analysis<|message|>"),
    "gemma 4": (OFFERS + "<|tool_call><tool_call|><channel|>", "gemma4", "<|channel>thought"),
    "functiongemma": (OFFERS + "<start_function_call>", "functiongemma", ""),
    "glm": (OFFERS + "<tool_call><arg_key><arg_value></think>", "glm", "<think>"),
    "kimi": (OFFERS + "<|tool_calls_section_begin|>", "kimi", ""),
    "lfm 2": (OFFERS + "<|tool_list_start|>", "lfm2", ""),
    "smollm 3": (SMOLLM3, "hermes", "<think>"),
    "an unknown way": (OFFERS + "<minimax:tool_call><tool_call>arguments", "generic", ""),
    "marks, but no tools": ("<tool_call> arguments </think>", "generic", "<think>"),
    "smollm 2": (SMOLLM2, "generic", ""),
    "gemma 2": (GEMMA2, "generic", ""),
    "none": ("", "generic", ""),
}


@pytest.mark.parametrize(("template", "name", "thoughts"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_tells_the_format(template: str, name: str, thoughts: str) -> None:
    form = choose_format(template)
    assert form.name == name
    assert (form.thoughts.open if form.thoughts else "") == thoughts


@pytest.mark.parametrize("name", BUILTIN)
def test_a_builtin_template_offers_no_tools(name: str) -> None:
    assert choose_format(BUILTIN[name]).name == "generic"
