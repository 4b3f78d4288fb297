"""The pool with real child processes: fake_worker speaks the true protocol over true pipes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from fakes.fake_worker import argv
from fakes.supervised import Facts, Library, ask, prefill, request, text, tokenize
from hob.errors import (
    ContextOverflow,
    HobError,
    ModelLoadFailed,
    OutOfMemory,
    ProtocolError,
    WorkerDied,
    WorkerStalled,
    WorkerStartTimeout,
)
from hob.supervisor.pool import Pool, PoolOptions
from hob.wire.calls import Prefilled, Tokens
from hob.wire.events import (
    ModelFailed,
    ModelLoading,
    ModelReady,
    RequestQueued,
    RequestStarted,
)
from hob.wire.generate import ChatMessage, Delta, Finished, GenerateEvent, GenerateRequest, Started

MakePool = Callable[..., Pool]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path, "a", "b", "c")


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
async def make_pool(library: Library, facts: Facts) -> AsyncIterator[MakePool]:
    """Makes pools, and checks that they leave neither tasks nor processes behind."""
    tasks_before = asyncio.all_tasks()
    pools: list[Pool] = []

    def make(*cues: str, **options: Any) -> Pool:
        pool = Pool(
            resolve=library.resolve,
            infos=library.infos,
            publish=facts.publish,
            options=PoolOptions(**options),
            argv=argv(*cues),
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.aclose()
    assert not psutil.Process().children()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= tasks_before | {asyncio.current_task()}


async def failure(pool: Pool, model: str, prompt: str) -> tuple[str, HobError]:
    """The text that came, and the error after it."""
    got: list[GenerateEvent] = []
    try:
        async with pool.generate(model, request(prompt)) as events:
            async for event in events:
                got.append(event)
    except HobError as error:
        return text(got), error
    pytest.fail("nothing failed")


# ---- answering ----


async def test_an_answer_comes_word_by_word_with_its_usage(make_pool: MakePool) -> None:
    wish = GenerateRequest(
        id="r", messages=(ChatMessage(role="user", content="good morning"),), max_tokens=2
    )
    async with make_pool().generate("a", wish) as events:
        got = [event async for event in events]
    assert [type(event) for event in got] == [Started, Delta, Delta, Finished]
    assert text(got) == "echo: good"
    assert isinstance(got[-1], Finished)
    assert (got[-1].reason, got[-1].usage.completion_tokens) == ("length", 2)


async def test_the_status_tells_of_the_real_process(make_pool: MakePool) -> None:
    pool = make_pool()
    status = await pool.load("a")
    assert status.pid in {child.pid for child in psutil.Process().children()}
    assert status.rss_bytes is not None
    assert status.rss_bytes > 1_000_000
    assert status.loaded is not None
    assert status.build is not None


async def test_a_failed_request_leaves_the_worker_well(make_pool: MakePool) -> None:
    pool = make_pool()
    _, error = await failure(pool, "a", "fail context_length_exceeded")
    assert isinstance(error, ContextOverflow)
    pid = pool.workers()[0].pid
    assert await ask(pool, "a", "echo still here") == "still here"
    assert pool.workers()[0].pid == pid


async def test_many_answers_at_once_do_not_mix(make_pool: MakePool) -> None:
    pool = make_pool()
    answers = await asyncio.gather(*(ask(pool, "a", f"echo {n} and {n}") for n in range(30)))
    assert answers == [f"{n} and {n}" for n in range(30)]


async def test_a_reader_that_does_not_read_holds_up_nobody(make_pool: MakePool) -> None:
    pool = make_pool()
    async with pool.generate("a", request("count 5000")) as slow:
        assert await ask(pool, "a", "echo quick") == "quick"
        assert text([event async for event in slow]) == " ".join(map(str, range(1, 5001)))


async def test_leaving_early_frees_the_worker_at_once(make_pool: MakePool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pool = make_pool()
    holder = os.open(gate, os.O_RDWR)
    try:
        async with pool.generate("a", request(f"gate {gate} 100")) as events:
            os.write(holder, b"x")
            assert isinstance(await anext(events), Started)
            assert isinstance(await anext(events), Delta)
        assert pool.live_requests == 0
        assert await ask(pool, "a", "echo next") == "next"
    finally:
        os.close(holder)


# ---- dying ----


@pytest.mark.parametrize(("killed_at", "before"), [(0, ""), (1, "one"), (4, "one two three four")])
async def test_sigkill_at_a_token_is_a_typed_error_and_the_next_request_works(
    make_pool: MakePool, killed_at: int, before: str
) -> None:
    pool = make_pool()
    got, error = await failure(pool, "a", f"crash at {killed_at}")
    assert got == before
    assert isinstance(error, WorkerDied)
    assert error.details == {"signal": 9}
    assert await ask(pool, "a", "echo again") == "again"


async def test_sigkill_after_the_last_token_is_not_a_clean_end(make_pool: MakePool) -> None:
    pool = make_pool()
    got, error = await failure(pool, "a", "crash at 8")
    assert got == "one two three four five six seven eight"
    assert isinstance(error, WorkerDied)
    assert await ask(pool, "a", "echo again") == "again"


async def test_a_death_takes_down_all_requests_in_flight_and_no_more(
    make_pool: MakePool, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pool = make_pool()
    held = [request(f"gate {gate} 3") for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(pool.generate("a", wish)) for wish in held]
        other = await stack.enter_async_context(pool.generate("b", request("echo fine")))
        for stream in streams:
            assert isinstance(await anext(stream), Started)
        _, error = await failure(pool, "a", "exit at 1")
        assert isinstance(error, WorkerDied)
        assert error.details == {"exit_code": 3}
        for stream in streams:
            with pytest.raises(WorkerDied):
                await anext(stream)
        assert text([event async for event in other]) == "fine"


async def test_a_worker_killed_while_idle_is_back_for_the_next_request(
    make_pool: MakePool,
) -> None:
    pool = make_pool()
    pid = (await pool.load("a")).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await ask(pool, "a", "echo again") == "again"


async def test_the_chosen_worker_comes_back_by_itself(make_pool: MakePool, facts: Facts) -> None:
    pool = make_pool()
    await pool.start("a")
    await facts.wait(ModelReady, model="a")
    first = pool.workers()[0].pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert (await facts.wait(ModelFailed, model="a")).retry_s == 0
    await facts.wait(ModelReady, model="a")
    assert pool.workers()[0].restarts == 1
    assert pool.workers()[0].pid != first


async def test_a_frozen_worker_is_found_out_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool(stall_timeout_s=1.5)
    got, error = await failure(pool, "a", "freeze at 2")
    assert got == "one two"
    assert isinstance(error, WorkerStalled)
    assert await ask(pool, "a", "echo again") == "again"


async def test_a_silent_worker_is_found_out_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool(stall_timeout_s=1.5)
    got, error = await failure(pool, "a", "stall at 3")
    assert got == "one two three"
    assert isinstance(error, WorkerStalled)
    assert await ask(pool, "a", "echo again") == "again"


@pytest.mark.parametrize("prompt", ["babble", "out of turn", "flood"])
async def test_a_worker_that_talks_nonsense_is_replaced(
    make_pool: MakePool, facts: Facts, prompt: str
) -> None:
    pool = make_pool()
    async with pool.generate("a", request(prompt)) as events:
        await facts.wait(ModelFailed)
        with pytest.raises(ProtocolError):
            await _read_all(events)
    assert await ask(pool, "a", "echo again") == "again"


async def _read_all(events: AsyncIterator[GenerateEvent]) -> None:
    async for _ in events:
        pass


# ---- starting ----


@pytest.mark.parametrize(
    ("cue", "error"),
    [
        ("never-hello", WorkerStartTimeout),
        ("wrong-version", ProtocolError),
        ("nonsense-hello", ProtocolError),
        ("exit-at-start", WorkerDied),
        ("hang-load", WorkerStartTimeout),
        ("exit-load", WorkerDied),
        ("crash-load", WorkerDied),
        ("fail-load", ModelLoadFailed),
        ("oom-load", OutOfMemory),
    ],
)
async def test_a_worker_that_does_not_get_ready_is_told_by_its_own_error(
    make_pool: MakePool, cue: str, error: type[HobError]
) -> None:
    pool = make_pool(cue, hello_timeout_s=1.5 if cue == "never-hello" else 30, start_timeout_s=1.5)
    with pytest.raises(error):
        await pool.load("a")


async def test_a_model_that_failed_to_load_works_once_its_trouble_is_over(
    make_pool: MakePool, library: Library
) -> None:
    pool = make_pool()
    library.cue("a", "fail-load")
    with pytest.raises(ModelLoadFailed):
        await ask(pool, "a")
    library.cue("a")
    assert await ask(pool, "a", "echo well") == "well"


async def test_a_program_that_does_not_exist_is_a_typed_error(
    library: Library, facts: Facts
) -> None:
    pool = Pool(
        resolve=library.resolve,
        infos=library.infos,
        publish=facts.publish,
        argv=("/nonexistent/hob-worker",),
    )
    with pytest.raises(WorkerDied, match="could not be started"):
        await pool.load("a")
    await pool.aclose()


async def test_unloading_while_loading_ends_the_load(
    make_pool: MakePool, library: Library, facts: Facts
) -> None:
    pool = make_pool()
    library.cue("a", "hang-load")
    async with asyncio.TaskGroup() as group:
        loading = group.create_task(_outcome(pool.load("a")))
        await _until_loading(facts)
        await pool.unload("a")
        assert (await loading) == "worker_unavailable"
    assert not psutil.Process().children()


async def _outcome(doing: Any) -> str:
    try:
        await doing
    except HobError as error:
        return error.code
    return "done"


async def _until_loading(facts: Facts) -> None:
    await facts.wait(ModelLoading, fraction=0.5)


# ---- ending ----


async def test_a_worker_that_ignores_stop_and_sigterm_is_killed(
    make_pool: MakePool, library: Library
) -> None:
    pool = make_pool(stop_timeout_s=0.3)
    library.cue("a", "ignores-stop")
    await pool.load("a")
    await pool.unload("a")
    assert not psutil.Process().children()


async def test_draining_lets_an_answer_finish(
    make_pool: MakePool, tmp_path: Path, facts: Facts
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pool = make_pool()
    holder = os.open(gate, os.O_RDWR)
    try:
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(pool, "a", f"gate {gate} 3"))
            await facts.wait(RequestStarted)
            draining = group.create_task(pool.drain(60))
            await asyncio.sleep(0)
            os.write(holder, b"xxx")
            assert await answer == "1 2 3"
            await draining
    finally:
        os.close(holder)
    assert not psutil.Process().children()


async def test_what_a_worker_prints_is_logged_within_bounds(
    make_pool: MakePool, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hob.worker.a")
    library.cue("a", "noisy")
    pool = make_pool()
    await pool.load("a")
    await failure(pool, "a", "crash at 0")
    printed = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert printed.count("line") <= 200
    assert max(map(len, printed)) <= 1_000
    last_words = next(r.getMessage() for r in caplog.records if "last words" in r.getMessage())
    assert "[31mred" in last_words
    assert "\x1b" not in last_words


PARENT = """
import asyncio, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from fakes.fake_worker import argv
from fakes.supervised import Library
from hob.supervisor.pool import Pool

