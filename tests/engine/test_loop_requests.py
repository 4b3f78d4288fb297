"""What a request may ask of the loop besides text, and how requests share what is computed."""

from __future__ import annotations

import pytest

from fakes.loop_bench import Bench
from fakes.runtime import FakeRuntime
from hob.engine.inbox import Cancelled
from hob.engine.job import ThoughtBudget
from hob.engine.output.stream import Emission, PlainOutput
from hob.engine.runtime import OutOfCells
from hob.wire.calls import Prefilled
from hob.wire.engine import Failed, Returned
from hob.wire.generate import Delta, Finished


@pytest.fixture
def bench() -> Bench:
    return Bench(FakeRuntime(context_length=256))


class Thinking(PlainOutput):
    """Thinks until a closing bracket comes."""

    thinking = True

    def push(self, piece: bytes) -> Emission:
        self.thinking = self.thinking and piece != b"]"
        return super().push(piece)


# Reading ahead


def test_reading_ahead_is_answered_with_what_was_read(bench: Bench) -> None:
    bench.read_ahead("p", "a prompt to come")
    bench.settle()
    (returned,) = [m for m in bench.sent if isinstance(m, Returned)]
    assert returned.result == Prefilled(prompt_tokens=16, cached_tokens=0)
    assert not bench.runtime.samplers
    assert bench.computed() == 16


def test_an_answer_starts_from_what_was_read_ahead(bench: Bench) -> None:
    bench.read_ahead("p", "a prompt to come")
    bench.settle()
    bench.ask("a", "a prompt to come and more", 2)
    bench.settle()
    assert bench.finished("a").usage.cached_tokens == 16


def test_reading_the_same_ahead_again_computes_nothing(bench: Bench) -> None:
    bench.read_ahead("p", "a prompt to come")
    bench.settle()
    bench.read_ahead("q", "a prompt to come")
    bench.settle()
    assert (bench.computed(), bench.ends("q")) == (16, 1)


def test_reading_ahead_makes_way_for_answers() -> None:
    bench = Bench(FakeRuntime(context_length=256, slots=1))
    bench.read_ahead("p", "p" * 200)
    bench.step(2)
    bench.ask("a", "abc", 3)
    bench.settle()
    ends = [m.id for m in bench.sent if isinstance(m, (Finished, Returned))]
    assert ends == ["a", "p"]


def test_reading_ahead_that_is_cancelled_fails_and_leaves_what_it_read(bench: Bench) -> None:
    bench.read_ahead("p", "p" * 100)
    bench.step(2)
    read = bench.computed()
    bench.loop.post(Cancelled("p"))
    bench.settle()
    (failed,) = [m for m in bench.sent if isinstance(m, Failed)]
    assert failed.error.code == "cancelled"
    bench.ask("a", "p" * 100 + "x", 2)
    bench.settle()
    assert bench.finished("a").usage.cached_tokens == read > 0


# Sharing


def test_a_common_prompt_of_many_requests_is_read_once() -> None:
    bench = Bench(FakeRuntime(context_length=512, slots=4))
    common = "c" * 120
    for id in "abcd":
        bench.ask(id, common + id, 3)
    bench.settle()
    # Within a step several may compute the same; from step to step they share.
    assert bench.computed() < 120 + 4 * (1 + 2) + 60
    assert all(bench.ends(id) == 1 for id in "abcd")
    bench.check_cells()


def test_an_urgent_request_moves_a_background_one_out_and_it_comes_back_the_same() -> None:
    alone = Bench(FakeRuntime(slots=1, context_length=256))
    alone.ask("b", "background", 40)
    alone.settle()
    bench = Bench(FakeRuntime(slots=1, context_length=256))
    bench.ask("b", "background", 40, priority="background")
    bench.step(10)
    bench.ask("i", "urgent", 5, priority="interactive")
    bench.settle()
    assert bench.started() == ["b", "i"]
    ends = [m.id for m in bench.sent if isinstance(m, Finished)]
    assert ends == ["i", "b"]
    assert bench.text("b") == alone.text("b")
    assert bench.finished("b").usage == alone.finished("b").usage


def test_an_equal_newcomer_waits() -> None:
    bench = Bench(FakeRuntime(slots=1, context_length=256))
    bench.ask("a", "first", 10)
    bench.step(3)
    bench.ask("b", "second", 3)
    bench.settle()
    assert [m.id for m in bench.sent if isinstance(m, Finished)] == ["a", "b"]


def test_places_in_the_queue_are_told_when_they_change() -> None:
    bench = Bench(FakeRuntime(slots=1, context_length=256))
    bench.ask("a", "aaa", 6, priority="interactive")
    bench.step()
    bench.ask("b", "bbb", 6)
    bench.ask("c", "ccc", 6)
    bench.step(3)
    assert (bench.places("a"), bench.places("b"), bench.places("c")) == ([], [1], [2])
    bench.ask("i", "iii", 6, priority="interactive")
    bench.step(2)
    assert (bench.places("i"), bench.places("b"), bench.places("c")) == ([1], [1, 2], [2, 3])
    bench.settle()
    assert (bench.places("b"), bench.places("c")) == ([1, 2, 1], [2, 3, 2, 1])


