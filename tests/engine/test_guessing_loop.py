"""Guessing ahead changes how many steps an answer takes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.loop_bench import Bench
from fakes.runtime import END, FakeRuntime
from hob.engine.guessing.source import LookupSource, Source
from hob.engine.guessing.speculation import Speculation
from hob.engine.inbox import Cancelled
from hob.engine.sequence import Sequence

Script = Callable[[Items[int]], int]


class Oracle:
    """Guesses what the runtime's script will say, except where `wrong` says otherwise."""

    prior = 0.9
    most = 8
    seconds = 0.0

    def __init__(
        self, runtime: FakeRuntime, wrong: Callable[[int], bool] = lambda _n: False
    ) -> None:
        self._runtime = runtime
        self._wrong = wrong

    def available(self, seq: Sequence, most: int) -> int:
        return most

    def guess(self, wishes: Items[tuple[Sequence, int]]) -> list[list[int]]:
        return [self._ahead(list(seq.tokens), count) for seq, count in wishes]

    def _ahead(self, tokens: list[int], count: int) -> list[int]:
        length = len(tokens)
        for _ in range(count):
            token = self._runtime.script(tokens)
            tokens.append(120 if self._wrong(len(tokens)) else token)
        return tokens[length:]

    def forget(self, seq: Sequence) -> None: ...


def repeating(tokens: Items[int]) -> int:
    return b"to and fro "[len(tokens) % 11]


def guessing_bench(
    script: Script | None = None,
    source: Source | None = None,
    *,
    always: bool = True,
    divisible: bool = True,
    context_length: int = 256,
) -> Bench:
    runtime = FakeRuntime(context_length=context_length, divisible=divisible)
    if script:
        runtime.script = script
    return Bench(runtime, guesser=Speculation(source or LookupSource(), always=always))


def plain_bench(script: Script | None = None) -> Bench:
    runtime = FakeRuntime(context_length=256)
    if script:
        runtime.script = script
    return Bench(runtime)


def oracle_bench(wrong: Callable[[int], bool] = lambda _n: False) -> Bench:
    runtime = FakeRuntime(context_length=256)
    return Bench(runtime, guesser=Speculation(Oracle(runtime, wrong), always=True))


def test_text_that_repeats_itself_comes_in_fewer_steps() -> None:
    plain, guessing = plain_bench(repeating), guessing_bench(repeating)
    for bench in (plain, guessing):
        bench.ask("a", "abc", 60)
        bench.settle()
    assert guessing.text("a") == plain.text("a")
    assert len(guessing.runtime.steps) < len(plain.runtime.steps) / 2
    usage = guessing.finished("a").usage
    assert usage.drafted_tokens >= usage.accepted_tokens > 30
    assert usage.completion_tokens == 60


def test_wrong_guesses_change_nothing() -> None:
    plain, guessing = plain_bench(), oracle_bench(lambda n: n % 3 == 0)
    for bench in (plain, guessing):
        bench.ask("a", "abc", 40)
        bench.ask("b", "xyzzy", 40)
        bench.settle()
    assert (guessing.text("a"), guessing.text("b")) == (plain.text("a"), plain.text("b"))
    usage = guessing.finished("a").usage
    assert 0 < usage.accepted_tokens < usage.drafted_tokens


def test_an_answer_has_max_tokens_exactly() -> None:
    for max_new in range(1, 20):
        bench = oracle_bench()
        bench.ask("a", "abc", max_new)
        bench.settle()
        end = bench.finished("a")
        assert (end.reason, end.usage.completion_tokens) == ("length", max_new)
        assert len(bench.text("a")) == max_new
        assert all(len(step[0].tokens) <= max(3, max_new) for step in bench.runtime.steps)


def test_an_answer_ends_at_the_end_token_though_more_was_guessed() -> None:
    bench = oracle_bench()
    bench.runtime.script = lambda tokens: END if len(tokens) == 9 else ord("x")
    bench.ask("a", "abc", 40)
    bench.settle()
    assert (bench.text("a"), bench.finished("a").reason) == ("xxxxxx", "stop")


def test_a_stop_string_among_the_guesses_ends_the_answer() -> None:
    bench = oracle_bench()
    bench.runtime.script = lambda tokens: (b"one STOP two" * 9)[len(tokens) - 3]
    bench.ask("a", "abc", 40, stop=("STOP",))
    bench.settle()
    end = bench.finished("a")
    assert (bench.text("a"), end.reason, end.stop) == ("one ", "stop", "STOP")