async def main():
    library = Library(Path({folder!r}), "a")
    ignore = lambda fact: None
    pool = Pool(resolve=library.resolve, infos=library.infos, publish=ignore, argv=argv())
    print((await pool.load("a")).pid, flush=True)
    if {frozen}:
        import os, signal
        os.kill(pool.workers()[0].pid, signal.SIGSTOP)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd is Linux's")
@pytest.mark.parametrize("frozen", [False, True])
def test_a_killed_daemon_leaves_no_worker_behind(tmp_path: Path, frozen: bool) -> None:
    paths = [str(Path(__file__).parent.parent)]
    program = PARENT.format(paths=paths, folder=str(tmp_path), frozen=frozen)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert parent.stdout.readline() == b"ready\n"
        pidfd = os.pidfd_open(worker)
        parent.kill()
        ended, _, _ = select.select([pidfd], [], [], 2.0)
        os.close(pidfd)
    assert ended, "the worker outlives the daemon by more than 2 s"


# ---- anything at any time ----


@pytest.mark.parametrize("seed", range(20))
async def test_random_interleavings_end_well(make_pool: MakePool, seed: int) -> None:
    rng = random.Random(seed)
    pool = make_pool(max_loaded=2)
    doings: list[Callable[[str], Any]] = [
        pool.load,
        pool.unload,
        pool.use,
        lambda name: ask(pool, name, "echo hello there"),
        lambda name: ask(pool, name, "crash at 1"),
        lambda name: ask(pool, name, "unheard"),
    ]
    weights = [2, 2, 1, 8, 1, 1]
    outcomes = await asyncio.gather(
        *(_outcome(rng.choices(doings, weights)[0](rng.choice("abc"))) for _ in range(12))
    )
    assert set(outcomes) <= {"done", "worker_died", "worker_unavailable"}
    for name in "abc":
        await pool.load(name)
        assert await ask(pool, name, "echo well") == "well"


