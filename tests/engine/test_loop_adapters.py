"""Requests with adapters through the engine loop, on a model without weights."""

from __future__ import annotations

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.costs import CostCurve
from hob.engine.inbox import Accepted, Prepared
from hob.engine.job import Job, Prompt
from hob.engine.loop import EngineLoop
from hob.engine.output.stream import PlainOutput
from hob.wire.engine import Failed, FromWorker
from hob.wire.generate import AdapterUse, Finished, GenerateRequest

STYLE, LAW = (AdapterUse("style.gguf"),), (AdapterUse("law.gguf"),)


class Bench:
    def __init__(self) -> None:
        self.runtime = FakeRuntime(context_length=256, slots=3)
        self.sent: list[FromWorker] = []
        cache = PrefixCache(self.runtime, 10_000)
        costs = CostCurve(32, default_useful=8, default_full=32)
        self.loop = EngineLoop(
            self.runtime, cache, costs, self.sent.append, most=32, clock=lambda: 0.0
        )

    def ask(self, id: str, adapters: tuple[AdapterUse, ...] = (), max_new: int = 5) -> None:
        request = GenerateRequest(id=id, prompt="x", adapters=adapters)
        self.loop.post(Accepted(request, 0.0))
        self.loop.post(Prepared(id, Job(Prompt(list(b"abc"), max_new), PlainOutput(()))))

    def settle(self, most: int = 100) -> None:
        for _ in range(most):
            self.loop.take_messages(block=False)
            self.loop.step()

    def finished(self) -> dict[str, Finished]:
        return {m.id: m for m in self.sent if isinstance(m, Finished)}


def test_the_first_request_is_computed_with_its_adapters() -> None:
    bench = Bench()
    bench.ask("a", STYLE)
    bench.settle()
    assert bench.runtime.adapters == [STYLE]


def test_without_adapters_nothing_is_applied() -> None:
    bench = Bench()
    bench.ask("a")
    bench.settle()
    assert bench.runtime.adapters == []


def test_adapters_are_taken_off_for_a_request_without() -> None:
    bench = Bench()
    bench.ask("a", STYLE)
    bench.settle()
    bench.ask("b")
    bench.settle()
    assert bench.runtime.adapters == [STYLE, ()]


def test_groups_take_turns_and_nobody_starves() -> None:
    bench = Bench()
    for id, adapters in (("a", STYLE), ("b", LAW), ("c", ())):
        bench.ask(id, adapters, max_new=20)
    bench.settle()
    assert set(bench.finished()) == {"a", "b", "c"}
    assert len(bench.runtime.adapters) > 6
    assert all(len(step) == 1 for step in bench.runtime.steps)


def test_what_was_computed_with_other_adapters_is_not_reused() -> None:
    bench = Bench()
    for id, adapters in (("a", ()), ("b", STYLE), ("c", STYLE)):
        bench.ask(id, adapters)
        bench.settle()
    cached = [end.usage.cached_tokens for end in bench.finished().values()]
    assert cached == [0, 0, 2]


def test_an_adapter_that_cannot_be_loaded_fails_its_own_request_alone() -> None:
    bench = Bench()
    bench.ask("good", STYLE)
    bench.ask("bad", (AdapterUse("bad.gguf"),))
    bench.settle()
    (failed,) = [m for m in bench.sent if isinstance(m, Failed)]
    assert (failed.id, set(bench.finished())) == ("bad", {"good"})
