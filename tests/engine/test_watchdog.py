"""A worker whose step hangs ends itself, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from hob.engine.watchdog import Watchdog
from hob.wire.engine import EXIT_STALLED

TESTS = Path(__file__).parent.parent

_HANGS = """
import threading
from fakes.loop_bench import Bench
from fakes.runtime import FakeRuntime
from hob.engine.watchdog import Watchdog

bench = Bench(FakeRuntime(), Watchdog(0.05))
bench.ask("a", "abc", 3)
bench.settle()
print(bench.finished("a").reason, flush=True)
bench.runtime.before_decode = threading.Event().wait
bench.ask("b", "xyz", 3)
bench.settle()
print("never")
"""


def test_a_step_that_hangs_ends_the_process_with_its_own_status() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HANGS],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (EXIT_STALLED, "length\n")
    assert "A step has not come back for 0.05 s" in done.stderr


def test_a_step_that_hangs_after_others_is_noticed() -> None:
    noticed = threading.Event()
    watchdog = Watchdog(0.02, lambda _stall_s: noticed.set())
    for _ in range(100):
        with watchdog:
            pass
    assert not noticed.is_set()
    with watchdog:
        assert noticed.wait(timeout=10)
    watchdog.close()


def test_steps_that_come_back_are_left_alone() -> None:
    ended: list[float] = []
    watchdog = Watchdog(600, ended.append)
    for _ in range(3):
        with watchdog:
            pass
    watchdog.close()
    assert ended == []


def test_closing_ends_the_thread_of_a_watchdog_that_never_watched() -> None:
    before = threading.active_count()
    watchdog = Watchdog(600)
    assert threading.active_count() == before + 1
    watchdog.close()
    assert threading.active_count() == before