# ---- calls ----


async def test_calls_return_what_the_process_answers(make_pool: MakePool) -> None:
    pool = make_pool()
    assert await pool.call("a", tokenize("one three")) == Tokens(
        tokens=(3, 5), pieces=(b"one", b"three")
    )
    assert await pool.call("a", prefill("a b c")) == Prefilled(prompt_tokens=3, cached_tokens=0)


async def test_a_call_that_kills_every_process_is_tried_twice(make_pool: MakePool) -> None:
    pool = make_pool()
    with pytest.raises(WorkerDied):
        await pool.call("a", tokenize("unheard"))
    with pytest.raises(WorkerDied):
        await pool.call("a", prefill("crash at 0"))
    assert await pool.call("a", tokenize("a")) == Tokens(tokens=(1,), pieces=(b"a",))
    assert pool.workers()[0].restarts == 3


async def test_a_call_that_hangs_is_a_stall(make_pool: MakePool) -> None:
    pool = make_pool(stall_timeout_s=0.3)
    with pytest.raises(WorkerStalled):
        await pool.call("a", prefill("freeze at 0"))


async def test_a_call_can_fail_or_be_answered_wrongly(make_pool: MakePool) -> None:
    pool = make_pool()
    with pytest.raises(ContextOverflow):
        await pool.call("a", prefill("fail context_length_exceeded"))
    with pytest.raises(ProtocolError):
        await pool.call("a", tokenize("wrong result"))


async def test_a_prefill_that_is_left_frees_its_slot_in_the_process(
    make_pool: MakePool, facts: Facts, tmp_path: Path
) -> None:
    pool, gate = make_pool(), tmp_path / "gate"
    os.mkfifo(gate)
    calling = asyncio.ensure_future(pool.call("a", prefill(f"queued 2 gate {gate} 1")))
    await facts.wait(RequestStarted)
    calling.cancel()
    await asyncio.wait({calling})
    assert pool.live_requests == 0
    assert await ask(pool, "a", "echo still here") == "still here"


async def test_places_in_the_process_are_told(make_pool: MakePool, facts: Facts) -> None:
    pool = make_pool()
    await pool.load("a")
    assert await ask(pool, "a", "queued 3 echo done") == "done"
    assert [fact.place for fact in facts.of(RequestQueued)] == [3, 2, 1]
