"""What a worker has read before somebody asks: prompts kept warm, and prompts read ahead."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.engine_process import EngineProcess
from hob.wire.calls import Prefill, Prefilled
from hob.wire.engine import (
    Ask,
    CacheOptions,
    Failed,
    Heartbeat,
    Loaded,
    LoadOptions,
    Returned,
    Stop,
    WarmPrompt,
)
from hob.wire.generate import ChatMessage, GenerateRequest, Sampling
from live_daemon import starter_model

SYSTEM = "You keep the log of a small harbour, and write down each ship that comes. " * 20


def open_worker(options: LoadOptions | None = None, model: Path | None = None) -> EngineProcess:
    worker = EngineProcess()
    assert isinstance(worker.load(model or starter_model(), options), Loaded)
    return worker


@pytest.fixture
def worker() -> Iterator[EngineProcess]:
    with open_worker() as worker:
        yield worker


def chat(id: str, *messages: ChatMessage) -> GenerateRequest:
    sampling = Sampling(temperature=0)
    return GenerateRequest(id=id, messages=messages, max_tokens=8, sampling=sampling)


SYSTEM_MESSAGE = ChatMessage(role="system", content=SYSTEM)
QUESTION = ChatMessage(role="user", content="Which ship came first?")


def read_ahead(worker: EngineProcess, id: str, *messages: ChatMessage) -> Prefilled:
    worker.send(Ask(call=Prefill(id=id, request=chat(id, *messages), priority="background")))
    while not (isinstance(message := worker.read(), Returned) and message.id == id):
        pass
    assert isinstance(message.result, Prefilled)
    return message.result


def cached(worker: EngineProcess, id: str, *messages: ChatMessage) -> int:
    return worker.answer(chat(id, *messages)).finished.usage.cached_tokens


def test_a_warm_prompt_is_known_to_the_first_conversation() -> None:
    with open_worker(LoadOptions(warm_prompts=(WarmPrompt(text=SYSTEM),))) as worker:
        worker.read_until(Returned, "warm-0")
        known = cached(worker, "first", SYSTEM_MESSAGE, QUESTION)
    assert known > 300


def test_a_conversation_read_ahead_is_known_when_its_question_comes(worker: EngineProcess) -> None:
    read = read_ahead(worker, "ahead", SYSTEM_MESSAGE, QUESTION)
    assert read.cached_tokens == 0
    assert cached(worker, "asked", SYSTEM_MESSAGE, QUESTION) >= read.prompt_tokens > 250


def test_reading_ahead_that_is_taken_back_leaves_what_it_has_read(worker: EngineProcess) -> None:
    long = ChatMessage(role="system", content=SYSTEM * 18)
    worker.send(Ask(call=Prefill(id="ahead", request=chat("ahead", long))))
    # It comes within the reading, which takes several seconds.
    while not (isinstance(message := worker.read(), Heartbeat) and message.steps > 1):
        assert not isinstance(message, Returned), "it has been read before it was taken back"
    worker.cancel("ahead")
    while not isinstance(message := worker.read(), Failed):
        pass
    assert message.id == "ahead"
    known = cached(worker, "asked", long, QUESTION)
    assert known > 100


def test_a_state_of_another_file_is_not_used(tmp_path: Path) -> None:
    cache = LoadOptions(cache=CacheOptions(folder=str(tmp_path / "cache"), disk_bytes=2**30))
    with open_worker(cache) as worker:
        worker.answer(chat("before", SYSTEM_MESSAGE, QUESTION))
        worker.send(Stop())
        worker.process.wait(timeout=30)
    other = tmp_path / "other.gguf"
    shutil.copyfile(starter_model(), other)
    os.utime(other, (1, 1))
    with open_worker(cache, other) as worker:
        of_other = cached(worker, "other", SYSTEM_MESSAGE, QUESTION)
    with open_worker(cache) as worker:
        of_same = cached(worker, "same", SYSTEM_MESSAGE, QUESTION)
    assert of_other == 0
    assert of_same > 250
