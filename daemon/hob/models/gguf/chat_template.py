"""What a chat template is made for, told from its text; it is never run here."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

# A comment, or the code of an expression or a statement up to its end. Every part matches
# whatever follows, and none is tried twice, so that no text takes more than one pass.
_CODE = re.compile(
    r"""\{\#.*?(?:\#\}|\Z)
    |\{[{%](?P<code>(?:
        '(?:[^'\\]++|\\.?)*+(?:'|\Z)
        |"(?:[^"\\]++|\\.?)*+(?:"|\Z)
        |[^'"%}]++
        |(?![%}]\}).
    )*+)""",
    re.DOTALL | re.VERBOSE,
)
_STRING = re.compile(r"""'(?:[^'\\]++|\\.?)*+(?:'|\Z)|"(?:[^"\\]++|\\.?)*+(?:"|\Z)""", re.DOTALL)
# The variables that hold the tools, in the words of the templates that there are.
_TOOLS = re.compile(r"\b(?:xml_|available_|custom_)?tools\b")
_MESSAGE_TOOLS = re.compile(r"""\[\s*['"]tools['"]\s*\]""")
_THINKING = re.compile(r"\b(?:enable_thinking|reasoning_content|reasoning_effort)\b")
# What ends the thoughts of a model, as its template names it; the last is gpt-oss's.
_THOUGHT_MARKS = (
    "</think>",
    "[/THINK]",
    "</seed:think>",
    "<|END_THINKING|>",
    "<channel|>",
    "<|channel|>analysis",
)
_CACHED_CHARS = 64 * 1024


class TemplateFacts(NamedTuple):
    """`tools`: it can tell the model which tools there are. `thinking`: it is for a model that
    thinks before it answers, or can."""

    tools: bool
    thinking: bool


def template_facts(template: str) -> TemplateFacts:
    """What the Jinja text of a template is made for."""
    if len(template) > _CACHED_CHARS:
        return _facts(template)
    return _cached_facts(template)


@functools.lru_cache(maxsize=32)
def _cached_facts(template: str) -> TemplateFacts:
    return _facts(template)


def _facts(template: str) -> TemplateFacts:
    tools = thinking = False
    for found in _CODE.finditer(template):
        code = found["code"] or ""
        bare = _STRING.sub("''", code)
        tools = tools or bool(_TOOLS.search(bare) or _MESSAGE_TOOLS.search(code))
        thinking = thinking or bool(_THINKING.search(bare))
    marked = any(mark in template for mark in _THOUGHT_MARKS)
    return TemplateFacts(tools, thinking or marked)
