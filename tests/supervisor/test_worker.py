"""A worker that fails, hangs or talks nonsense, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from fakes import virtual_time
from fakes.fake_worker import BUILD
from fakes.pool_bench import bench, in_virtual_time
from fakes.supervised import ask, request
from hob.errors import (
    HobError,
    ModelLoadFailed,
    ProtocolError,
    WorkerDied,
    WorkerStalled,
    WorkerStartTimeout,
    WorkerUnavailable,
)
from hob.wire.base import ErrorInfo
from hob.wire.engine import Cancel, Failed, FromWorker, Heartbeat, Hello, LoadFailed, LoadProgress
from hob.wire.events import ModelFailed, ModelLoading, ModelReady, ModelUnloaded
from hob.wire.frames import MAX_FRAME_BYTES
from hob.wire.generate import Delta, Started


@in_virtual_time
async def test_a_request_starts_the_worker_and_is_answered() -> None:
    async with bench() as b:
        assert await ask(b.pool, "m") == "0 1 2 3 "
        status = b.pool.workers()[0]
        assert (status.state, status.answers, status.tokens_per_second) == ("ready", 1, 100.0)
        assert status.warm_since is not None
        assert [type(fact).__name__ for fact in b.facts.all] == [
            "RequestQueued",
            "ModelLoading",
            "ModelReady",
            "RequestStarted",
            "RequestFinished",
        ]


@in_virtual_time
async def test_requests_wait_in_order_while_the_model_loads() -> None:
    async with bench() as b, asyncio.TaskGroup() as group:
        b.world.auto_load = False
        tasks = [group.create_task(ask(b.pool, "m")) for _ in range(3)]
        child = await b.child()
        assert b.pool.workers()[0].waiting_requests == 3
        child.finish_load()
        for task in tasks:
            await task
    assert [type(item).__name__ for item in child.received[:4]] == ["Load", *["Generate"] * 3]


@in_virtual_time
async def test_load_progress_is_told_in_steps() -> None:
    async with bench() as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            group.create_task(b.pool.load("m"))
            child = await b.child()
            for thousandth in range(1_000):
                child.say(LoadProgress(fraction=thousandth / 1_000))
            child.finish_load()
        fractions = [fact.fraction for fact in b.facts.of(ModelLoading)]
        assert fractions == sorted(fractions)
        assert len(fractions) <= 101


# ---- limits ----


@in_virtual_time
async def test_a_worker_that_never_says_hello_is_given_up() -> None:
    async with bench(hello_timeout_s=30) as b:
        b.world.auto_hello = False
        before = asyncio.get_running_loop().time()
        error = await b.failure(b.pool.load("m"))
        assert isinstance(error, WorkerStartTimeout)
        assert asyncio.get_running_loop().time() - before == pytest.approx(30, abs=0.1)


@in_virtual_time
async def test_a_load_without_progress_is_given_up() -> None:
    async with bench(start_timeout_s=100) as b:
        b.world.auto_load = False
        assert isinstance(await b.failure(b.pool.load("m")), WorkerStartTimeout)
        assert not b.world.alive()


@in_virtual_time
async def test_a_slow_load_that_shows_progress_is_given_all_the_time_it_needs() -> None:
    async with bench(start_timeout_s=100) as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(b.pool.load("m"))
            child = await b.child()
            for step in range(10):
                await asyncio.sleep(90)
                child.say(LoadProgress(fraction=step / 10))
            child.finish_load()
            assert (await loading).state == "ready"


@in_virtual_time
async def test_a_stalled_worker_is_ended_and_each_request_told() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        errors = await asyncio.gather(*(b.failure(ask(b.pool, "m")) for _ in range(3)))
        assert [type(error) for error in errors] == [WorkerStalled] * 3
        b.world.auto_answer = True
        assert await ask(b.pool, "m") == "0 1 2 3 "


@in_virtual_time
async def test_a_suspended_machine_is_no_stall_of_the_worker() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "m"))
            child = await b.child()
            loop = asyncio.get_running_loop()
            assert isinstance(loop, virtual_time.VirtualLoop)
            loop.jump(3_600)
            await asyncio.sleep(50)
            child.answer(next(iter(child.live)))
            assert await answer == "0 1 2 3 "


@in_virtual_time
async def test_after_a_suspension_a_stalled_worker_is_still_found_out() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(ask(b.pool, "m")))
            await b.settle()
            loop = asyncio.get_running_loop()
            assert isinstance(loop, virtual_time.VirtualLoop)
            loop.jump(3_600)
            assert isinstance(await failing, WorkerStalled)


@in_virtual_time
async def test_what_comes_for_an_unknown_request_is_dropped() -> None:
    async with bench() as b:
        assert await ask(b.pool, "m") == "0 1 2 3 "
        child = b.world.children[0]
        child.say(Started(id="nobody", prompt_tokens=1))
        child.say(Delta(id="nobody", text="late"))
        child.say(Failed(id="nobody", error=ErrorInfo(code="internal", message="Late.")))
        assert await ask(b.pool, "m") == "0 1 2 3 "
        assert b.world.children == [child]


@in_virtual_time
async def test_a_request_over_the_size_of_a_frame_costs_nobody_else_the_worker() -> None:
    async with bench() as b:
        await b.pool.load("m")
        error = await b.failure(ask(b.pool, "m", "x" * (MAX_FRAME_BYTES + 1)))
        assert (error.code, error.hint) == ("invalid_request", "Send less text.")
        assert await ask(b.pool, "m") == "0 1 2 3 "
        assert len(b.world.children) == 1


@in_virtual_time
async def test_a_worker_without_llama_cpp_says_so_before_hello() -> None:
    async with bench() as b:
        b.world.auto_hello = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.load("m")))
            child = await b.child()
            error = ErrorInfo(code="start_failed", message="It is not installed.", hint="Do.")
            child.say(LoadFailed(error=error))
            assert ErrorInfo.of(await failing) == error


@in_virtual_time
async def test_a_heartbeat_is_progress() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "m"))
            child = b.world.children[0]
            for step in range(10):
                await asyncio.sleep(50)
                child.say(Heartbeat(steps=step, live=1, queued=0))
            child.answer(next(iter(child.live)))
            assert await answer == "0 1 2 3 "


@in_virtual_time
async def test_an_idle_worker_may_be_silent_for_ever_and_costs_no_timer() -> None:
    async with bench(stall_timeout_s=60, idle_unload_s=0) as b:
        await ask(b.pool, "m")
        await asyncio.sleep(1_000)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_time.VirtualLoop)
        assert loop.timers() == 0
        assert b.pool.workers()[0].state == "ready"


@in_virtual_time
async def test_silence_before_a_request_does_not_count_as_a_stall() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        await asyncio.sleep(500)
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "m"))
            await asyncio.sleep(50)
            child = b.world.children[0]
            child.answer(next(iter(child.live)))
            assert await answer == "0 1 2 3 "


@in_virtual_time
async def test_a_worker_that_ignores_stop_is_killed_after_the_limit() -> None:
    async with bench(stop_timeout_s=5) as b:
        await b.pool.load("m")
        b.world.obeys_stop = False
        before = asyncio.get_running_loop().time()
        await b.pool.unload("m")
        assert not b.world.alive()
        assert asyncio.get_running_loop().time() - before == pytest.approx(5, abs=0.1)


# ---- nonsense ----


@pytest.mark.parametrize(
    "message",
    [
        Hello(protocol=1, pid=1, build=BUILD),
        LoadProgress(fraction=0.5),
        LoadFailed(error=ErrorInfo.of(ModelLoadFailed("x"))),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_out_of_turn_ends_the_worker(message: FromWorker) -> None:
    async def main() -> None:
        async with bench() as b:
            await b.pool.load("m")
            b.world.auto_answer = False
            async with asyncio.TaskGroup() as group:
                failing = group.create_task(b.failure(ask(b.pool, "m")))
                await asyncio.sleep(0.01)
                b.world.children[0].say(message)
                assert isinstance(await failing, ProtocolError)
            assert b.world.children[0].ended

    virtual_time.run(main())


@pytest.mark.parametrize(
    "frame",
    [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x00", b"\x00\x00\x00\x01\x80"],
)
def test_bytes_that_are_no_message_end_the_worker(frame: bytes) -> None:
    async def main() -> None:
        async with bench() as b:
            await b.pool.load("m")
            b.world.auto_answer = False
            async with asyncio.TaskGroup() as group:
                failing = group.create_task(b.failure(ask(b.pool, "m")))
                await asyncio.sleep(0.01)
                b.world.children[0].stdout.feed_data(frame)
                assert isinstance(await failing, ProtocolError)
            b.world.auto_answer = True
            assert await ask(b.pool, "m") == "0 1 2 3 "

    virtual_time.run(main())


@in_virtual_time
async def test_a_worker_of_another_version_is_refused() -> None:
    async with bench() as b:
        b.world.auto_hello = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.load("m")))
            (await b.child()).say(Hello(protocol=99, pid=1, build=BUILD))
            error = await failing
        assert isinstance(error, ProtocolError)
        assert "version 99" in error.message
        assert "hob restart" in error.hint


@in_virtual_time
async def test_a_worker_that_closes_its_pipe_but_lives_is_ended() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.children[0].stdout.feed_eof()
        await b.facts.wait(ModelFailed)
        assert not b.world.alive()


# ---- dying ----


@in_virtual_time
async def test_a_request_that_a_dying_worker_never_heard_goes_to_the_next_one() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "m"))
            await asyncio.sleep(0.01)
            b.world.auto_answer = True
            b.world.children[0].die(-9)
            assert await answer == "0 1 2 3 "


@in_virtual_time
async def test_a_request_that_kills_two_workers_is_given_up() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(ask(b.pool, "m")))
            await asyncio.sleep(0.01)
            b.world.children[0].die(-9)
            await asyncio.sleep(0.01)
            b.world.children[1].die(-11)
            assert isinstance(await failing, WorkerDied)


@in_virtual_time
async def test_text_before_the_death_is_delivered_and_then_the_error() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        wish = request()
        async with b.pool.generate("m", wish) as events:
            child = b.world.children[0]
            child.say(Started(id=wish.id, prompt_tokens=1))
            child.say(Delta(id=wish.id, text="so "))
            child.die(-9)
            assert isinstance(await anext(events), Started)
            assert await anext(events) == Delta(id=wish.id, text="so ")
            with pytest.raises(WorkerDied):
                await anext(events)


@in_virtual_time
async def test_a_worker_that_cannot_be_started_says_why() -> None:
    async with bench() as b:
        b.world.spawn_error = FileNotFoundError(2, "No such file or directory")
        error = await b.failure(b.pool.load("m"))
        assert isinstance(error, WorkerDied)
        assert "No such file or directory" in error.message


@in_virtual_time
async def test_a_failed_load_is_told_as_the_worker_told_it() -> None:
    async with bench() as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(ask(b.pool, "m")))
            child = await b.child()
            await asyncio.sleep(0.01)
            child.say(LoadFailed(error=ErrorInfo(code="model_load_failed", message="Too odd.")))
            error = await failing
        assert isinstance(error, ModelLoadFailed)
        assert error.message == "Too odd."
        assert b.pool.workers()[0].problem is not None


@in_virtual_time
async def test_a_crash_loop_backs_off_then_refuses_then_tries_again() -> None:
    async with bench() as b:
        loop = asyncio.get_running_loop()
        b.world.spawn_error = OSError(12, "Cannot allocate memory")
        waits = []
        for _ in range(5):
            before = loop.time()
            assert isinstance(await b.failure(ask(b.pool, "m")), WorkerDied)
            waits.append(round(loop.time() - before, 3))
        assert waits == [0, 0, 0.5, 1, 2]
        error = await b.failure(ask(b.pool, "m"))
        assert isinstance(error, WorkerUnavailable)
        assert "Cannot allocate memory" in error.message
        await asyncio.sleep(30)
        b.world.spawn_error = None
        assert await ask(b.pool, "m") == "0 1 2 3 "


@in_virtual_time
async def test_loading_by_hand_does_not_wait_for_the_back_off() -> None:
    async with bench() as b:
        b.world.spawn_error = OSError(12, "Cannot allocate memory")
        for _ in range(6):
            await b.failure(ask(b.pool, "m"))
        b.world.spawn_error = None
        before = asyncio.get_running_loop().time()
        assert (await b.pool.load("m")).state == "ready"
        assert asyncio.get_running_loop().time() - before < 0.1


@in_virtual_time
async def test_the_chosen_model_comes_back_by_itself_until_it_is_hopeless() -> None:
    async with bench() as b:
        await b.pool.start("m")
        await b.facts.wait(ModelReady)
        b.world.children[0].die(-9)
        assert (await b.facts.wait(ModelFailed)).retry_s == 0
        await b.facts.wait(ModelReady)
        b.world.spawn_error = OSError(12, "Cannot allocate memory")
        b.world.children[1].die(-9)
        delays = [(await b.facts.wait(ModelFailed)).retry_s for _ in range(4)]
        assert delays == [pytest.approx(0.5), pytest.approx(1), pytest.approx(2), None]


@in_virtual_time
async def test_a_model_that_is_not_the_chosen_one_does_not_come_back_by_itself() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.children[0].die(-9)
        assert (await b.facts.wait(ModelFailed)).retry_s is None
        await asyncio.sleep(1_000)
        assert len(b.world.children) == 1


@in_virtual_time
async def test_a_chosen_model_with_a_bad_file_is_not_tried_over_and_over() -> None:
    async with bench() as b:
        b.world.auto_load = False
        await b.pool.start("m")
        child = await b.child()
        await asyncio.sleep(0.01)
        child.say(LoadFailed(error=ErrorInfo(code="model_load_failed", message="Too odd.")))
        assert (await b.facts.wait(ModelFailed)).retry_s is None
        await asyncio.sleep(1_000)
        assert len(b.world.children) == 1


# ---- leaving and unloading ----


@in_virtual_time
async def test_leaving_early_takes_the_request_back() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        wish = request()
        async with b.pool.generate("m", wish) as events:
            b.world.children[0].say(Started(id=wish.id, prompt_tokens=1))
            await anext(events)
        await asyncio.sleep(0.01)
        assert b.world.children[0].received[-1] == Cancel(id=wish.id)
        assert b.pool.live_requests == 0
        assert b.pool.workers()[0].live_requests == 0


@in_virtual_time
async def test_leaving_while_the_model_loads_forgets_the_request() -> None:
    async with bench() as b:
        b.world.auto_load = False
        asking = asyncio.ensure_future(ask(b.pool, "m"))
        child = await b.child()
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(0.01)
        child.finish_load()
        await b.facts.wait(ModelReady)
        assert [type(item).__name__ for item in child.received] == ["Load"]


@in_virtual_time
async def test_unloading_while_answering_ends_the_answer_with_an_error() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(ask(b.pool, "m")))
            await asyncio.sleep(0.01)
            await b.pool.unload("m")
            assert isinstance(await failing, WorkerUnavailable)
        assert (await b.facts.wait(ModelUnloaded)).why == "asked"
        b.world.auto_answer = True
        assert await ask(b.pool, "m") == "0 1 2 3 "


@in_virtual_time
async def test_unloading_cuts_a_load_short() -> None:
    async with bench() as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.load("m")))
            await b.child()
            await b.pool.unload("m")
            assert isinstance(await failing, WorkerUnavailable)
        assert not b.world.alive()


@in_virtual_time
async def test_an_unloaded_chosen_model_stays_unloaded_until_it_is_asked_for() -> None:
    async with bench() as b:
        await b.pool.start("m")
        await b.facts.wait(ModelReady)
        await b.pool.unload("m")
        await asyncio.sleep(1_000)
        assert not b.world.alive()
        assert await ask(b.pool, "") == "0 1 2 3 "


@in_virtual_time
async def test_a_request_during_an_unload_is_served_by_the_next_process() -> None:
    async with bench() as b:
        await b.pool.load("m")
        async with asyncio.TaskGroup() as group:
            group.create_task(b.pool.unload("m"))
            await asyncio.sleep(0)
            assert await ask(b.pool, "m") == "0 1 2 3 "
        assert len(b.world.children) == 2


@in_virtual_time
async def test_two_loads_at_once_make_one_process() -> None:
    async with bench() as b:
        statuses = await asyncio.gather(*(b.pool.load("m") for _ in range(5)))
        assert len({status.pid for status in statuses}) == 1
        assert len(b.world.children) == 1


@in_virtual_time
async def test_a_replaced_file_is_loaded_before_the_next_request() -> None:
    async with bench() as b:
        await ask(b.pool, "m")
        b.library.put("m", b"another file")
        assert await ask(b.pool, "m") == "0 1 2 3 "
        assert [child.ended for child in b.world.children] == [True, False]


@in_virtual_time
async def test_a_file_replaced_while_answering_lets_the_answer_finish() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            first = group.create_task(ask(b.pool, "m"))
            await asyncio.sleep(0.01)
            b.world.auto_answer = True
            b.library.put("m", b"another file")
            second = group.create_task(ask(b.pool, "m"))
            await asyncio.sleep(1)
            old = b.world.children[0]
            assert not old.ended
            old.answer(next(iter(old.live)))
            assert await first == await second == "0 1 2 3 "
        assert len(b.world.children) == 2


@in_virtual_time
async def test_an_id_in_use_is_refused_and_the_first_answer_goes_on() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        wish = request()
        async with b.pool.generate("m", wish):
            with pytest.raises(HobError, match="being answered"):
                async with b.pool.generate("m", wish):
                    pass
            assert b.pool.live_requests == 1