def test_a_cancelled_request_leaves_no_guesses_behind() -> None:
    bench = oracle_bench(lambda n: n % 2 == 0)
    bench.ask("a", "abc", 60)
    bench.step(4)
    bench.loop.post(Cancelled("a"))
    bench.settle()
    assert bench.finished("a").reason == "cancelled"
    assert bench.cache.idle_slots == [0]
    assert bench.runtime.held(0) == list(b"abc" + bench_text(bench))


def bench_text(bench: Bench) -> bytes:
    """What the script writes after the prompt, as far as slot 0 holds it."""
    tokens = list(b"abc")
    while len(tokens) < len(bench.runtime.held(0)):
        tokens.append(bench.runtime.script(tokens))
    return bytes(tokens[3:])


def test_a_step_that_is_ended_early_is_taken_back_with_its_guesses() -> None:
    plain, guessing = plain_bench(), oracle_bench()
    for bench in (plain, guessing):
        bench.ask("a", "abc", 30)
        bench.step(3)
        bench.runtime.interrupt()
        bench.step()
        bench.settle()
    assert guessing.text("a") == plain.text("a")


def test_memory_that_cannot_be_cut_gets_no_guesses() -> None:
    bench = guessing_bench(repeating, divisible=False)
    bench.ask("a", "abc", 60)
    bench.settle()
    assert bench.finished("a").usage.drafted_tokens == 0
    assert bench.finished("a").usage.completion_tokens == 60


def test_guesses_move_nobody_out() -> None:
    bench = guessing_bench(repeating, context_length=64)
    bench.ask("a", "abc", 29)
    bench.ask("b", "xyz", 29)
    bench.settle()
    assert [bench.finished(id).usage.completion_tokens for id in "ab"] == [29, 29]
    assert bench.runtime.saves == 0
    assert bench.started() == ["a", "b"]


def test_a_step_with_guesses_obeys_its_bound() -> None:
    runtime = FakeRuntime(context_length=512, slots=6)
    bench = Bench(runtime, guesser=Speculation(Oracle(runtime), always=True))
    for id in "abcdef":
        bench.ask(id, id * 3, 40)
    bench.settle()
    sizes = [sum(len(chunk.tokens) for chunk in step) for step in runtime.steps]
    assert max(sizes) == 32
    assert all(bench.finished(id).usage.completion_tokens == 40 for id in "abcdef")


def in_even_time(bench: Bench) -> None:
    """Every step takes the same, and the loop knows it."""

    def tick() -> None:
        bench.now += 0.01

    bench.runtime.before_decode = tick
    for size in (1, 2, 4, 8, 16, 32):
        bench.costs.learn(size, 0.01)


def test_auto_guesses_where_it_pays() -> None:
    bench = guessing_bench(repeating, always=False)
    in_even_time(bench)
    bench.ask("a", "abc", 60)
    bench.settle()
    assert bench.finished("a").usage.accepted_tokens > 30


def test_auto_does_not_guess_before_costs_are_known() -> None:
    bench = guessing_bench(repeating, always=False)
    bench.ask("a", "abc", 60)
    bench.settle()
    assert bench.finished("a").usage.drafted_tokens == 0


def test_auto_does_not_guess_while_a_prompt_is_read() -> None:
    bench = guessing_bench(repeating, always=False)
    in_even_time(bench)
    bench.ask("a", "abc", 200)
    bench.step(20)
    assert len(bench.runtime.steps[-1][0].tokens) > 1
    bench.ask("b", "z" * 60, 20)
    bench.step()
    writing, reading = bench.runtime.steps[-1]
    assert (len(writing.tokens), len(reading.tokens)) == (1, 31)


def test_auto_stops_guessing_where_guesses_are_wrong() -> None:
    runtime = FakeRuntime(context_length=256)
    source = Oracle(runtime, lambda _n: True)
    bench = Bench(runtime, guesser=Speculation(source, always=False))
    in_even_time(bench)
    bench.costs.learn(16, 0.1)
    bench.ask("a", "abc", 200)
    bench.settle()
    assert bench.finished("a").usage.drafted_tokens < 200


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(97, 99), min_size=40, max_size=40),
    st.sets(st.integers(0, 60)),
    st.integers(1, 36),
)
def test_any_guesses_give_the_text_that_comes_without(
    text: list[int], wrong: set[int], max_new: int
) -> None:
    def script(tokens: Items[int]) -> int:
        return text[(len(tokens) * 7 + tokens[-1]) % 40]

    plain, guessing = plain_bench(script), oracle_bench(lambda n: n in wrong)
    guessing.runtime.script = script
    for bench in (plain, guessing):
        bench.ask("a", "abc", max_new)
        bench.ask("b", "ab", max_new)
        bench.settle()
    for id in "ab":
        assert guessing.text(id) == plain.text(id)
        assert guessing.finished(id).usage.completion_tokens == max_new
