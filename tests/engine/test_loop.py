"""Requests through the engine loop, on a model without weights."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.loop_bench import Bench
from fakes.runtime import END, FakeRuntime
from hob.engine.inbox import Cancelled, Drain, Prepared, Refused
from hob.engine.job import Job, Prompt
from hob.engine.output.stream import PlainOutput
from hob.errors import ContextOverflow
from hob.wire.engine import Failed, Heartbeat
from hob.wire.generate import Finished, Priority


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture
def bench(runtime: FakeRuntime) -> Bench:
    return Bench(runtime)


def test_an_answer_ends_at_max_tokens_with_its_counts(bench: Bench) -> None:
    bench.ask("a", "abc", max_new=5)
    bench.settle()
    end = bench.finished("a")
    assert (end.reason, end.usage.prompt_tokens, end.usage.completion_tokens) == ("length", 3, 5)
    assert len(bench.text("a")) == 5


def test_an_answer_ends_at_the_end_token_which_is_no_text(bench: Bench) -> None:
    bench.runtime.script = lambda tokens: END if len(tokens) == 5 else ord("x")
    bench.ask("a", "abc")
    bench.settle()
    assert (bench.text("a"), bench.finished("a").reason) == ("xx", "stop")


def test_a_stop_string_ends_the_answer_and_is_named(bench: Bench) -> None:
    bench.runtime.script = lambda tokens: b"one STOP two"[len(tokens) - 3]
    bench.ask("a", "abc", max_new=40, stop=("STOP",))
    bench.settle()
    end = bench.finished("a")
    assert (bench.text("a"), end.reason, end.stop) == ("one ", "stop", "STOP")


def test_text_held_for_a_stop_string_comes_out_before_the_end(bench: Bench) -> None:
    bench.runtime.script = lambda tokens: b"S  STO"[len(tokens) - 3]
    bench.ask("a", "abc", max_new=6, stop=("STOP",))
    bench.settle()
    assert (bench.text("a"), bench.finished("a").reason) == ("S  STO", "length")


def test_two_requests_share_their_steps(bench: Bench) -> None:
    bench.ask("a", "abc", 6)
    bench.ask("b", "xyz", 6)
    bench.settle()
    assert any({chunk.slot for chunk in step} == {0, 1} for step in bench.runtime.steps)
    assert len(bench.runtime.steps) < 10


def test_a_request_together_with_another_answers_as_it_does_alone(bench: Bench) -> None:
    alone = Bench(FakeRuntime())
    alone.ask("a", "abc", 6)
    alone.settle()
    bench.ask("a", "abc", 6)
    bench.ask("b", "pq", 9)
    bench.settle()
    assert bench.text("a") == alone.text("a")


def test_a_third_request_waits_for_one_of_two_slots(bench: Bench) -> None:
    for id in "abc":
        bench.ask(id, id * 3, 4)
    bench.step()
    assert bench.started() == ["a", "b"]
    bench.settle()
    assert bench.started() == ["a", "b", "c"]
    assert [bench.ends(id) for id in "abc"] == [1, 1, 1]


def test_an_interactive_request_goes_before_a_normal_one(bench: Bench) -> None:
    bench.ask("a", "aaa")
    bench.ask("b", "bbb")
    bench.step()
    bench.ask("n", "nnn")
    bench.ask("i", "iii", priority="interactive")
    bench.settle()
    assert bench.started()[2:] == ["i", "n"]


def test_a_prompt_waits_until_there_are_cells_for_it(bench: Bench) -> None:
    bench.ask("a", "a" * 30, 20)
    bench.ask("b", "b" * 30, 20)
    bench.step(1)
    assert bench.started() == ["a"]
    bench.settle()
    assert bench.ends("b") == 1


def test_when_cells_run_out_the_last_one_is_moved_out_and_comes_back(bench: Bench) -> None:
    bench.runtime.script = lambda tokens: tokens[0]
    bench.ask("a", "a" * 10, 50)
    bench.ask("b", "b" * 10, 50)
    bench.settle()
    assert (bench.text("a"), bench.text("b")) == ("a" * 50, "b" * 50)
    assert bench.started() == ["a", "b"]
    ends = [m.id for m in bench.sent if isinstance(m, Finished)]
    assert ends == ["a", "b"]


def test_the_second_turn_of_a_conversation_starts_from_the_first(bench: Bench) -> None:
    bench.ask("a", "hello", 3)
    bench.settle()
    bench.ask("b", "hello" + bench.text("a") + "more", 3)
    bench.settle()
    # The last token that was sampled had no cell yet.
    assert bench.finished("b").usage.cached_tokens == 7


def test_memory_that_cannot_be_cut_is_cleared_for_another_prompt() -> None:
    bench = Bench(FakeRuntime(slots=1, divisible=False))
    bench.ask("a", "hello", 3)
    bench.settle()
    bench.ask("b", "help", 3)
    bench.settle()
    assert (bench.finished("b").usage.cached_tokens, bench.ends("b")) == (0, 1)


def cancel_preparing(bench: Bench) -> None:
    bench.accept("a")
    bench.step()


def cancel_queued(bench: Bench) -> None:
    bench.ask("x", "xxx", 30)
    bench.ask("y", "yyy", 20)
    bench.step()
    bench.ask("a")
    bench.step()
    assert "a" not in bench.started()


def cancel_reading(bench: Bench) -> None:
    bench.ask("x", "xxx", 5)
    bench.ask("a", "a" * 30, 5)
    bench.step(2)
    assert bench.text("a") == ""


def cancel_decoding(bench: Bench) -> None:
    bench.ask("a", "abc", 30)
    bench.step(3)
    assert bench.text("a") != ""


@pytest.mark.parametrize(
    "arrive", [cancel_preparing, cancel_queued, cancel_reading, cancel_decoding]
)
def test_cancelling_frees_the_slot_before_the_next_step(
    bench: Bench, arrive: Callable[[Bench], None]
) -> None:
    arrive(bench)
    bench.loop.post(Cancelled("a"))
    steps = len(bench.runtime.steps)
    bench.step()
    assert bench.finished("a").reason == "cancelled"
    computed = {chunk.tokens[0] for chunk in bench.runtime.steps[-1]} if bench.runtime.steps else ()
    assert len(bench.runtime.steps) == steps or ord("a") not in computed
    bench.settle()
    assert bench.ends("a") == 1


def test_a_cancelled_request_leaves_its_prompt_for_the_next(bench: Bench) -> None:
    bench.ask("a", "abcdefgh", 20)
    bench.step(2)
    bench.loop.post(Cancelled("a"))
    bench.step()
    bench.ask("b", "abcdefgh", 2)
    bench.settle()
    assert bench.finished("b").usage.cached_tokens == 7


def test_cancelling_what_is_done_or_unknown_says_nothing(bench: Bench) -> None:
    bench.ask("a", "abc", 2)
    bench.settle()
    count = len(bench.sent)
    bench.loop.post(Cancelled("a"))
    bench.loop.post(Cancelled("never"))
    bench.step()
    assert len(bench.sent) == count


def test_a_step_that_nobody_waits_for_any_more_is_ended_early(bench: Bench) -> None:
    bench.ask("a", "a" * 30, 5)
    bench.runtime.before_decode = lambda: bench.loop.post(Cancelled("a"))
    bench.step(2)
    bench.runtime.before_decode = lambda: None
    assert bench.finished("a").reason == "cancelled"
    assert bench.finished("a").usage.completion_tokens == 0
    bench.ask("b", "bbb", 2)
    bench.settle()
    assert bench.finished("b").reason == "length"


def test_a_step_goes_on_while_one_of_its_requests_is_wanted(bench: Bench) -> None:
    bench.ask("a", "aaa", 5)
    bench.ask("b", "bbb", 5)
    bench.runtime.before_decode = lambda: bench.loop.post(Cancelled("a"))
    bench.settle()
    assert (bench.finished("a").reason, bench.finished("b").reason) == ("cancelled", "length")


def test_a_failed_step_fails_its_requests_and_the_loop_goes_on(bench: Bench) -> None:
    bench.runtime.fail_next = True
    bench.ask("a", "aaa")
    bench.ask("b", "bbb")
    bench.step()
    failed = [m.error.code for m in bench.sent if isinstance(m, Failed)]
    assert failed == ["worker_error", "worker_error"]
    assert bench.runtime.used_cells == 0
    bench.ask("c", "ccc", 2)
    bench.settle()
    assert bench.finished("c").reason == "length"


def test_a_prompt_that_cannot_be_prepared_fails_with_its_own_error(bench: Bench) -> None:
    bench.accept("a")
    bench.loop.post(Refused("a", ContextOverflow("Too long.", prompt_tokens=9)))
    bench.step()
    (failed,) = bench.sent
    assert isinstance(failed, Failed)
    assert (failed.error.code, failed.error.details) == (
        "context_length_exceeded",
        {"prompt_tokens": 9},
    )


def test_a_prompt_that_arrives_after_its_cancellation_is_dropped(bench: Bench) -> None:
    bench.accept("a")
    bench.loop.post(Cancelled("a"))
    bench.loop.post(Prepared("a", Job(Prompt([1, 2], 5), PlainOutput())))
    bench.settle()
    assert (bench.ends("a"), bench.runtime.steps) == (1, [])


def test_a_drained_loop_answers_what_it_has_and_ends(bench: Bench) -> None:
    bench.ask("a", "aaa", 4)
    bench.accept("b")
    bench.loop.post(Drain())
    bench.loop.post(Refused("b", ContextOverflow("Too long.")))
    bench.loop.run()
    assert (bench.finished("a").reason, bench.ends("b")) == ("length", 1)


def test_every_sampler_is_closed(bench: Bench) -> None:
    bench.ask("a", "abc", 2)
    bench.ask("b", "abd", 30)
    bench.step(2)
    bench.loop.post(Cancelled("b"))
    bench.settle()
    assert [sampler.closed for sampler in bench.runtime.samplers] == [True, True]


def test_a_heartbeat_comes_at_most_once_a_second_and_only_with_work(bench: Bench) -> None:
    bench.ask("a", "abc", 30)
    bench.step(3)
    assert not [m for m in bench.sent if isinstance(m, Heartbeat)]
    for _ in range(4):
        bench.now += 0.5
        bench.step()
    beats = [m for m in bench.sent if isinstance(m, Heartbeat)]
    assert [(beat.steps, beat.live) for beat in beats] == [(5, 1), (7, 1)]
    bench.settle()
    bench.now += 10
    bench.step()
    assert isinstance(bench.sent[-1], Finished)


def test_timings_tell_waiting_reading_and_generating_apart(bench: Bench) -> None:
    bench.ask("x", "xxx", 60)
    bench.step()
    bench.ask("a", "abc", 2)
    bench.now = 2.0
    bench.loop.post(Cancelled("x"))
    bench.step()
    bench.now = 5.0
    bench.step()
    timings = bench.finished("a").timings
    assert (timings.queued_s, timings.prefill_s, timings.decode_s) == (2.0, 0.0, 3.0)


def test_an_idle_loop_sleeps_until_a_message_comes(bench: Bench) -> None:
    thread = threading.Thread(target=bench.loop.run)
    thread.start()
    bench.ask("a", "abc", 2)
    bench.loop.post(Drain())
    thread.join(timeout=10)
    assert bench.finished("a").reason == "length"


class Anything(RuleBasedStateMachine):
    """Requests come, are cancelled, fail and finish in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(FakeRuntime(context_length=64, slots=3))
        self.count = 0

    @rule(
        prompt=st.text("ab", min_size=1, max_size=40),
        max_new=st.integers(1, 24),
        priority=st.sampled_from(["interactive", "normal", "background"]),
    )
    def ask(self, prompt: str, max_new: int, priority: Priority) -> None:
        self.bench.ask(str(self.count), prompt, max_new, priority=priority)
        self.count += 1

    @rule()
    def accept_only(self) -> None:
        self.bench.accept(str(self.count))
        self.bench.loop.post(Refused(str(self.count), ContextOverflow("Too long.")))
        self.count += 1

    @precondition(lambda self: self.count)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.bench.loop.post(Cancelled(str(data.draw(st.integers(0, self.count - 1)))))

    @rule(count=st.integers(1, 5))
    def step(self, count: int) -> None:
        self.bench.step(count)

    @rule()
    def fail(self) -> None:
        self.bench.runtime.fail_next = True

    @invariant()
    def nothing_ends_twice(self) -> None:
        assert all(self.bench.ends(str(id)) <= 1 for id in range(self.count))

    def teardown(self) -> None:
        self.bench.runtime.fail_next = False
        self.bench.settle()
        assert all(self.bench.ends(str(id)) == 1 for id in range(self.count))
        assert all(sampler.closed for sampler in self.bench.runtime.samplers)
        # No slot or cell has leaked: the largest possible request still fits.
        self.bench.ask("last", "z" * 40, 24)
        self.bench.settle()
        assert self.bench.finished("last").reason == "length"


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
