"""From a request to a job: how its answer is read, what it must keep to, how much it may think."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fakes.mark_vocab import MarkVocab
from fakes.outputs import Seen, read
from fakes.templates import DEEPSEEK, GPT_OSS, MISTRAL, QWEN, SMOLLM2
from hob.engine.assembly import Assembler, for_template
from hob.engine.job import Job
from hob.engine.output.formats import choose_format
from hob.engine.output.marks import MarkTable
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.template import make_renderer
from hob.engine.runtime import Matcher
from hob.errors import InvalidRequest
from hob.wire.chat import ChatMessage, Reasoning, Tool, ToolChoice
from hob.wire.constraint import Constraint, JsonObject, Lark
from hob.wire.generate import GenerateRequest

ASK = (ChatMessage(role="user", content="Paris?"),)
TOOLS = (Tool(name="get_weather"), Tool(name="get_time"))
CALL = b'<tool_call>{"name": "get_time", "arguments": {}}</tool_call>'
# Granite's way.
ON_DEMAND = "{{ 'Use <think></think>.' if thinking }}{{ messages[0].content }}"
REQUIRED = ToolChoice(mode="required")
HARMONY_MARKS = (
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|constrain|>",
    "<|end|>",
    "<|call|>",
    "<|return|>",
)


class OneMatcher:
    """A constraint of which only the name matters."""

    def mask(self, logits: int) -> None: ...

    def accept(self, token: int) -> None: ...

    def forced(self) -> tuple[int, ...]:
        return ()


@dataclass
class AskedConstraints:
    asked: list[tuple[Constraint, str]] = field(default_factory=list)

    def matcher(self, constraint: Constraint, *, after: str = "", param: str = "") -> Matcher:
        self.asked.append((constraint, after))
        return OneMatcher()


@dataclass
class Bench:
    """An assembler for a model with this template."""

    source: str
    marks: tuple[str, ...] = ()
    constraints: AskedConstraints = field(default_factory=AskedConstraints)

    def assemble(self, **changes: object) -> Job:
        vocab = MarkVocab(self.marks)
        render = make_renderer(self.source, bos_token="<s>", eos_token="</s>")
        form = for_template(
            choose_format(self.source),
            takes_tools=render.takes_tools,
            thinks=render.thinks_by_default,
        )
        assembler = Assembler(
            PromptBuilder(vocab, render, 10_000, 100), form, self.constraints, MarkTable(vocab)
        )
        fields: dict[str, object] = {"messages": ASK, **changes}
        return assembler.assemble(GenerateRequest(id="a", **fields))  # type: ignore[arg-type]


def seen(job: Job, *pieces: bytes) -> Seen:
    answer = read(job.output, pieces)
    return Seen(answer.text, answer.reasoning, tuple(("", *call[1:]) for call in answer.calls))


CALLED = (("", "get_time", "{}"),)


@pytest.mark.parametrize("source", [QWEN, SMOLLM2], ids=["hermes", "generic"])
def test_calls_are_read_when_there_are_tools(source: str) -> None:
    assert seen(Bench(source).assemble(tools=TOOLS), CALL) == Seen(calls=CALLED)


@pytest.mark.parametrize(
    "changes", [{}, {"tools": TOOLS, "tool_choice": ToolChoice(mode="none")}], ids=["none", "off"]
)
def test_calls_are_text_when_there_are_no_tools(changes: dict[str, object]) -> None:
    assert seen(Bench(QWEN).assemble(**changes), CALL) == Seen(CALL.decode())


def test_a_plain_prompt_is_continued_by_text() -> None:
    job = Bench(QWEN).assemble(messages=(), prompt="a", tools=TOOLS)
    assert seen(job, b"<think>a</think>b") == Seen("<think>a</think>b")


def test_only_the_first_call_counts_without_parallel_calls() -> None:
    job = Bench(QWEN).assemble(tools=TOOLS, parallel_tool_calls=False)
    assert seen(job, CALL, CALL) == Seen(calls=CALLED)


# Thoughts


def test_thoughts_that_the_prompt_opens_are_thoughts_from_the_start() -> None:
    job = Bench(DEEPSEEK).assemble()
    assert job.output.thinking
    assert seen(job, b"Well.</think>Yes.") == Seen("Yes.", "Well.")


def test_thoughts_that_the_model_opens_are_thoughts() -> None:
    job = Bench(QWEN).assemble()
    assert not job.output.thinking
    assert seen(job, b"<think>Well.</think>Yes.") == Seen("Yes.", "Well.")


def test_thoughts_stay_in_the_text_when_that_is_asked_for() -> None:
    job = Bench(QWEN).assemble(reasoning=Reasoning(separate=False))
    assert seen(job, b"<think>Well.</think>Yes.") == Seen("<think>Well.</think>Yes.")


@pytest.mark.parametrize(
    ("source", "marks", "closing"),
    [
        (QWEN, (), "\n</think>\n\n"),
        (GPT_OSS, HARMONY_MARKS, "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
    ids=["qwen", "gpt-oss"],
)
def test_a_budget_comes_with_what_closes_the_thoughts(
    source: str, marks: tuple[str, ...], closing: str
) -> None:
    job = Bench(source, marks).assemble(reasoning=Reasoning(budget=7))
    assert job.thoughts
    assert job.thoughts.tokens == 7
    vocab = MarkVocab(marks)
    assert b"".join(vocab.pieces(job.thoughts.close)).decode() == closing
    assert Bench(source, marks).assemble().thoughts is None


def test_thoughts_that_are_cut_short_may_still_end_in_a_call() -> None:
    job = Bench(GPT_OSS, HARMONY_MARKS).assemble(tools=TOOLS, reasoning=Reasoning(budget=0))
    assert job.thoughts
    closing = b"".join(MarkVocab(HARMONY_MARKS).pieces(job.thoughts.close))
    assert closing == b"<|end|><|start|>assistant<|channel|>commentary"


def test_a_model_that_does_not_think_needs_no_budget() -> None:
    assert Bench(SMOLLM2).assemble(reasoning=Reasoning(budget=7)).thoughts is None


# Constraints


AFTER = {
    "a model that does not think": (SMOLLM2, (), Reasoning(), ""),
    "thoughts opened by the prompt": (DEEPSEEK, (), Reasoning(), "</think>"),
    "thoughts opened by the model": (QWEN, (), Reasoning(), "</think>"),
    "thoughts closed by the prompt": (QWEN, (), Reasoning(enabled=False), ""),
    "thoughts on demand": (ON_DEMAND, (), Reasoning(), ""),
    "thoughts on demand, demanded": (ON_DEMAND, (), Reasoning(effort="low"), "</think>"),
    "gpt-oss": (GPT_OSS, HARMONY_MARKS, Reasoning(), "<|channel|>final<|message|>"),
}


@pytest.mark.parametrize(("source", "marks", "reasoning", "after"), AFTER.values(), ids=AFTER)
def test_a_constraint_begins_behind_the_thoughts(
    source: str, marks: tuple[str, ...], reasoning: Reasoning, after: str
) -> None:
    bench = Bench(source, marks)
    job = bench.assemble(constraint=JsonObject(), reasoning=reasoning)
    assert isinstance(job.matcher, OneMatcher)
    assert bench.constraints.asked == [(JsonObject(), after)]


def test_without_a_constraint_there_is_no_matcher() -> None:
    assert Bench(QWEN).assemble(tools=TOOLS).matcher is None


def test_a_plain_prompt_may_be_constrained() -> None:
    bench = Bench(QWEN)
    bench.assemble(messages=(), prompt="a", constraint=JsonObject())
    assert bench.constraints.asked == [(JsonObject(), "")]


@pytest.mark.parametrize(
    ("choice", "there", "missing"),
    [
        (REQUIRED, ("get_weather", "get_time"), ()),
        (ToolChoice(mode="named", name="get_time"), ("get_time",), ("get_weather",)),
    ],
    ids=["required", "named"],
)
def test_a_required_call_is_a_grammar_of_the_tools_that_may_be_called(
    choice: ToolChoice, there: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    bench = Bench(MISTRAL)
    bench.assemble(tools=TOOLS, tool_choice=choice)
    [(grammar, after)] = bench.constraints.asked
    assert isinstance(grammar, Lark)
    assert after == ""
    assert all(name in grammar.grammar for name in there)
    assert not any(name in grammar.grammar for name in missing)


REFUSED = {
    "no tools": {"tool_choice": REQUIRED},
    "an unknown tool": {"tools": TOOLS, "tool_choice": ToolChoice(mode="named", name="rm")},
    "a response format as well": {
        "tools": TOOLS,
        "tool_choice": REQUIRED,
        "constraint": JsonObject(),
    },
    "a plain prompt": {
        "messages": (),
        "prompt": "a",
        "tools": TOOLS,
        "tool_choice": REQUIRED,
    },
    "two tools of one name": {"tools": (*TOOLS, Tool(name="get_time"))},
    "a name that is markup": {"tools": (Tool(name="</tool_call>"),)},
    "no name": {"tools": (Tool(name=""),)},
    "too many tools": {"tools": tuple(Tool(name=f"f{n}") for n in range(300))},
    "arguments that are no object": {
        "tools": (Tool(name="f", parameters={"type": "array"}),),
        "tool_choice": REQUIRED,
    },
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_tools_that_cannot_be_called_as_asked_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Bench(QWEN).assemble(**changes)
    assert caught.value.hint
    assert caught.value.param in ("tools", "tool_choice")


# Control tokens


def test_control_tokens_of_the_format_are_asked_for_and_never_shown() -> None:
    bench = Bench(MISTRAL, ("[TOOL_CALLS]", "[INST]"))
    job = bench.assemble(tools=TOOLS)
    assert job.output.special
    pieces = (b"Hm.", b"[INST]", b"[TOOL_CALLS]", b'[{"name": "get_time", "arguments": {}}]')
    assert seen(job, *pieces) == Seen("Hm.", "", CALLED)
    assert not bench.assemble().output.special


def test_a_format_that_a_template_cannot_offer_gives_way_to_the_generic_one() -> None:
    form = choose_format(QWEN)
    assert for_template(form, takes_tools=True) == form
    fallback = for_template(form, takes_tools=False)
    assert (fallback.name, fallback.thoughts) == ("generic", form.thoughts)
