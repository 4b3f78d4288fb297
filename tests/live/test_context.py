"""Prompts of the starter model, by its own tokenizer and template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.engine_process import EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from hob.engine.native.model import Model
from hob.engine.prompts.prompt import PromptBuilder
from hob.engine.prompts.readahead import common_prefix
from hob.engine.prompts.template import make_renderer
from hob.wire.chat import ChatMessage, Role
from hob.wire.engine import LoadOptions
from hob.wire.generate import GenerateRequest, Overflow, Sampling
from live_daemon import starter_model

pytestmark = pytest.mark.live

CONTEXT = 2_048


def open_model(path: Path) -> Model:
    return Model.load(path, gpu_layers=0, mmap=True, mlock=False, progress=lambda _fraction: None)


def builder(model: Model, context: int = CONTEXT) -> PromptBuilder:
    vocab = model.vocab
    render = make_renderer(
        model.chat_template, bos_token=vocab.text(vocab.bos), eos_token=vocab.text(vocab.eos)
    )
    return PromptBuilder(vocab, render, context, default_max_tokens=100)


@pytest.fixture(scope="module")
def starter() -> Iterator[PromptBuilder]:
    with open_model(starter_model()) as model:
        yield builder(model)


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromptBuilder]:
    with open_model(write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")) as model:
        yield builder(model)


@pytest.fixture(scope="module", params=["starter", "sentence_piece"])
def prompts(request: pytest.FixtureRequest) -> PromptBuilder:
    found: PromptBuilder = request.getfixturevalue(request.param)
    return found


def say(role: Role, content: str) -> ChatMessage:
    return ChatMessage(role=role, content=content)


def ask(*messages: ChatMessage) -> GenerateRequest:
    return GenerateRequest(id="a", messages=messages)


CHUNKS = ["the", "unbeliev", "ably", "123", "45", "don", "'", "t", "!", "!!", ",", "(", "_", "-"]
CHUNKS += ["漢字", "。", "é", "👋🏽", "<|im_", "end|>", "<|im_end|>"]
SPACES = [" ", "  ", "\n", "\n\n", "\t", "\r\n", "\xa0"]
WORDS = st.sampled_from(CHUNKS + SPACES)
# Words and spaces at random meet the borders of tokens more often than any characters would.
TEXTS = st.one_of(st.lists(WORDS, max_size=12).map("".join), st.text(max_size=12))


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_whatever_is_typed_on_begins_with_the_prefill(
    prompts: PromptBuilder, text: str, more: str
) -> None:
    earlier = (say("system", "Be brief."), say("user", "Hi"), say("assistant", "Hello."))
    certain = prompts.prefill(ask(*earlier, say("user", text))).tokens
    longer = prompts.build(ask(*earlier, say("user", text + more))).tokens
    assert longer[: len(certain)] == certain


@settings(max_examples=300, deadline=None)
@given(TEXTS.filter(str.strip), TEXTS)
def test_whatever_continues_a_text_begins_with_the_prefill(
    prompts: PromptBuilder, text: str, more: str
) -> None:
    text = f"Once upon {text}"
    certain = prompts.prefill(GenerateRequest(id="a", prompt=text)).tokens
    longer = prompts.build(GenerateRequest(id="a", prompt=text + more)).tokens
    assert longer[: len(certain)] == certain


def test_a_prefill_reads_nearly_all_of_a_document(starter: PromptBuilder) -> None:
    document = "The quick brown fox jumps over the lazy dog. " * 50
    certain = starter.prefill(ask(say("user", document))).tokens
    whole = starter.build(ask(say("user", document))).tokens
    assert len(whole) - len(certain) < 12


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_conversations_with_the_same_system_prompt_share_at_least_the_boundary(
    prompts: PromptBuilder, system: str, one: str, other: str
) -> None:
    head = say("system", f"Be brief. {system}")
    first = prompts.build(ask(head, say("user", one)))
    second = prompts.build(ask(head, say("user", other)))
    assert common_prefix(first.tokens, second.tokens) >= min(first.boundary, second.boundary)
    assert first.boundary > 5


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.sampled_from(["drop_oldest", "middle_out"]))
def test_long_conversations_fit_where_something_may_be_left_out(
    starter: PromptBuilder, texts: list[str], overflow: Overflow
) -> None:
    roles: tuple[Role, Role] = ("user", "assistant")
    messages = [say(roles[n % 2], text * 20) for n, text in enumerate(texts)]
    question = say("user", "And so?")
    request = GenerateRequest(
        id="a", messages=(*messages, question), overflow=overflow, max_tokens=200
    )
    prompt = starter.build(request)
    assert len(prompt.tokens) + 200 <= CONTEXT


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=12).map("".join))
def test_tokens_become_the_text_that_they_were(prompts: PromptBuilder, text: str) -> None:
    vocab = prompts.vocab
    tokens = vocab.tokenize(text, add_special=False, parse_special=False)
    assert vocab.detokenize(tokens).decode() == text


def test_a_worker_answers_a_conversation_that_was_made_to_fit() -> None:
    with EngineProcess() as worker:
        worker.load(starter_model(), LoadOptions(context_length=256))
        messages = [say("user", f"{n} is a number. " * 10) for n in range(9)]
        request = GenerateRequest(
            id="long",
            messages=(*messages, say("user", "Say yes.")),
            overflow="drop_oldest",
            max_tokens=4,
            sampling=Sampling(temperature=0),
        )
        usage = worker.answer(request).finished.usage
    assert usage.prompt_tokens <= 252
