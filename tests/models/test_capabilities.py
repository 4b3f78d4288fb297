"""What a model is said to do: chat, fill in, call tools, think, embed, rank, see and hear."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import templates
from fakes.tiny_gguf import CHATML, tiny_gguf, tiny_vocabulary
from hob.engine.output.formats import choose_format
from hob.engine.prompts.template import ChatTemplate
from hob.models.folder.files import look
from hob.models.gguf.chat_template import template_facts

NO_TEMPLATE = {"tokenizer.chat_template": None}
QWEN_TOOLS = (
    "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {{- \"# Tools\\n\\nYou may call one "
    'or more functions to assist with the user query.\\n\\n<tools>" }}\n    {%- for tool in tools '
    "%}\n        {{- tool | tojson }}\n    {%- endfor %}\n{%- endif %}" + CHATML
)
QWEN_SWITCH = (
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n    {%- if "
    "enable_thinking is defined and enable_thinking is false %}\n        {{- "
    "'<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}"
)


def capabilities(folder: Path, overrides: dict[str, object]) -> tuple[str, ...]:
    path = folder / "model.gguf"
    path.write_bytes(tiny_gguf(overrides).bytes())
    return look(str(path)).about.capabilities


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, ("chat", "completion")),
        (NO_TEMPLATE, ("completion",)),
        ({"tokenizer.chat_template": "  "}, ("completion",)),
        (NO_TEMPLATE | {"general.name": "X 1B Instruct"}, ("chat", "completion")),
        (NO_TEMPLATE | {"general.name": "Itinerary 1B"}, ("completion",)),
        (NO_TEMPLATE | {"general.finetune": "it"}, ("chat", "completion")),
        ({"llama.pooling_type": 1}, ("embedding",)),
        ({"llama.pooling_type": 4}, ("reranking",)),
        ({"llama.classifier.output_labels": ["yes"]}, ("reranking",)),
        ({"general.architecture": "bert"}, ("embedding",)),
        ({"general.architecture": "clip"}, ()),
        ({"general.type": "mmproj"}, ()),
        ({"general.type": "adapter"}, ()),
        ({"general.architecture": "wavtokenizer-dec"}, ()),
        ({"tokenizer.chat_template": QWEN_TOOLS}, ("chat", "completion", "tools")),
        ({"tokenizer.chat_template": QWEN_SWITCH}, ("chat", "completion", "thinking")),
        (
            {"tokenizer.chat_template": templates.QWEN},
            ("chat", "completion", "tools", "thinking"),
        ),
    ],
)
def test_capabilities_follow_from_the_header(
    overrides: dict[str, object], expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert capabilities(tmp_path, overrides) == expected


@pytest.mark.parametrize(
    ("overrides", "fills_in"),
    [
        ({"tokenizer.ggml.fim_pre_token_id": 3, "tokenizer.ggml.fim_suf_token_id": 4}, True),
        ({"tokenizer.ggml.prefix_token_id": 3, "tokenizer.ggml.suffix_token_id": 4}, True),
        ({"tokenizer.ggml.fim_pre_token_id": 3}, False),
        ({"tokenizer.ggml.fim_pre_token_id": "3", "tokenizer.ggml.fim_suf_token_id": 4}, False),
    ],
)
def test_a_model_fills_in_when_it_has_tokens_for_it(
    overrides: dict[str, object], fills_in: bool, tmp_path: Path
) -> None:
    assert ("infill" in capabilities(tmp_path, overrides)) == fills_in


@pytest.mark.parametrize(
    "tokens",
    [
        ("<|fim_prefix|>", "<|fim_suffix|>"),
        ("<fim_prefix>", "<fim_suffix>"),
        ("<｜fim▁begin｜>", "<｜fim▁hole｜>"),  # noqa: RUF001
        ("▁<PRE>", "▁<SUF>"),
        ("<|code_prefix|>", "<|code_suffix|>"),
    ],
)
def test_the_tokens_to_fill_in_between_are_known_by_their_text(
    tokens: tuple[str, str], tmp_path: Path
) -> None:
    scoreless = {"tokenizer.ggml.scores": None, "tokenizer.ggml.token_type": None}
    both = [*tiny_vocabulary()[:-2], *tokens]
    assert "infill" in capabilities(tmp_path, scoreless | {"tokenizer.ggml.tokens": both})
    one = [*tiny_vocabulary()[:-1], tokens[0]]
    assert "infill" not in capabilities(tmp_path, scoreless | {"tokenizer.ggml.tokens": one})


FAMILIES = {name: getattr(templates, name) for name in vars(templates) if name.isupper()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_text_of_a_template_tells_what_running_it_does(name: str) -> None:
    source = FAMILIES[name]
    facts = template_facts(source)
    assert facts.tools == ChatTemplate(source, bos_token="<s>", eos_token="</s>").takes_tools
    assert facts.thinking == (choose_format(source).thoughts is not None)


@pytest.mark.parametrize(
    ("template", "tools", "thinking"),
    [
        # Mistral, Llama 3.1, Phi-4 mini, SmolLM 3, Granite, Command R7B, and how some loop.
        ("{%- if not tools is defined %}{%- set tools = none %}{%- endif %}", True, False),
        ("{%- if custom_tools is defined %}{{ 1 }}{%- endif %}", True, False),
        ("{% if 'tools' in message and message['tools'] is not none %}x{% endif %}", True, False),
        ("{%- if xml_tools or python_tools -%}{%- endif -%}", True, False),
        ("{%- if available_tools is defined %}{{ available_tools }}{% endif %}", True, False),
        ("{{- tools | tojson(indent=2) -}}", True, False),
        ("{%- for tool in (tools or []) %}{{ tool }}{% endfor %}", True, False),
        # Calls of the past are not tools on offer.
        ("{% if message['tool_calls'] is defined %}{% endif %}", False, False),
        ("{%- if builtin_tools is defined %}{% endif %}", False, False),
        # Words to the model, to the reader, and in a text of the code.
        ("You have no tools. {{ messages[0].content }}", False, False),
        ("{# tools and enable_thinking come later #}{{ x }}", False, False),
        ("{{ 'You may not use tools' }}{{ \"enable_thinking\" }}", False, False),
        ("{{ '}} tools' }}", False, False),
        ("{{ 'it\\'s tools' }}", False, False),
        # DeepSeek R1, Magistral, Seed, Command A, Gemma 4, gpt-oss, Qwen 3, GLM, Granite.
        ("{% set content = content.split('</think>')[-1] %}", False, True),
        ("{{ '[THINK]' + block.thinking + '[/THINK]' }}", False, True),
        ("{{ '<seed:think>' ~ m.reasoning_content ~ '</seed:think>' }}", False, True),
        ("<|START_THINKING|>{{ x }}<|END_THINKING|>", False, True),
        ("{{ '<|channel>thought\\n<channel|>' }}", False, True),
        ("{{- '<|channel|>analysis<|message|>' }}", False, True),
        ("{%- if enable_thinking %}{{ '/think' }}{% endif %}", False, True),
        ("{%- if reasoning_effort is not defined %}{% endif %}", False, True),
        ("{{ message.reasoning_content }}", False, True),
        # Not a word of it.
        ("{{ 'I am rethinking </thinking>' }}", False, False),
        ("", False, False),
        ("{% if tools", True, False),
        ("{{ 'tools", False, False),
        ("{# tools", False, False),
    ],
)
def test_a_template_names_what_its_model_can_do(template: str, tools: bool, thinking: bool) -> None:
    assert template_facts(template) == (tools, thinking)


def test_a_long_template_is_read_like_a_short_one() -> None:
    assert template_facts("x" * 100_000 + QWEN_TOOLS) == (True, False)
