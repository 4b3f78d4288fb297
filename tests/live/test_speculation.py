"""Guessing ahead with the starter model: the same tokens in fewer steps, with no tolerance.

Greedy answers depend on which cells of the KV cache a request gets, with or without guesses: behind
other cells attention rounds otherwise, and near ties part. So every answer here comes from a worker
of its own, whose context is one block of cells: then guessing must change no token at all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.engine_process import Answer, EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from hob.wire.engine import Auto, Loaded, LoadedInfo, LoadOptions
from hob.wire.generate import GenerateRequest, Sampling
from live_daemon import starter_model

pytestmark = pytest.mark.live

PROMPTS = {
    "list": "Monday is a day. Tuesday is a day. Wednesday is a day. Thursday is a",
    "code": "def add_1(x):\n    return x + 1\n\ndef add_2(x):\n    return x + 2\n\ndef add_3(x):\n",
    "data": '[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}, {"id": 4,',
    "prose": "The old lighthouse keeper had not spoken to anyone for",
}


def request(id: str) -> GenerateRequest:
    greedy = Sampling(temperature=0)
    return GenerateRequest(id=id, prompt=PROMPTS[id], sampling=greedy, max_tokens=48, logprobs=0)


def load(worker: EngineProcess, speculate: Auto, draft: Path | None = None) -> LoadedInfo:
    options = LoadOptions(
        speculate=speculate, draft=str(draft) if draft else "", context_length=256
    )
    message = worker.load(starter_model(), options)
    assert isinstance(message, Loaded), message
    return message.info


def answer(id: str, speculate: Auto, draft: Path | None = None) -> tuple[LoadedInfo, Answer]:
    with EngineProcess() as worker:
        info = load(worker, speculate, draft)
        return info, worker.answer(request(id))


def tokens(answer: Answer) -> list[int]:
    return [entry.token for delta in answer.deltas for entry in delta.logprobs]


@pytest.fixture(scope="module")
def plain() -> dict[str, Answer]:
    answers = {}
    for id in PROMPTS:
        info, answers[id] = answer(id, "off")
        assert info.speculation == "off"
        assert answers[id].finished.usage.drafted_tokens == 0
    return answers


@pytest.mark.parametrize("id", PROMPTS)
def test_look_up_changes_no_token(plain: dict[str, Answer], id: str) -> None:
    info, guessed = answer(id, "on")
    assert info.speculation == "prompt look-up"
    assert tokens(guessed) == tokens(plain[id])
    assert (guessed.text, guessed.finished.reason) == (plain[id].text, plain[id].finished.reason)
    usage = guessed.finished.usage
    if id != "prose":
        assert usage.drafted_tokens >= usage.accepted_tokens > 0


@pytest.mark.parametrize("id", PROMPTS)
def test_a_draft_that_is_the_model_itself_changes_no_token_and_is_nearly_always_right(
    plain: dict[str, Answer], id: str
) -> None:
    info, guessed = answer(id, "on", starter_model())
    assert info.speculation == f"draft {starter_model().stem}"
    assert tokens(guessed) == tokens(plain[id])
    usage = guessed.finished.usage
    assert usage.accepted_tokens >= 0.9 * usage.drafted_tokens > 0


def test_a_draft_of_another_vocabulary_is_told_and_not_used(tmp_path: Path) -> None:
    draft = write_tiny_gguf(tmp_path / "other.gguf")
    info, alone = answer("list", "auto", draft)
    assert info.speculation.startswith("prompt look-up, because the draft model other.gguf")
    assert "vocabulary" in info.speculation
    assert alone.finished.usage.completion_tokens > 0


def test_a_draft_that_is_missing_is_told_and_not_used(tmp_path: Path) -> None:
    with EngineProcess() as worker:
        info = load(worker, "auto", tmp_path / "nowhere.gguf")
    assert info.speculation.startswith("prompt look-up, because the draft model nowhere.gguf")
