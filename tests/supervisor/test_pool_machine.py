"""Any order of requests, loads, unloads, crashes, stalls and changes of files: everyone is served
or gets a typed error, nobody waits for ever, there are never more processes than places, and they
never take more memory than there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.in_process import FakeChild
from fakes.pool_bench import Bench
from fakes.supervised import ask, prefill, tokenize
from fakes.virtual_time import VirtualLoop
from hob.errors import HobError
from hob.supervisor.room_plan import Relief
from hob.wire.base import ErrorInfo
from hob.wire.engine import Failed
from hob.wire.generate import Queued, Started

MODELS = ("a", "b", "c")
NAMES = st.sampled_from(MODELS)
MAX_LOADED = 3
# Any of them fits alone, some beside each other, and all of them only with a short context.
WEIGHTS = {"a": 10_000, "b": 20_000, "c": 30_000, "renamed": 20_000}
TOTAL = 61_000


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.waiting: set[asyncio.Task[Any]] = set()
        self.runner.run(self.begin())

    async def begin(self) -> None:
        self.bench = Bench(
            *MODELS,
            total=TOTAL,
            weights=WEIGHTS,
            max_loaded=MAX_LOADED,
            idle_unload_s=500,
            stall_timeout_s=60,
        )
        self.pool, self.world = self.bench.pool, self.bench.world
        self.library = self.bench.library
        assert self.bench.budget is not None
        self.budget = self.bench.budget
        self.departing: list[FakeChild] = []

    def launch(self, doing: Coroutine[Any, Any, object]) -> None:
        """Begin it, and let everything happen that needs no time."""

        async def begin() -> None:
            self.waiting.add(asyncio.get_running_loop().create_task(doing))
            await self.bench.settle()

        self.runner.run(begin())

    def happen(self, change: Callable[[], object]) -> None:
        """Something that takes no time itself, and all that follows at once."""

        async def happen() -> None:
            change()
            await self.bench.settle()

        self.runner.run(happen())

    @rule(name=NAMES)
    def ask(self, name: str) -> None:
        self.launch(ask(self.pool, name))

    @rule(name=NAMES, keep_alive=st.sampled_from([0.0, 5.0, -1.0]))
    def ask_and_say_how_long_it_stays(self, name: str, keep_alive: float) -> None:
        self.launch(self.pool.call(name, tokenize(), keep_alive=keep_alive))

    @rule(name=NAMES, heavy=st.booleans())
    def call(self, name: str, heavy: bool) -> None:
        self.launch(self.pool.call(name, prefill() if heavy else tokenize()))

    @rule(name=NAMES)
    def load(self, name: str) -> None:
        self.launch(self.pool.load(name))

    @rule(name=NAMES)
    def use(self, name: str) -> None:
        self.launch(self.pool.use(name))

    @rule(name=NAMES)
    def unload(self, name: str) -> None:
        self.launch(self.pool.unload(name))

    @rule(name=NAMES)
    def cancel_the_load(self, name: str) -> None:
        self.launch(self.pool.cancel(name))

    @rule(name=NAMES, size=st.integers(1, 3))
    def replace_the_file_unnoticed(self, name: str, size: int) -> None:
        if name in self.library.models:
            self.library.put(name, b"x" * size)

    @rule(name=NAMES, size=st.integers(1, 3), in_place=st.booleans())
    def change_the_file(self, name: str, size: int, in_place: bool) -> None:
        if name in self.library.models:
            info = self.library.put(name, b"x" * size)
            self.happen(lambda: self.pool.model_changed(info, in_place))

    @rule(name=NAMES)
    def write_into_the_file_before_anybody_notices(self, name: str) -> None:
        path = f"/nowhere/{name}.gguf"
        self.library.touched[path] = self.library.touched.get(path, 0) + 1

    @rule(name=NAMES)
    def remove_the_file(self, name: str) -> None:
        if (info := self.library.models.pop(name, None)) is not None:
            self.departing.extend(self.world.alive(info.path))
            self.happen(lambda: self.pool.model_removed(name))

    @rule(name=NAMES)
    def put_the_file_back(self, name: str) -> None:
        if name not in self.library.models:
            self.library.put(name)
            self.happen(lambda: self.pool.model_added(name))

    @rule()
    def rename_a_file_there_or_back(self) -> None:
        names = ("b", "renamed") if "b" in self.library.models else ("renamed", "b")
        if names[0] in self.library.models and names[1] not in self.library.models:
            self.rename(*names)

    def rename(self, old: str, new: str) -> None:
        path = self.library.models.pop(old).path
        info = self.library.put(new)
        for child in self.world.alive(path):
            if child not in self.departing:
                child.path = info.path
        self.happen(lambda: self.pool.model_renamed(old, info))

    @rule(others=st.sampled_from([0, 10_000, 55_000]))
    def other_programs_take_memory(self, others: int) -> None:
        self.budget.others = others

    @rule(relief=st.sampled_from(["off", "idle", "all"]))
    def other_programs_need_memory(self, relief: Relief) -> None:
        self.happen(lambda: self.pool.relieve(relief))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up_waiting(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.waiting, key=lambda task: task.get_name())))

        async def cancel() -> None:
            task.cancel()
            await self.bench.settle()

        self.runner.run(cancel())

    @precondition(lambda self: self.world.alive())
    @rule(data=st.data(), code=st.sampled_from([-9, -11, 0, 3]))
    def a_process_dies(self, data: st.DataObject, code: int) -> None:
        child = data.draw(st.sampled_from(self.world.alive()))

        async def die() -> None:
            child.die(code)
            await self.bench.settle()

        self.runner.run(die())

    @precondition(lambda self: any(child.live for child in self.world.alive()))
    @rule(data=st.data(), word=st.sampled_from(["queued", "started", "failed"]))
    def a_process_tells_of_its_work(self, data: st.DataObject, word: str) -> None:
        busy = [child for child in self.world.alive() if child.live]
        child = data.draw(st.sampled_from(busy))
        request_id = data.draw(st.sampled_from(sorted(child.live)))

        async def tell() -> None:
            if word == "queued":
                child.say(Queued(id=request_id, place=1))
            elif word == "started":
                child.say(Started(id=request_id, prompt_tokens=1))
            else:
                del child.live[request_id]
                error = ErrorInfo(code="context_length_exceeded", message="Too long.")
                child.say(Failed(id=request_id, error=error))
            await self.bench.settle()

        self.runner.run(tell())

    @rule(hello=st.booleans(), load=st.booleans(), answer=st.booleans(), obeys_stop=st.booleans())
    def workers_behave_in_another_way(
        self, hello: bool, load: bool, answer: bool, obeys_stop: bool
    ) -> None:
        self.world.auto_hello, self.world.auto_load = hello, load
        self.world.auto_answer, self.world.obeys_stop = answer, obeys_stop

    @rule(seconds=st.sampled_from([0.1, 1.0, 20.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @invariant()
    def never_more_processes_than_places(self) -> None:
        assert len(self.world.alive()) <= MAX_LOADED

    @invariant()
    def never_two_processes_for_a_model(self) -> None:
        staying = [child for child in self.world.alive() if child not in self.departing]
        paths = [child.path for child in staying if child.path]
        assert len(paths) == len(set(paths))

    @invariant()
    def never_more_memory_than_there_is(self) -> None:
        assert self.budget.held <= TOTAL

    @invariant()
    def whoever_is_done_was_served_or_told(self) -> None:
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                assert isinstance(error, HobError), repr(error)

    def teardown(self) -> None:
        """With workers that behave from now on, everybody gets through; then all is gone."""
        self.runner.run(self.end())
        self.runner.close()

    async def end(self) -> None:
        self.workers_behave_in_another_way(True, True, True, True)
        self.budget.others = 0
        for name in MODELS:
            self.library.put(name)
            self.pool.model_added(name)
        if self.waiting:
            _, late = await asyncio.wait(self.waiting, timeout=2_000)
            assert not late, f"still waiting: {late}"
        self.whoever_is_done_was_served_or_told()
        for name in MODELS:
            await self.pool.unload(name)
        for name in MODELS:
            await self.pool.load(name)
            assert await ask(self.pool, name) == "0 1 2 3 "
        await self.pool.drain(1)
        assert not self.world.alive()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPoolMachine = PoolMachine.TestCase
