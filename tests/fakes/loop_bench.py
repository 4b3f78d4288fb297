"""An engine loop on a model without weights, step by step."""

from __future__ import annotations

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.costs import CostCurve
from hob.engine.guessing.source import Guesser
from hob.engine.inbox import Accepted, Prepared
from hob.engine.job import Job, Prompt
from hob.engine.loop import EngineLoop
from hob.engine.output.stream import PlainOutput
from hob.wire.engine import Failed, FromWorker
from hob.wire.generate import Delta, Finished, GenerateRequest, Priority, Started


class Bench:
    """A loop whose steps are taken one by one, with a clock that stands until moved."""

    def __init__(self, runtime: FakeRuntime, guesser: Guesser | None = None) -> None:
        self.runtime = runtime
        self.now = 0.0
        self.sent: list[FromWorker] = []
        self.cache = PrefixCache(runtime, 10_000)
        self.costs = CostCurve(32, default_useful=8, default_full=32)
        self.loop = EngineLoop(
            runtime,
            self.cache,
            self.costs,
            self.sent.append,
            most=32,
            guesser=guesser,
            clock=lambda: self.now,
        )

    def accept(self, id: str, stop: tuple[str, ...] = (), priority: Priority = "normal") -> None:
        request = GenerateRequest(id=id, prompt="x", stop=stop, priority=priority)
        self.loop.post(Accepted(request, self.now))

    def ask(
        self,
        id: str,
        prompt: str = "abc",
        max_new: int = 5,
        stop: tuple[str, ...] = (),
        priority: Priority = "normal",
    ) -> None:
        self.accept(id, stop, priority)
        job = Job(Prompt(list(prompt.encode()), max_new), PlainOutput(stop))
        self.loop.post(Prepared(id, job))

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.loop.take_messages(block=False)
            self.loop.step()

    def settle(self) -> None:
        """Step until nothing changes any more."""
        before = -1
        while before != len(self.sent) + len(self.runtime.steps):
            before = len(self.sent) + len(self.runtime.steps)
            self.step()

    def text(self, id: str) -> str:
        return "".join(m.text for m in self.sent if isinstance(m, Delta) and m.id == id)

    def finished(self, id: str) -> Finished:
        (end,) = [m for m in self.sent if isinstance(m, Finished) and m.id == id]
        return end

    def ends(self, id: str) -> int:
        return sum(isinstance(m, (Finished, Failed)) and m.id == id for m in self.sent)

    def started(self) -> list[str]:
        return [m.id for m in self.sent if isinstance(m, Started)]
