"""Guessing ahead with the starter model: the same answers in fewer steps.

Computing several tokens in one batch rounds otherwise than one by one, so where the two likeliest
tokens are as good as equal, greedy answers may part: there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.engine_process import Answer, EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from hob.wire.engine import Auto, Loaded, LoadedInfo, LoadOptions
from hob.wire.generate import GenerateRequest, Sampling, TokenLogprob
from live_daemon import starter_model

pytestmark = pytest.mark.live

# Natural logarithms of probabilities: how near two tokens are that rounding may exchange.
_TIE = 1e-2

PROMPTS = {
    "list": "Monday is a day. Tuesday is a day. Wednesday is a day. Thursday is a",
    "code": "def add_1(x):\n    return x + 1\n\ndef add_2(x):\n    return x + 2\n\ndef add_3(x):\n",
    "data": '[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}, {"id": 4,',
    "prose": "The old lighthouse keeper had not spoken to anyone for",
}


def requests() -> list[GenerateRequest]:
    return [
        GenerateRequest(
            id=id, prompt=prompt, sampling=Sampling(temperature=0), max_tokens=48, logprobs=2
        )
        for id, prompt in PROMPTS.items()
    ]


def loaded(worker: EngineProcess, speculate: Auto, draft: Path | None = None) -> LoadedInfo:
    options = LoadOptions(
        speculate=speculate, draft=str(draft) if draft else "", context_length=2048
    )
    message = worker.load(starter_model(), options)
    assert isinstance(message, Loaded), message
    return message.info


def answers(worker: EngineProcess) -> dict[str, Answer]:
    """One after the other, so that each step is of one answer."""
    return {request.id: worker.answer(request) for request in requests()}


def tokens(answer: Answer) -> list[TokenLogprob]:
    return [entry for delta in answer.deltas for entry in delta.logprobs]


@pytest.fixture(scope="module")
def plain() -> Iterator[dict[str, Answer]]:
    with EngineProcess() as worker:
        assert loaded(worker, "off").speculation == "off"
        yield answers(worker)


def assert_same(answer: Answer, plain: Answer) -> None:
    for one, other in zip(tokens(answer), tokens(plain), strict=False):
        if one.token != other.token:
            best, second = other.top
            assert best.logprob - second.logprob < _TIE, (answer.text, plain.text)
            return
    assert answer.text == plain.text
    assert answer.finished.reason == plain.finished.reason


def test_look_up_gives_the_same_answers(plain: dict[str, Answer]) -> None:
    with EngineProcess() as worker:
        assert loaded(worker, "on").speculation == "prompt look-up"
        guessed = answers(worker)
    for id, answer in guessed.items():
        assert_same(answer, plain[id])
    usage = guessed["list"].finished.usage
    assert usage.drafted_tokens >= usage.accepted_tokens > 0
    assert all(answer.finished.usage.drafted_tokens == 0 for answer in plain.values())


def test_several_at_once_get_the_same_answers(plain: dict[str, Answer]) -> None:
    with EngineProcess() as worker:
        loaded(worker, "on")
        guessed = worker.ask(*requests())
    for id, answer in guessed.items():
        assert_same(answer, plain[id])


def test_a_draft_that_is_the_model_itself_is_nearly_always_right(
    plain: dict[str, Answer],
) -> None:
    with EngineProcess() as worker:
        info = loaded(worker, "on", starter_model())
        guessed = answers(worker)
    assert info.speculation == f"draft {starter_model().stem}"
    for id, answer in guessed.items():
        assert_same(answer, plain[id])
    drafted = sum(answer.finished.usage.drafted_tokens for answer in guessed.values())
    accepted = sum(answer.finished.usage.accepted_tokens for answer in guessed.values())
    assert drafted > 0
    assert accepted >= 0.95 * drafted


def test_a_draft_of_another_vocabulary_is_told_and_not_used(tmp_path: Path) -> None:
    draft = write_tiny_gguf(tmp_path / "other.gguf")
    with EngineProcess() as worker:
        info = loaded(worker, "auto", draft)
        answer = worker.answer(requests()[0])
    assert info.speculation.startswith("prompt look-up, because the draft model other.gguf")
    assert "vocabulary" in info.speculation
    assert answer.finished.usage.completion_tokens > 0


def test_a_draft_that_is_missing_is_told_and_not_used(tmp_path: Path) -> None:
    with EngineProcess() as worker:
        info = loaded(worker, "auto", tmp_path / "nowhere.gguf")
    assert info.speculation.startswith("prompt look-up, because the draft model nowhere.gguf")
