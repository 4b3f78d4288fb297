"""What the worker writes is what llama.cpp writes, alone and in company."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fakes.engine_process import EngineProcess
from hob.wire.engine import LoadOptions
from hob.wire.generate import ChatMessage, GenerateRequest, Sampling
from live_daemon import starter_model

pytestmark = pytest.mark.live

TOKENS = 16
# Batches of other shapes add numbers up in another order; below this gap between the two best
# logits either token may win.
TIE = 0.1

PROMPTS = (
    "The capital of France is",
    "def fibonacci(n):\n",
    "Once upon a time, in a small village,",
    "1, 2, 3, 4,",
    "Ein Haus am See",
    "The three primary colours are 🔴",
)


@pytest.fixture(scope="module")
def reference() -> Iterator[Any]:
    """The high-level class of llama-cpp-python."""
    from llama_cpp import Llama

    model = Llama(str(starter_model()), n_ctx=512, n_batch=512, verbose=False)
    yield model
    model.close()


@pytest.fixture(scope="module")
def worker() -> Iterator[EngineProcess]:
    with EngineProcess() as process:
        process.load(starter_model(), LoadOptions(context_length=2048, slots=6))
        yield process


def greedy(id: str, prompt: str) -> GenerateRequest:
    return GenerateRequest(
        id=id, prompt=prompt, max_tokens=TOKENS, sampling=Sampling(temperature=0)
    )


def expected(reference: Any, prompt: str) -> str:
    reply = reference.create_completion(prompt, max_tokens=TOKENS, temperature=0, repeat_penalty=1)
    text: str = reply["choices"][0]["text"]
    return text


def is_tie(reference: Any, prompt: str, one: str, other: str) -> bool:
    """Do the two answers part where the model finds two tokens equally good?"""
    tokens = reference.tokenize((prompt + one).encode(), special=True)
    others = reference.tokenize((prompt + other).encode(), special=True)
    common = next(
        n for n, pair in enumerate(zip(tokens, others, strict=False)) if len(set(pair)) > 1
    )
    reference.reset()
    reference.eval(tokens[:common])
    second, best = sorted(reference.scores[common - 1])[-2:]
    return bool(best - second < TIE)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_output_is_the_references(
    worker: EngineProcess, reference: Any, prompt: str
) -> None:
    text = worker.answer(greedy(prompt, prompt)).text
    known = expected(reference, prompt)
    assert text == known or is_tie(reference, prompt, text, known)


def test_a_conversation_is_rendered_and_tokenized_as_the_reference_does(
    worker: EngineProcess, reference: Any
) -> None:
    reply = reference.create_chat_completion(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a fruit."}],
        temperature=0,
        repeat_penalty=1,
        max_tokens=TOKENS,
    )
    answer = worker.answer(
        GenerateRequest(
            id="chat",
            messages=(
                ChatMessage(role="system", content="Be brief."),
                ChatMessage(role="user", content="Name a fruit."),
            ),
            sampling=Sampling(temperature=0),
            max_tokens=TOKENS,
        )
    )
    assert answer.finished.usage.prompt_tokens == reply["usage"]["prompt_tokens"]
    assert answer.text == reply["choices"][0]["message"]["content"]


def test_requests_in_one_batch_answer_as_they_do_alone(
    worker: EngineProcess, reference: Any
) -> None:
    together = worker.ask(*(greedy(f"batch {n}", prompt) for n, prompt in enumerate(PROMPTS)))
    for n, prompt in enumerate(PROMPTS):
        text, known = together[f"batch {n}"].text, expected(reference, prompt)
        assert text == known or is_tie(reference, prompt, text, known), prompt
