"""The supervisor's decisions, as pure functions. Times are seconds on any steady clock."""

from __future__ import annotations

from dataclasses import dataclass

from hob.errors import HobError, Overloaded, WorkerDied

FIRST_DELAY_S = 0.5
DELAY_CAP_S = 30.0
CRASH_LIMIT = 5
OVERLOAD_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row, without an answer between them; `at` is when the last one happened."""

    count: int = 0
    at: float = 0.0

    def another(self, now: float, ready_s: float = 0.0) -> Failures:
        """One more, of a worker that had been ready for `ready_s`: after a long time in good
        health the row begins again."""
        return Failures(1 if ready_s > DELAY_CAP_S else self.count + 1, now)


@dataclass(frozen=True, slots=True)
class StartAt:
    """Start the process, at once when `at` has passed."""

    at: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not start it for now; worth asking again in `retry_after` seconds."""

    retry_after: float


def restart_delay(failures: int) -> float:
    """Seconds between the last of `failures` failures and the next start.

    The first restart is immediate, so that a single crash costs nobody a wait.
    """
    if failures <= 1:
        return 0.0
    return min(FIRST_DELAY_S * 2.0 ** min(failures - 2, 32), DELAY_CAP_S)


def decide_start(failures: Failures, now: float) -> StartAt | Refuse:
    """When a wanted worker may start. After CRASH_LIMIT failures it rests for DELAY_CAP_S, and
    is then tried once more for whoever asks."""
    if failures.count >= CRASH_LIMIT:
        rest = failures.at + DELAY_CAP_S - now
        return Refuse(rest) if rest > 0 else StartAt(now)
    return StartAt(max(now, failures.at + restart_delay(failures.count)))


def may_ask_again(problem: HobError, heard: bool, retried: bool) -> bool:
    """Whether a request whose worker is gone may be sent, once, to the next worker.

    Only when the process ended before it took the request up: it may have been dying already
    when the request was written to its pipe. Nothing of an answer has been shown then.
    """
    return isinstance(problem, WorkerDied) and not heard and not retried


def check_queue(model: str, requests: int, max_queued: int) -> None:
    """Raises Overloaded when a model with `requests` answering or waiting takes no more."""
    if requests >= max_queued:
        raise Overloaded(
            f"{model} already has {requests} requests, which is as many as Hob holds for it.",
            hint="Try again in a moment.",
            retry_after=OVERLOAD_RETRY_S,
        )
