"""What goes wrong on purpose, with the real daemon, worker and model."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import sys
from pathlib import Path

import openai
import psutil
import pytest

from hob.errors import ModelNotFound, NotRunning
from live_daemon import LiveDaemon, eventually, starter_model

LONG: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "Count from one to one hundred in words."}
]


# The starter model's two end tokens: without them an answer goes on until max_tokens.
NO_END = {"0": -100, "2": -100}


def wait_gone(processes: list[psutil.Process], timeout: float) -> None:
    """Fail when one of them still runs after `timeout` seconds."""
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def warm(daemon: LiveDaemon) -> psutil.Process:
    """Wait until the chosen model is ready; its worker."""
    daemon.client().load(daemon.client().status().chosen)
    (worker,) = daemon.workers()
    return worker


@pytest.mark.parametrize("token", [0, 1, 10, 30])
def test_a_worker_killed_at_any_token_is_a_typed_error_and_the_next_request_works(
    shared_daemon: LiveDaemon, token: int
) -> None:
    worker = warm(shared_daemon)
    sdk = shared_daemon.openai()
    stream = sdk.chat.completions.create(
        model="", messages=LONG, logit_bias=NO_END, max_tokens=4000, stream=True
    )
    for _ in range(token):
        next(stream)
    worker.kill()
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == "worker_died"
    reply = sdk.chat.completions.create(model="", messages=LONG, temperature=0, max_tokens=5)
    assert reply.choices[0].message.content


def test_a_wedged_worker_is_noticed_and_replaced(home: Path) -> None:
    with LiveDaemon(home, [starter_model()], settings=["engine.stall_timeout=5s"]) as daemon:
        worker = warm(daemon)
        worker.suspend()
        sdk = daemon.openai()
        with pytest.raises(openai.APIError) as caught:
            sdk.chat.completions.create(model="", messages=LONG, max_tokens=50)
        assert caught.value.code == "worker_stalled"
        wait_gone([worker], 10)
        assert sdk.chat.completions.create(model="", messages=LONG, max_tokens=5).choices


def test_kill_nine_of_the_daemon_leaves_no_worker(home: Path) -> None:
    with LiveDaemon(home, [starter_model()]) as daemon:
        worker = warm(daemon)
        daemon.process.kill()
        wait_gone([worker], 2)
        assert not psutil.pid_exists(worker.pid) or worker.status() == psutil.STATUS_ZOMBIE
        daemon.end()
        daemon.start()  # the stale socket and lock of the killed one are no obstacle
        assert warm(daemon).is_running()


def test_the_stop_signal_lets_a_stream_finish_and_refuses_new_work(home: Path) -> None:
    with LiveDaemon(home, [starter_model()], settings=["daemon.drain_grace=60s"]) as daemon:
        worker = warm(daemon)
        sdk = daemon.openai()
        stream = sdk.chat.completions.create(
            model="", messages=LONG, logit_bias=NO_END, max_tokens=60, stream=True
        )
        next(stream)
        with daemon.client() as client:
            events = client.events()
            daemon.process.send_signal(signal.SIGTERM)
            assert (
                "stopping" in str(next(e for e in events if "Stopping" in type(e).__name__)).lower()
            )
        with pytest.raises(openai.InternalServerError) as caught:
            sdk.chat.completions.create(model="", messages=LONG, max_tokens=5)
        assert caught.value.status_code == 503
        assert caught.value.code == "shutting_down"
        reasons = [p.choices[0].finish_reason for p in stream if p.choices]
        assert reasons[-1] == "length"
        assert daemon.end() == 0
        wait_gone([worker], 2)
        assert not daemon.paths.socket.exists()


def test_a_stream_that_outlasts_the_grace_time_ends_with_an_error(home: Path) -> None:
    settings = ["daemon.drain_grace=50ms"]
    with LiveDaemon(home, [starter_model()], settings=settings) as daemon:
        warm(daemon)
        stream = daemon.openai().chat.completions.create(
            model="", messages=LONG, logit_bias=NO_END, max_tokens=4000, stream=True
        )
        next(stream)
        daemon.process.send_signal(signal.SIGTERM)
        with pytest.raises(openai.APIError):
            list(stream)
        assert daemon.end() == 0


def test_two_daemons_started_at_once_leave_one(home: Path) -> None:
    environ = {**os.environ, "HOB_HOME": str(home)}
    command = [sys.executable, "-m", "hob", "serve"]
    both = [
        subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            ends = {pool.submit(process.wait): process for process in both}
            (ended, *_), _ = concurrent.futures.wait(ends, 30, concurrent.futures.FIRST_COMPLETED)
            loser = ends[ended]
            (winner,) = (process for process in both if process is not loser)
            assert winner.stdout is not None
            assert winner.stdout.readline()
            assert loser.stderr is not None
            words = loser.stderr.read()
            assert "already running" in words
            assert str(winner.pid) in words
            assert "Traceback" not in words
            assert LiveDaemon(home).client().status().pid == winner.pid
            winner.terminate()
    finally:
        for process in both:
            process.terminate()
            process.communicate(timeout=30)


def test_a_removed_socket_file_comes_back(home: Path) -> None:
    with LiveDaemon(home) as daemon:
        daemon.paths.socket.unlink()
        with pytest.raises(NotRunning):
            daemon.client().status()
        eventually(daemon.paths.socket.exists)
        assert daemon.client().status().pid == daemon.process.pid


def test_a_model_that_is_not_there_is_said_with_what_is(shared_daemon: LiveDaemon) -> None:
    with pytest.raises(ModelNotFound) as caught:
        shared_daemon.client().load("no-such-model")
    assert "no-such-model" in caught.value.message
    with pytest.raises(openai.NotFoundError):
        shared_daemon.openai().chat.completions.create(model="nope", messages=LONG)


def test_a_client_that_leaves_stops_its_work(shared_daemon: LiveDaemon) -> None:
    warm(shared_daemon)
    with shared_daemon.client() as client:
        events = client.events()
        stream = shared_daemon.openai().chat.completions.create(
            model="", messages=LONG, logit_bias=NO_END, max_tokens=4000, stream=True
        )
        next(stream)
        stream.close()
        ended = next(e for e in events if type(e).__name__ in {"RequestFinished", "RequestFailed"})
    usage = getattr(ended, "usage", None)
    assert usage is None or usage.completion_tokens < 4000
    assert not [w for w in shared_daemon.client().status().workers if w.live_requests]
