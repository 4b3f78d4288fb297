"""A model with a sliding window: what it knows can be cut at no point, and is taken up again only
where it was saved. Whatever came out of the cache, answers are those of a worker that knew nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.engine_process import EngineProcess
from hob.wire.calls import Tokenize, Tokens
from hob.wire.engine import Ask, CacheOptions, Loaded, LoadOptions, Returned, Stop
from live.greedy import Drawn, ask, same
from live_daemon import gemma_model

# The window of Gemma 3 270M is 512 tokens.
LONG, SHARED = 900, 700


def open_gemma(options: LoadOptions | None = None) -> EngineProcess:
    worker = EngineProcess()
    assert isinstance(worker.load(gemma_model(), options), Loaded)
    return worker


def tokens_of(worker: EngineProcess, text: str, *, add_special: bool = False) -> tuple[int, ...]:
    worker.send(Ask(call=Tokenize(id="tokens", text=text, add_special=add_special)))
    while not isinstance(message := worker.read(), Returned):
        pass
    assert isinstance(message.result, Tokens)
    return message.result.tokens


class Prompts:
    """The same story with two ends, as tokens."""

    def __init__(self, worker: EngineProcess) -> None:
        text = " ".join(f"In year {n} the ship carried {n * 7 % 31} crates." for n in range(120))
        story = tokens_of(worker, text, add_special=True)
        self.more = tokens_of(worker, " The next morning the captain")
        end = tokens_of(worker, " And so the harbour master said:")
        other_end = tokens_of(worker, " Nobody in the town had heard")
        self.long = (*story[: LONG - len(end)], *end)
        self.branch = (*story[:SHARED], *other_end)


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    with open_gemma() as worker:
        return Prompts(worker)


@pytest.fixture(scope="module")
def first(prompts: Prompts) -> list[Drawn]:
    """The answer to the long prompt of a worker that knew nothing."""
    return alone(prompts.long)


@pytest.fixture
def worker() -> Iterator[EngineProcess]:
    with open_gemma() as worker:
        yield worker


def alone(prompt: tuple[int, ...]) -> list[Drawn]:
    with open_gemma() as fresh:
        answer, cached = ask(fresh, "alone", prompt)
    assert cached == 0
    return answer


def test_a_repetition_starts_from_what_was_saved(
    worker: EngineProcess, prompts: Prompts, first: list[Drawn]
) -> None:
    once, _nothing = ask(worker, "once", prompts.long)
    again, cached = ask(worker, "again", prompts.long)
    assert cached >= LONG - 16
    assert same(first, once)
    assert same(first, again)


def test_a_continuation_starts_where_the_answer_ended(
    worker: EngineProcess, prompts: Prompts
) -> None:
    once, _nothing = ask(worker, "once", prompts.long)
    longer = (*prompts.long, *(one.token for one in once), *prompts.more)
    answer, cached = ask(worker, "longer", longer)
    assert cached > len(prompts.long)
    assert same(alone(longer), answer)


def test_a_branch_within_what_is_known_is_answered_as_if_nothing_were(
    worker: EngineProcess, prompts: Prompts, first: list[Drawn]
) -> None:
    ask(worker, "once", prompts.long)
    branch, _cached = ask(worker, "branch", prompts.branch)
    back, cached = ask(worker, "back", prompts.long)
    assert same(alone(prompts.branch), branch)
    assert same(first, back)
    assert cached > 0


def test_what_was_saved_comes_back_from_disk(
    tmp_path: Path, prompts: Prompts, first: list[Drawn]
) -> None:
    options = LoadOptions(cache=CacheOptions(folder=str(tmp_path), disk_bytes=2**30))
    with open_gemma(options) as before:
        ask(before, "before", prompts.long)
        ask(before, "used", prompts.long)
        before.send(Stop())
        before.process.wait(timeout=30)
    with open_gemma(options) as after:
        answer, cached = ask(after, "after", prompts.long)
    assert cached >= LONG - 16
    assert same(first, answer)
