"""Images in the engine loop, on a model without weights."""

from __future__ import annotations

import pytest

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.costs import CostCurve
from hob.engine.inbox import Accepted, Cancelled, Prepared
from hob.engine.job import Job, Prompt
from hob.engine.loop import EngineLoop
from hob.engine.media import EncodedMedia, find_runs, placeholders
from hob.engine.output.stream import PlainOutput
from hob.wire.engine import FromWorker
from hob.wire.generate import Finished, GenerateRequest, Priority

RED = EncodedMedia(placeholders(b"red", 10), bytes(40))
BLUE = EncodedMedia(placeholders(b"blue", 10), bytes(40))
IMAGES = {image.ids[0]: image for image in (RED, BLUE)}


class Bench:
    """A loop whose steps are taken one by one."""

    def __init__(self, runtime: FakeRuntime, most: int = 8) -> None:
        self.runtime = runtime
        runtime.script = lambda tokens: 97 + sum(tokens) % 26
        self.sent: list[FromWorker] = []
        self.cache = PrefixCache(runtime, 10_000)
        costs = CostCurve(most, default_useful=4, default_full=most)
        self.loop = EngineLoop(
            runtime, self.cache, costs, self.sent.append, most=most, clock=lambda: 0.0
        )

    def ask(self, id: str, *parts: str | EncodedMedia, priority: Priority = "normal") -> None:
        tokens: list[int] = []
        for part in parts:
            tokens += part.encode() if isinstance(part, str) else part.ids
        request = GenerateRequest(id=id, prompt="x", priority=priority)
        self.loop.post(Accepted(request, 0.0))
        prompt = Prompt(tokens, 4, media=find_runs(tokens, IMAGES.get))
        self.loop.post(Prepared(id, Job(prompt, PlainOutput())))

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.loop.take_messages(block=False)
            self.loop.step()

    def answer(self, id: str, *parts: str | EncodedMedia) -> list[int]:
        """Ask, and return all tokens that were computed in its slot."""
        self.ask(id, *parts)
        self.step(40)
        assert self.end(id).reason == "length"
        return max((self.runtime.held(slot) for slot in range(self.runtime.slots)), key=len)

    def end(self, id: str) -> Finished:
        (end,) = [m for m in self.sent if isinstance(m, Finished) and m.id == id]
        return end

    def cached(self, id: str) -> int:
        return self.end(id).usage.cached_tokens


@pytest.fixture
def bench() -> Bench:
    return Bench(FakeRuntime(context_length=200))


def test_an_image_is_a_step_of_its_own(bench: Bench) -> None:
    held = bench.answer("a", "what is ", RED, "? say")
    assert held[:23] == [*b"what is ", *RED.ids, *b"? say"]
    assert bench.runtime.media == [RED]
    sizes = [[len(chunk.tokens) for chunk in step] for step in bench.runtime.steps]
    assert sizes[:3] == [[8], [10], [5]]


def test_an_image_at_the_end_of_the_prompt_is_answered(bench: Bench) -> None:
    bench.answer("a", "see ", RED)
    assert bench.end("a").usage.completion_tokens == 4


def test_images_one_after_another_are_computed_in_order(bench: Bench) -> None:
    bench.answer("a", RED, BLUE, RED)
    assert bench.runtime.media == [RED, BLUE, RED]


def test_a_known_image_is_not_computed_again(bench: Bench) -> None:
    bench.answer("a", "see ", RED, " what is it")
    bench.answer("b", "see ", RED, " and why")
    assert bench.runtime.media == [RED]
    assert bench.cached("b") == 4 + 10 + 1


def test_another_image_never_matches(bench: Bench) -> None:
    bench.answer("a", "see ", RED, " it")
    bench.answer("b", "see ", BLUE, " it")
    assert bench.runtime.media == [RED, BLUE]
    assert bench.cached("b") == 4


def test_what_is_known_of_a_prompt_never_ends_within_an_image(bench: Bench) -> None:
    bench.answer("a", "see ", RED)
    bench.answer("b", "see ", RED)
    assert bench.cached("b") == 4
    assert bench.runtime.media == [RED, RED]


def test_two_requests_with_one_image_read_it_once(bench: Bench) -> None:
    bench.ask("a", "see ", RED, " it")
    bench.ask("b", "see ", RED, " he")
    bench.step(40)
    assert {bench.end(id).reason for id in "ab"} == {"length"}
    assert bench.runtime.media == [RED]


def test_others_are_answered_before_and_after_an_image(bench: Bench) -> None:
    bench.ask("a", "hello")
    bench.step(2)
    bench.ask("b", "see ", RED, " it")
    bench.step(40)
    assert {bench.end(id).reason for id in "ab"} == {"length"}


def test_one_cancelled_within_an_image_leaves_only_what_came_before(bench: Bench) -> None:
    bench.ask("a", "see ", RED, " it")
    bench.step()
    bench.runtime.before_decode = lambda: bench.loop.post(Cancelled("a"))
    bench.step()
    bench.runtime.before_decode = lambda: None
    bench.step(2)
    assert bench.end("a").reason == "cancelled"
    assert bench.runtime.media == []
    assert max(map(len, bench.runtime.cells)) == 4
    bench.answer("b", "see ", RED, " it")
    assert bench.runtime.media == [RED]


def test_a_failed_image_fails_its_request_alone(bench: Bench) -> None:
    bench.ask("a", RED, " it")
    bench.runtime.fail_next = True
    bench.step()
    held = bench.answer("b", "see ", RED, " it")
    assert held[:17] == [*b"see ", *RED.ids, *b" it"]


def test_one_that_had_to_give_way_comes_back_with_its_image() -> None:
    bench = Bench(FakeRuntime(context_length=200, slots=1))
    bench.ask("a", "see ", RED, " it", priority="background")
    bench.step(5)
    bench.ask("b", "hello", priority="interactive")
    bench.step(60)
    assert {bench.end(id).reason for id in "ab"} == {"length"}
    assert bench.runtime.media[:1] == [RED]


def test_a_model_of_one_state_starts_before_the_image_again() -> None:
    bench = Bench(FakeRuntime(context_length=200, divisible=False))
    for id in "ab":
        held = bench.answer(id, "see ", RED, " it")
        assert held[:17] == [*b"see ", *RED.ids, *b" it"]
