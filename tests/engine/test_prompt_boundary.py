"""Which tokens a prompt shares with others: what comes before the first message, and what is known
of a message that is still being typed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.byte_vocab import ByteVocab
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.readahead import certain_length, common_prefix
from hob.engine.prompts.vocabulary import InfillTokens
from hob.errors import ContextOverflow, TemplateFailed
from hob.wire.chat import ChatMessage, Reasoning
from hob.wire.generate import GenerateRequest

texts = st.text("ab \n~Hello<|im_end|>", max_size=20)


class Renderer:
    def __init__(self, *, folds: bool = False) -> None:
        self.count = 0
        self.folds = folds

    def __call__(self, messages: Sequence[ChatMessage], _request: GenerateRequest) -> str:
        self.count += 1
        if self.folds and messages[0].role == "system":
            text = f"{messages[0].content}\n\n{messages[1].content}"
            messages = [ChatMessage(role="user", content=text), *messages[2:]]
        return "".join(f"<|im_start|>{m.role}\n{m.content.strip()}<|im_end|>" for m in messages)


def builder(renderer: Renderer | None = None, vocab: ByteVocab | None = None) -> PromptBuilder:
    return PromptBuilder(vocab or ByteVocab(), renderer or Renderer(), 1_000, 50)


def ask(system: str, content: str, **more: object) -> GenerateRequest:
    messages = [ChatMessage(role="system", content=system)] if system else []
    messages.append(ChatMessage(role="user", content=content))
    return GenerateRequest(id="a", messages=tuple(messages), **more)  # type: ignore[arg-type]


@given(texts, texts, texts, st.booleans())
def test_conversations_with_the_same_system_prompt_share_at_least_the_boundary(
    system: str, one: str, other: str, folds: bool
) -> None:
    prompts = builder(Renderer(folds=folds))
    first, second = (prompts.build(ask(system, text)) for text in (one, other))
    shared = common_prefix(first.tokens, second.tokens)
    assert min(first.boundary, second.boundary) <= shared
    head = len(b"system") + len(system.strip().encode()) if not folds else 0
    assert first.boundary >= head


def test_the_boundary_is_where_the_first_message_begins() -> None:
    prompt = builder().build(ask("Be brief.", "Name a fruit."))
    assert prompt.boundary == len([301, *b"system\nBe brief.", 302, 301, *b"user\n"])


def test_the_boundary_costs_two_renderings_for_each_system_prompt() -> None:
    renderer = Renderer()
    prompts = builder(renderer)
    for n in range(10):
        prompts.build(ask("Be brief.", f"Question {n}"))
    assert renderer.count == 12
    prompts.build(ask("Be long.", "Question"))
    assert renderer.count == 15


def test_what_else_the_template_is_told_makes_another_beginning() -> None:
    renderer = Renderer()
    prompts = builder(renderer)
    prompts.build(ask("s", "a"))
    prompts.build(ask("s", "a", template_values={"date": "today"}))
    prompts.build(ask("s", "a", reasoning=Reasoning(enabled=False)))
    assert renderer.count == 9


def test_a_template_that_refuses_a_single_message_has_no_boundary() -> None:
    def picky(messages: Sequence[ChatMessage], _request: GenerateRequest) -> str:
        if len(messages) < 2:
            raise TemplateFailed("Too few messages.")
        return "".join(m.content for m in messages)

    prompts = PromptBuilder(ByteVocab(), picky, 100, 50)
    messages = (ChatMessage(role="user", content="a"), ChatMessage(role="assistant", content="b"))
    assert prompts.build(GenerateRequest(id="a", messages=messages)).boundary == 0


def test_a_plain_prompt_has_no_boundary() -> None:
    assert builder().build(GenerateRequest(id="a", prompt="Hello")).boundary == 0


@given(texts, texts, texts)
def test_whatever_is_typed_on_begins_with_the_prefill(system: str, text: str, more: str) -> None:
    prompts = builder()
    certain = prompts.prefill(ask(system, text)).tokens
    assert prompts.build(ask(system, text + more)).tokens[: len(certain)] == certain


@given(st.text("ab \n~", min_size=1, max_size=20), texts)
def test_whatever_continues_a_plain_prompt_begins_with_the_prefill(text: str, more: str) -> None:
    prompts = builder()
    certain = prompts.prefill(GenerateRequest(id="a", prompt=text)).tokens
    longer = prompts.build(GenerateRequest(id="a", prompt=text + more)).tokens
    assert longer[: len(certain)] == certain[: max(1, certain_length(text))]


def test_a_prefill_reads_up_to_the_last_word() -> None:
    prompt = builder().prefill(ask("Be brief.", "Summarize the fol"))
    assert bytes(t for t in prompt.tokens if t < 256).endswith(b"user\nSummarize the")
    assert prompt.boundary < len(prompt.tokens)
    assert prompt.max_new == 1


def test_a_prefill_of_tokens_reads_them_all() -> None:
    assert builder().prefill(GenerateRequest(id="a", prompt=(1, 2, 3))).tokens == [1, 2, 3]


def test_a_prefill_of_a_gap_reads_what_is_before_it() -> None:
    prompts = builder(vocab=ByteVocab(infill=InfillTokens(310, 311, 312)))
    prompt = prompts.prefill(GenerateRequest(id="a", prompt="def f(x", suffix="return"))
    assert prompt.tokens == [310, *b"def"]


def test_a_prefill_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ContextOverflow):
        builder().prefill(ask("", "word " * 500))


JAPANESE = "今日は天気がいいので、散歩に行きました。そして公園で長い間本を読んでいました"
CERTAIN = {
    "": "",
    "word": "",
    "two words": "two",
    "two words ": "two",
    "two  \n words\n\n": "two",
    "  indented": "",
    "a <|im_sta": "a",
    JAPANESE + "。そのあとで買い物": JAPANESE,
    "x" * 50 + ",y": "",
    "今<|im_start|>" * 4: "",
}


@pytest.mark.parametrize(("text", "certain"), CERTAIN.items())
def test_the_last_word_and_the_space_before_it_are_uncertain(text: str, certain: str) -> None:
    assert text[: certain_length(text)] == certain
