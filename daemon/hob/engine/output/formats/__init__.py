"""The formats that Hob knows, and which one a chat template asks for."""

from __future__ import annotations

import dataclasses
import re

from hob.engine.output.format import Format
from hob.engine.output.formats.deepseek import DEEPSEEK, DEEPSEEK_V31
from hob.engine.output.formats.gemma import FUNCTION_GEMMA, GEMMA4
from hob.engine.output.formats.generic import GENERIC
from hob.engine.output.formats.glm import GLM
from hob.engine.output.formats.harmony import HARMONY
from hob.engine.output.formats.hermes import HERMES
from hob.engine.output.formats.kimi import KIMI
from hob.engine.output.formats.lfm2 import LFM2
from hob.engine.output.formats.llama3 import LLAMA3
from hob.engine.output.formats.mistral import MISTRAL, MISTRAL_ARGS
from hob.engine.output.formats.phi4 import GRANITE, PHI4
from hob.engine.output.formats.qwen_xml import QWEN_XML, SEED_XML
from hob.engine.output.thoughts import find_marks

__all__ = ["GENERIC", "choose_format"]

# A template names the marks that its model was trained on; the first line that fits decides, so
# what is particular stands before what many have.
_SIGNS: tuple[tuple[tuple[str, ...], Format], ...] = (
    (("<|channel|>", "<|message|>", "functions."), HARMONY),
    (("<seed:tool_call>", "<parameter="), SEED_XML),
    (("<function=", "<parameter="), QWEN_XML),
    (("<function=",), GENERIC),
    (("<arg_key>", "<arg_value>"), GLM),
    (("<|tool_calls_section_begin|>",), KIMI),
    (("<|tool_call_start|>",), LFM2),
    (("<|tool_list_start|>",), LFM2),
    (("<start_function_call>",), FUNCTION_GEMMA),
    (("<|tool_call>", "<tool_call|>"), GEMMA4),
    (("<|tool_call|>", "<|tool|>"), PHI4),
    (("<|tool_call|>",), GRANITE),
    (("[TOOL_CALLS]", "[ARGS]"), MISTRAL_ARGS),
    (("[TOOL_CALLS]",), MISTRAL),
    (("<｜tool▁calls▁begin｜>", "```json"), DEEPSEEK),  # noqa: RUF001
    (("<｜tool▁calls▁begin｜>",), DEEPSEEK_V31),  # noqa: RUF001
    (("<|python_tag|>",), LLAMA3),
    (("<|start_header_id|>", '"parameters": '), LLAMA3),
    (("<tool_call>", "arguments"), HERMES),
)
_KNOWS_TOOLS = re.compile(r"\b(xml_|available_)?tools\b")
# These write calls between <tool_call> marks in ways of their own.
_UNKNOWN = re.compile(r"minimax|<tool_calls>")


def choose_format(template: str) -> Format:
    """The format of a model with this chat template; generic where the template knows no tools."""
    form = GENERIC
    if _KNOWS_TOOLS.search(template) and not _UNKNOWN.search(template):
        form = next((f for signs, f in _SIGNS if all(sign in template for sign in signs)), GENERIC)
    elif HARMONY.thoughts and HARMONY.thoughts.answer in template:
        form = HARMONY
    if form.channels:
        return form
    return dataclasses.replace(form, thoughts=find_marks(template))
