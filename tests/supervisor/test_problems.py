"""What people are told when a worker's process ends."""

from __future__ import annotations

import signal

import pytest

from hob.errors import WorkerDied, WorkerStalled
from hob.supervisor import problems
from hob.supervisor.link import Ended
from hob.wire.engine import EXIT_STALLED


def test_a_kill_names_the_signal_and_what_to_do_about_memory() -> None:
    died = problems.worker_died("Tiny", -signal.SIGKILL, "while answering")
    assert "Tiny ended unexpectedly while answering (signal 9: killed" in died.message
    assert "smaller model" in died.hint
    assert died.details == {"signal": 9}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGABRT, "gave up"),
        (signal.SIGSEGV, "native code"),
        (signal.SIGBUS, "cut short"),
        (signal.SIGILL, "processor"),
        (signal.SIGTERM, "SIGTERM"),
    ],
)
def test_signals_are_explained(number: int, words: str) -> None:
    died = problems.worker_died("Tiny", -number, "while loading")
    assert words in died.message
    assert died.hint


def test_unknown_ends_are_told_as_they_are() -> None:
    assert "exit code 3" in problems.worker_died("Tiny", 3, "while idle").message
    assert "signal 250" in problems.worker_died("Tiny", -250, "while idle").message
    assert problems.worker_died("Tiny", None, "while idle").hint


def test_a_worker_that_ended_itself_because_it_hung_is_told_apart() -> None:
    told = problems.explain("Tiny", Ended(EXIT_STALLED), "while answering", 60.0)
    assert isinstance(told, WorkerStalled)
    assert "no progress for 60 s" in told.message
    assert isinstance(problems.explain("Tiny", Ended(4), "while answering", 60.0), WorkerDied)


@pytest.mark.parametrize("name", ["SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"])
def test_native_crashes_are_told_from_other_ends(name: str) -> None:
    assert problems.is_crash(-signal.Signals[name])
    for other in (-signal.SIGKILL, -signal.SIGTERM, 0, 3, EXIT_STALLED, None):
        assert not problems.is_crash(other)


def test_unavailable_tells_the_last_problem_and_when_to_come_back() -> None:
    last = problems.worker_died("Tiny", 3, "while loading")
    told = problems.unavailable("Tiny", last, 12.34)
    assert "exit code 3" in told.message
    assert "12 s" in told.hint
    assert told.details["retry_after"] == 12.3