# Echo


def test_an_echoed_prompt_comes_before_the_answer(bench: Bench) -> None:
    bench.ask("a", "abc", 3, echo=True)
    bench.settle()
    assert bench.text("a")[:3] == "abc"
    assert len(bench.text("a")) == 6
    assert bench.finished("a").usage.completion_tokens == 3


@pytest.mark.parametrize("length", [1, 3, 100])
def test_an_echo_with_scores_tells_each_token_of_the_prompt_once(length: int) -> None:
    bench = Bench(FakeRuntime(context_length=256))
    bench.ask("x", "a" * length, 2)
    bench.settle()
    bench.ask("a", "a" * length, 2, echo=True, logprobs=2)
    bench.settle()
    scores = next(m for m in bench.sent if isinstance(m, Delta) and m.id == "a").logprobs
    assert [score.token for score in scores] == [97] * length
    assert [score.logprob for score in scores] == [None, *[-2.0] * (length - 1)]
    assert bench.finished("a").usage.cached_tokens == 0


def test_scores_are_told_once_when_reading_was_interrupted() -> None:
    bench = Bench(FakeRuntime(slots=1, context_length=256))
    bench.ask("b", "b" * 100, 2, echo=True, logprobs=0, priority="background")
    bench.step(2)
    assert bench.text("b") == ""
    bench.ask("i", "iii", 2, priority="interactive")
    bench.settle()
    scores = next(m for m in bench.sent if isinstance(m, Delta) and m.id == "b").logprobs
    assert len(scores) == 100


# What is not drawn


def test_forced_tokens_come_without_being_drawn(bench: Bench) -> None:
    bench.runtime.forces = lambda taken: b"zzz" if len(taken) == 1 else b""
    bench.ask("a", "abc", 6)
    bench.settle()
    assert (bench.text("a")[1:4], len(bench.text("a"))) == ("zzz", 6)


def test_forced_tokens_end_at_the_limit(bench: Bench) -> None:
    bench.runtime.forces = lambda taken: b"z" * 50
    bench.ask("a", "abc", 10)
    bench.settle()
    end = bench.finished("a")
    assert (end.reason, end.usage.completion_tokens) == ("length", 10)
    assert bench.text("a")[1:] == "z" * 9
    bench.check_cells()


def test_thoughts_are_closed_when_their_budget_is_spent(bench: Bench) -> None:
    bench.runtime.script = lambda tokens: ord("t") if ord("]") not in tokens else ord("x")
    budget = ThoughtBudget(4, tuple(b"!]"))
    bench.ask("a", "abc", 10, output=Thinking(), thoughts=budget)
    bench.settle()
    assert bench.text("a") == "tttt!]xxxx"
    assert bench.finished("a").usage.completion_tokens == 10


def test_the_close_of_thoughts_ends_at_the_limit(bench: Bench) -> None:
    bench.ask("a", "abc", 5, output=Thinking(), thoughts=ThoughtBudget(4, tuple(b"!!!]")))
    bench.settle()
    assert (bench.text("a")[4:], bench.finished("a").reason) == ("!", "length")


@pytest.mark.parametrize("full", [True, False])
def test_an_answer_that_the_context_ends_says_so(bench: Bench, full: bool) -> None:
    bench.ask("a", "abc", 5, context_full=full)
    bench.settle()
    assert bench.finished("a").context_full == full


# Memory


def test_memory_that_is_not_divisible_is_saved_where_prompts_part() -> None:
    bench = Bench(FakeRuntime(context_length=512, divisible=False), ram_bytes=100_000)
    bench.ask("a", "s" * 70 + "a" * 40, 2, boundary=70)
    bench.settle()
    bench.ask("b", "s" * 70 + "b" * 40, 2, boundary=70)
    bench.ask("c", "s" * 70 + "a" * 40, 2, boundary=70)
    bench.settle()
    assert bench.finished("b").usage.cached_tokens == 70
    assert bench.finished("c").usage.cached_tokens == 109


def test_a_step_that_finds_no_cells_moves_one_out_and_all_end(bench: Bench) -> None:
    full = [True]

    def before_decode() -> None:
        if full and len(bench.runtime.steps) == 4:
            full.clear()
            raise OutOfCells

    bench.runtime.before_decode = before_decode
    bench.ask("a", "aaa", 8)
    bench.ask("b", "bbb", 8)
    bench.step(10)
    assert not full
    bench.settle()
    assert (len(bench.text("a")), len(bench.text("b"))) == (8, 8)
    bench.check_cells()


def test_who_is_alone_and_finds_no_cells_fails(bench: Bench) -> None:
    def before_decode() -> None:
        raise OutOfCells

    bench.runtime.before_decode = before_decode
    bench.ask("a", "aaa", 8)
    bench.settle()
    (failed,) = [m for m in bench.sent if isinstance(m, Failed)]
    assert "no room" in failed.error.message
