"""Calls through the embedding loop, on a model without weights."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence

import pytest

from hob.engine.embedding.loop import Asked, EmbeddingLoop, Ready, Settled
from hob.engine.embedding.plan import BatchLimits
from hob.engine.inbox import Cancelled, Drain, Refused
from hob.engine.runtime import DecodeAborted
from hob.errors import InvalidRequest, WorkerError
from hob.wire.calls import Call, Detokenize, Embed, Embedded, PlainText, Ranked, Rerank
from hob.wire.engine import Failed, FromWorker, Heartbeat, Returned
from hob.wire.generate import Priority

LIMITS = BatchLimits(tokens=20, inputs=4)


class FakeEmbedder:
    """The numbers of an input are its first token and its length."""

    def __init__(self) -> None:
        self.steps: list[list[list[int]]] = []
        self.before: Callable[[], None] = lambda: None
        self.error: Exception | None = None
        self.interrupted = False
        self.nonsense = False

    def embed(self, inputs: Sequence[Sequence[int]], alive: Callable[[], None]) -> list[bytes]:
        self.before()
        alive()
        self.steps.append([list(tokens) for tokens in inputs])
        if self.interrupted:
            raise DecodeAborted
        if self.error:
            raise self.error
        first = float("nan") if self.nonsense else None
        return [struct.pack("<2f", first or tokens[0], len(tokens)) for tokens in inputs]

    def interrupt(self) -> None:
        self.interrupted = True

    def clear_interrupt(self) -> None:
        self.interrupted = False


class Bench:
    """A loop whose steps are taken one by one, with a clock that stands until moved."""

    def __init__(self) -> None:
        self.model = FakeEmbedder()
        self.now = 0.0
        self.sent: list[FromWorker] = []
        self.loop = EmbeddingLoop(self.model, LIMITS, self.sent.append, lambda: self.now)

    def embed(self, id: str, *inputs: list[int], priority: Priority = "normal") -> None:
        call = Embed(id=id, inputs=("x",) * len(inputs), normalize=False, priority=priority)
        self.ask(call, *inputs)

    def ask(self, call: Call, *inputs: list[int]) -> None:
        self.loop.post(Asked(call))
        self.loop.post(Ready(call.id, list(inputs)))

    def step(self) -> None:
        self.loop.take_messages(block=False)
        self.loop.step()

    def settle(self) -> None:
        """Step until nothing changes any more."""
        before = -1
        while before != len(self.sent) + len(self.model.steps):
            before = len(self.sent) + len(self.model.steps)
            self.step()

    def numbers(self, id: str) -> list[tuple[float, ...]]:
        (result,) = [m.result for m in self.sent if isinstance(m, Returned) and m.id == id]
        assert isinstance(result, Embedded)
        return [struct.unpack("<2f", vector) for vector in result.vectors]

    def failed(self, id: str) -> str:
        (code,) = [m.error.code for m in self.sent if isinstance(m, Failed) and m.id == id]
        return code


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_input_gets_its_own_vector_in_order(bench: Bench) -> None:
    bench.embed("a", [1] * 3, [2] * 30, [3] * 5, [4], [5], [6], [7])
    bench.settle()
    assert bench.numbers("a") == [(1, 3), (2, 30), (3, 5), (4, 1), (5, 1), (6, 1), (7, 1)]


def test_inputs_of_different_calls_share_a_step(bench: Bench) -> None:
    bench.embed("a", [1], [2])
    bench.embed("b", [3])
    bench.step()
    assert bench.model.steps == [[[1], [2], [3]]]
    assert (bench.numbers("a"), bench.numbers("b")) == ([(1, 1), (2, 1)], [(3, 1)])


def test_the_result_counts_the_tokens_of_each_input(bench: Bench) -> None:
    bench.embed("a", [1] * 3, [2])
    bench.settle()
    (message,) = bench.sent
    assert isinstance(message, Returned)
    assert isinstance(message.result, Embedded)
    assert message.result.tokens == (3, 1)


def test_vectors_are_cut_and_then_of_length_one(bench: Bench) -> None:
    bench.ask(Embed(id="a", inputs=("x",), dimensions=1), [7, 7])
    bench.ask(Embed(id="b", inputs=("x",)), [3, 0, 0, 0])
    bench.settle()
    vectors = [
        m.result.vectors[0]
        for m in bench.sent
        if isinstance(m, Returned) and isinstance(m.result, Embedded)
    ]
    assert struct.unpack("<1f", vectors[0]) == (1,)
    assert struct.unpack("<2f", vectors[1]) == pytest.approx((0.6, 0.8))


def test_documents_get_scores(bench: Bench) -> None:
    bench.ask(Rerank(id="a", query="q", documents=("x", "y")), [5, 1], [9, 2, 3])
    bench.settle()
    assert bench.sent == [Returned(id="a", result=Ranked(scores=(5.0, 9.0), tokens=(2, 3)))]


def test_a_long_call_does_not_hold_up_a_short_one(bench: Bench) -> None:
    bench.embed("long", *([1] * 9 for _ in range(50)))
    bench.step()
    bench.embed("short", [2])
    bench.step()
    assert bench.numbers("short") == [(2, 1)]
    bench.settle()
    assert len(bench.numbers("long")) == 50


def test_a_call_that_needs_no_model_is_answered(bench: Bench) -> None:
    bench.loop.post(Asked(Detokenize(id="a", tokens=(1,))))
    bench.loop.post(Settled("a", PlainText(text="x")))
    bench.settle()
    assert bench.sent == [Returned(id="a", result=PlainText(text="x"))]


def test_a_call_that_cannot_be_prepared_fails_alone(bench: Bench) -> None:
    bench.embed("good", [1])
    bench.loop.post(Asked(Embed(id="bad", inputs=("",))))
    bench.loop.post(Refused("bad", InvalidRequest("It is empty.")))
    bench.settle()
    assert bench.failed("bad") == "invalid_request"
    assert bench.numbers("good") == [(1, 1)]


def test_a_failed_step_fails_its_calls_and_the_next_are_answered(bench: Bench) -> None:
    bench.embed("a", [1])
    bench.model.error = WorkerError("It broke.")
    bench.step()
    bench.model.error = None
    bench.embed("b", [2])
    bench.settle()
    assert bench.failed("a") == "worker_error"
    assert bench.numbers("b") == [(2, 1)]


def test_what_is_no_number_is_an_error_and_no_result(bench: Bench) -> None:
    bench.model.nonsense = True
    bench.embed("a", [1], [2])
    bench.settle()
    assert bench.failed("a") == "worker_error"
    assert len(bench.sent) == 1


def test_a_call_is_cancelled_while_it_is_prepared(bench: Bench) -> None:
    bench.loop.post(Asked(Embed(id="a", inputs=("x",))))
    bench.loop.post(Cancelled("a"))
    bench.loop.post(Ready("a", [[1]]))
    bench.settle()
    assert bench.failed("a") == "cancelled"
    assert bench.model.steps == []


def test_a_call_is_cancelled_between_two_steps(bench: Bench) -> None:
    bench.embed("a", *([1] * 9 for _ in range(50)))
    bench.step()
    bench.loop.post(Cancelled("a"))
    bench.settle()
    assert bench.failed("a") == "cancelled"
    assert len(bench.model.steps) == 1


def test_cancelling_a_call_that_is_done_is_no_news(bench: Bench) -> None:
    bench.embed("a", [1])
    bench.settle()
    bench.loop.post(Cancelled("a"))
    bench.settle()
    assert len(bench.sent) == 1


def test_a_step_that_nobody_wants_any_more_is_ended(bench: Bench) -> None:
    bench.embed("a", [1])
    bench.model.before = lambda: bench.loop.post(Cancelled("a"))
    bench.settle()
    assert bench.failed("a") == "cancelled"
    assert not bench.model.interrupted


def test_a_step_that_somebody_still_wants_goes_on(bench: Bench) -> None:
    bench.embed("a", [1])
    bench.embed("b", [2])
    bench.model.before = lambda: bench.loop.post(Cancelled("a"))
    bench.step()
    assert bench.numbers("b") == [(2, 1)]


def test_progress_is_told_once_a_second_and_only_while_there_is_work(bench: Bench) -> None:
    bench.embed("a", *([1] * 9 for _ in range(8)))
    bench.step()
    assert bench.sent == []
    bench.now = 1.5
    bench.step()
    assert bench.sent == [Heartbeat(steps=1, live=1, queued=0)]
    bench.settle()
    bench.now = 9
    bench.step()
    assert len(bench.sent) == 2


def test_a_step_that_takes_long_tells_that_it_gets_on(bench: Bench) -> None:
    bench.embed("a", [1])
    bench.model.before = lambda: setattr(bench, "now", bench.now + 1)
    bench.step()
    assert bench.sent[0] == Heartbeat(steps=0, live=1, queued=0)
    assert bench.numbers("a") == [(1, 1)]


def test_background_work_goes_on_under_a_flood_of_urgent_calls(bench: Bench) -> None:
    bench.embed("slow", [9], priority="background")
    for number in range(12):
        bench.embed(f"urgent-{number}", *([1] for _ in range(4)), priority="interactive")
        bench.step()
    assert bench.numbers("slow") == [(9, 1)]


def test_a_drained_loop_finishes_what_there_is_and_ends(bench: Bench) -> None:
    bench.embed("a", *([1] * 9 for _ in range(8)))
    bench.loop.post(Drain())
    thread = threading.Thread(target=bench.loop.run)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(bench.numbers("a")) == 8
