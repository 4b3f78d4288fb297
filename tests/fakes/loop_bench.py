"""The engine loop on a model without weights, a step at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from fakes.runtime import FakeRuntime
from hob.engine.cache.prefixes import PrefixCache
from hob.engine.costs import CostCurve
from hob.engine.guessing.source import Guesser
from hob.engine.inbox import Accepted, Prepared
from hob.engine.job import Job, Prompt, ThoughtBudget
from hob.engine.loop import EngineLoop
from hob.engine.output.stream import Output, PlainOutput
from hob.wire.engine import Failed, FromWorker, Returned
from hob.wire.generate import Delta, Finished, GenerateRequest, Priority, Queued, Started


class Bench:
    """A loop whose steps are taken one by one, with a clock that stands until moved."""

    def __init__(
        self,
        runtime: FakeRuntime,
        watchdog: AbstractContextManager[None] | None = None,
        guesser: Guesser | None = None,
    ) -> None:
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
            watchdog=watchdog,
            guesser=guesser,
            clock=lambda: self.now,
        )

    def accept(self, id: str, *, prefill: bool = False, **fields: Any) -> None:
        request = GenerateRequest(id=id, prompt="x", **fields)
        self.loop.post(Accepted(request, self.now, prefill))

    def ask(
        self,
        id: str,
        prompt: str = "abc",
        max_new: int = 5,
        stop: tuple[str, ...] = (),
        priority: Priority = "normal",
        *,
        output: Output | None = None,
        thoughts: ThoughtBudget | None = None,
        boundary: int = 0,
        context_full: bool = False,
        prefill: bool = False,
        **fields: Any,
    ) -> None:
        """A request whose prompt is tokenized; `fields` are those of a GenerateRequest."""
        self.accept(id, prefill=prefill, stop=stop, priority=priority, **fields)
        tokens = list(prompt.encode())
        made = Prompt(tokens, max_new, boundary, context_full)
        self.loop.post(Prepared(id, Job(made, output or PlainOutput(stop), thoughts=thoughts)))

    def read_ahead(self, id: str, prompt: str, priority: Priority = "background") -> None:
        self.ask(id, prompt, 1, priority=priority, prefill=True)

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
        return sum(isinstance(m, (Finished, Failed, Returned)) and m.id == id for m in self.sent)

    def started(self) -> list[str]:
        return [m.id for m in self.sent if isinstance(m, Started)]

    def places(self, id: str) -> list[int]:
        return [m.place for m in self.sent if isinstance(m, Queued) and m.id == id]

    def computed(self) -> int:
        """Tokens of all steps so far."""
        return sum(len(chunk.tokens) for step in self.runtime.steps for chunk in step)

    def check_cells(self) -> None:
        """What the cache thinks that slots hold is what they hold."""
        for slot in range(self.runtime.slots):
            assert len(self.runtime.cells[slot]) == self.cache.length(slot)
        # Nothing is live: all that is held could be let go.
        assert self.cache.free_cells == self.runtime.context_length
        held = self.runtime.used_cells
        assert self.cache.make_room(self.runtime.context_length - held)
        assert self.runtime.used_cells == held, "there was room without letting anything go"
