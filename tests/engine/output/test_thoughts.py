"""Thoughts and the answer after them, however the output is cut."""

from __future__ import annotations

import dataclasses

import pytest

from fakes.outputs import Seen, maker, read_each_way
from hob.engine.output.format import Ask, Format
from hob.engine.output.formats import GENERIC
from hob.engine.output.formats.harmony import HARMONY
from hob.engine.output.formats.hermes import HERMES
from hob.engine.output.formats.mistral import MISTRAL_ARGS
from hob.engine.output.thoughts import find_marks
from hob.wire.chat import Tool

TOOLS = (Tool(name="get_time"),)


def thinks(form: Format, close: str) -> Format:
    return dataclasses.replace(form, thoughts=find_marks(close))


QWEN = thinks(HERMES, "</think>")
MAGISTRAL = thinks(MISTRAL_ARGS, "[/THINK]")
CALL = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
CALLED = (("1", "get_time", "{}"),)
HARMONY_THOUGHT = "<|channel|>analysis<|message|>Let me see é.<|end|><|start|>assistant"

CASES = {
    "a block": (
        QWEN,
        Ask(),
        "<think>\nLet me\nsee.\n</think>\n\nYes.",
        Seen("Yes.", "Let me\nsee."),
    ),
    "opened by the prompt": (
        QWEN,
        Ask(inside=True),
        "Let me see é.\n</think>\n\nYes.\n",
        Seen("Yes.\n", "Let me see é."),
    ),
    "opened twice": (
        QWEN,
        Ask(inside=True),
        "<think>\nWell.\n</think>\nYes.",
        Seen("Yes.", "Well."),
    ),
    "an empty block": (QWEN, Ask(), "<think>\n\n</think>\n\nYes.", Seen("Yes.")),
    "none": (QWEN, Ask(), "Yes, <think> is a mark.", Seen("Yes, <think> is a mark.")),
    "never closed": (QWEN, Ask(), "<think>\nLet me </thi", Seen("", "Let me </thi")),
    "before a call": (
        QWEN,
        Ask(TOOLS),
        f"<think>\nI need {{it}}.\n</think>\n\n{CALL}",
        Seen("", "I need {it}.", CALLED),
    ),
    "a call that was only thought of": (
        QWEN,
        Ask(TOOLS, inside=True),
        f"Perhaps {CALL}?\n</think>\nNo.",
        Seen("No.", f"Perhaps {CALL}?"),
    ),
    "before text and a call": (
        QWEN,
        Ask(TOOLS),
        f"<think>x</think>Look:\n{CALL}",
        Seen("Look:", "x", CALLED),
    ),
    "left in the text": (
        QWEN,
        Ask(separate=False),
        "<think>\nWell.\n</think>\n\nYes.",
        Seen("<think>\nWell.\n</think>\n\nYes."),
    ),
    "left in the text before a call": (
        QWEN,
        Ask(TOOLS, separate=False, inside=True),
        f"Well.\n</think>\n\n{CALL}",
        Seen("Well.\n</think>", "", CALLED),
    ),
    "mistral": (MAGISTRAL, Ask(), "[THINK]Well.[/THINK]Yes.", Seen("Yes.", "Well.")),
    "generic": (
        thinks(GENERIC, "</seed:think>"),
        Ask(TOOLS),
        f"<seed:think>Well.</seed:think>{CALL}",
        Seen("", "Well.", CALLED),
    ),
    "gpt-oss": (
        HARMONY,
        Ask(),
        f"{HARMONY_THOUGHT}<|channel|>final<|message|>Yes.",
        Seen("Yes.", "Let me see é."),
    ),
    "gpt-oss, before a call": (
        HARMONY,
        Ask(TOOLS),
        f"{HARMONY_THOUGHT}<|channel|>commentary to=functions.get_time json<|message|>{{}}",
        Seen("", "Let me see é.", CALLED),
    ),
    "gpt-oss, left in the text": (
        HARMONY,
        Ask(separate=False),
        f"{HARMONY_THOUGHT}<|channel|>final<|message|>Yes.",
        Seen("Let me see é.\n\nYes."),
    ),
}


@pytest.mark.parametrize(("form", "ask", "text", "seen"), CASES.values(), ids=CASES)
def test_thoughts_are_kept_apart(form: Format, ask: Ask, text: str, seen: Seen) -> None:
    assert read_each_way(maker(form, ask), text) == seen


def test_an_output_knows_when_the_model_thinks() -> None:
    output = maker(QWEN, Ask())()
    thinking = [output.thinking]
    for piece in (b"<think>", b"\nWell", b".\n</think>", b"\n\nYes"):
        output.push(piece)
        thinking.append(output.thinking)
    assert thinking == [False, True, True, False, False]


@pytest.mark.parametrize("separate", [True, False])
def test_a_model_thinks_from_the_start_when_the_prompt_opens_its_thoughts(separate: bool) -> None:
    output = maker(QWEN, Ask(inside=True, separate=separate))()
    assert output.thinking
    output.push(b"Well.</think>")
    assert not output.thinking


def test_gpt_oss_thinks_in_its_analysis_channel() -> None:
    output = maker(HARMONY, Ask())()
    output.push(b"<|channel|>analysis<|message|>Well")
    assert output.thinking
    output.push(b"<|end|>")
    assert not output.thinking


def test_thoughts_go_out_while_they_grow() -> None:
    output = maker(QWEN, Ask())()
    assert output.push(b"<think>\nLet me").reasoning == "Let me"
    assert output.push(b" see").reasoning == " see"
