"""What goes wrong for one request is no concern of the others."""

from __future__ import annotations

import threading

import pytest

from fakes.loop_bench import Bench
from fakes.runtime import FakeRuntime
from hob.engine.chores import Chores
from hob.engine.grammar.refusal import ConstraintFailed
from hob.engine.inbox import Cancelled, Drain
from hob.errors import WorkerError
from hob.wire.engine import Failed
from hob.wire.generate import AdapterUse, TokenLogprob


@pytest.fixture
def bench() -> Bench:
    return Bench(FakeRuntime())


@pytest.mark.parametrize("call", ["sampler", "sample", "forced", "accept"])
def test_a_sampler_that_fails_fails_its_own_request_alone(bench: Bench, call: str) -> None:
    bench.runtime.forces = lambda taken: b"z" if len(taken) == 2 else b""
    bench.runtime.sampler_fails[b"bad"] = {call: ConstraintFailed("It cannot go on.")}
    bench.ask("a", "bad", 6)
    bench.ask("b", "good", 6)
    bench.settle()
    (failed,) = [m for m in bench.sent if isinstance(m, Failed)]
    assert (failed.id, failed.error.code) == ("a", "worker_error")
    assert (bench.finished("b").reason, len(bench.text("b"))) == ("length", 6)
    assert all(sampler.closed for sampler in bench.runtime.samplers)
    bench.check_cells()


def test_scores_that_cannot_be_told_fail_their_request_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(index: int, token: int, top: int) -> TokenLogprob:
        raise WorkerError("No logits.")

    monkeypatch.setattr(bench.runtime, "logprob", fail)
    bench.ask("a", "abc", 4, echo=True, logprobs=1)
    bench.ask("b", "xyz", 4)
    bench.settle()
    assert [m.id for m in bench.sent if isinstance(m, Failed)] == ["a"]
    assert bench.finished("b").reason == "length"


def test_a_request_cancelled_after_it_was_moved_out_closes_its_sampler() -> None:
    bench = Bench(FakeRuntime(slots=1))
    bench.ask("b", "bbb", 30, priority="background")
    bench.step(3)
    bench.ask("i", "iii", 20, priority="interactive")
    bench.step(2)
    bench.loop.post(Cancelled("b"))
    bench.settle()
    assert (bench.finished("b").reason, bench.finished("i").reason) == ("cancelled", "length")
    assert all(sampler.closed for sampler in bench.runtime.samplers)


def test_adapters_of_the_very_first_request_are_applied(bench: Bench) -> None:
    adapters = (AdapterUse(path="a.gguf"),)
    bench.ask("a", "abc", 3, adapters=adapters)
    bench.settle()
    bench.ask("b", "abc", 3)
    bench.settle()
    assert bench.runtime.adapters == [adapters, ()]
    assert bench.finished("b").usage.cached_tokens == 0


def test_a_drain_that_ends_the_rest_ends_the_loop(bench: Bench) -> None:
    resting = threading.Event()

    def chore() -> bool:
        resting.set()
        return False

    bench.loop.chores = Chores([(0, chore), (600, chore)])
    thread = threading.Thread(target=bench.loop.run, daemon=True)
    thread.start()
    assert resting.wait(timeout=10)
    bench.loop.post(Drain())
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_chores_stop_as_soon_as_a_message_comes(bench: Bench) -> None:
    done: list[int] = []

    def chore() -> bool:
        done.append(len(done))
        if len(done) == 3:
            bench.ask("a", "abc", 2)
        return True

    bench.loop.chores = Chores([(0, chore)])
    bench.loop.take_messages(block=True)
    assert done == [0, 1, 2]
    bench.step()
    bench.loop.take_messages(block=False)
    assert done == [0, 1, 2]
    bench.settle()
    assert bench.finished("a").reason == "length"


def test_no_chore_is_done_while_there_is_work(bench: Bench) -> None:
    bench.loop.chores = Chores([(0, lambda: pytest.fail("there is work"))])
    bench.accept("a")
    bench.step()
    bench.loop.post(Cancelled("a"))
    bench.loop.take_messages(block=True)
    assert bench.ends("a") == 1
