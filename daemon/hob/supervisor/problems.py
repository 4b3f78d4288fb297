"""What goes wrong with workers, in words that a person can act on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from hob.errors import (
    Cancelled,
    HobError,
    ModelChanged,
    ModelNotFound,
    ShuttingDown,
    WorkerDied,
    WorkerStalled,
    WorkerStartTimeout,
    WorkerUnavailable,
)
from hob.supervisor.link import Ended
from hob.wire.engine import EXIT_STALLED

_MEMORY_HINT = (
    "If memory was short, close other programs, choose a smaller model or set a smaller"
    " engine.context_length; `hob logs` says more."
)
_NATIVE_HINT = "Ask again; if it happens again, see `hob logs`, and try another file of this model."
_FILE_HINT = "Do not change a model file while it is in use; ask again to load it anew."
_OTHER_HINT = "Ask again; `hob logs` holds its last words."


@dataclass(frozen=True, slots=True)
class _Cause:
    words: str
    hint: str


_SIGNALS: Mapping[str, _Cause] = {
    "SIGKILL": _Cause("killed, by the system when memory ran out or by someone", _MEMORY_HINT),
    "SIGABRT": _Cause("llama.cpp gave up on the model", _NATIVE_HINT),
    "SIGSEGV": _Cause("a crash in native code", _NATIVE_HINT),
    "SIGFPE": _Cause("a crash in native code", _NATIVE_HINT),
    "SIGBUS": _Cause("the model file was cut short or could not be read", _FILE_HINT),
    "SIGILL": _Cause(
        "an instruction that this processor lacks",
        "llama.cpp was built for another processor; `hob doctor` says how to build it again.",
    ),
}
_WINDOWS_CODES: Mapping[int, _Cause] = {
    0xC0000005: _Cause("a crash in native code", _NATIVE_HINT),
    0xC0000017: _Cause("memory ran out", _MEMORY_HINT),
    0xC000001D: _SIGNALS["SIGILL"],
    0xC0000409: _SIGNALS["SIGABRT"],
}
_CRASH_SIGNALS = frozenset({"SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"})
# Access violation, unreadable page, illegal instruction, division by zero, stack overflow, heap
# corruption, fail-fast, and abort() of older runtimes.
_CRASH_CODES = frozenset(
    {
        0xC0000005,
        0xC0000006,
        0xC000001D,
        0xC0000094,
        0xC00000FD,
        0xC0000374,
        0xC0000409,
        3,
    }
)


def worker_died(model: str, exit_code: int | None, doing: str) -> WorkerDied:
    """What to tell whoever waited. `exit_code` None: the process could not be waited for.

    `doing` completes the sentence: "while loading", "while answering", "while idle".
    """
    opening = f"The process of {model} ended unexpectedly {doing}"
    if exit_code is None:
        return WorkerDied(f"{opening}.", hint=_OTHER_HINT)
    if exit_code < 0:
        number = -exit_code
        cause = _SIGNALS.get(_signal_name(number), _Cause(_signal_name(number), _OTHER_HINT))
        return WorkerDied(
            f"{opening} (signal {number}: {cause.words}).", hint=cause.hint, signal=number
        )
    known = _WINDOWS_CODES.get(exit_code) if sys.platform == "win32" else None
    if known is not None:
        return WorkerDied(
            f"{opening} (code {exit_code:#x}: {known.words}).",
            hint=known.hint,
            exit_code=exit_code,
        )
    return WorkerDied(f"{opening} (exit code {exit_code}).", hint=_OTHER_HINT, exit_code=exit_code)


def is_crash(exit_code: int | None) -> bool:
    """Whether native code brought the process down, which a file that is loaded can do. A process
    that was killed, for want of memory or by a person, says nothing about the file."""
    if exit_code is None:
        return False
    if sys.platform == "win32":
        return exit_code & 0xFFFFFFFF in _CRASH_CODES
    return exit_code < 0 and _signal_name(-exit_code) in _CRASH_SIGNALS


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def not_started(model: str, reason: str) -> WorkerDied:
    return WorkerDied(
        f"The process of {model} could not be started: {reason}.",
        hint="`hob doctor` checks the installation.",
    )


def start_timeout(model: str, seconds: float) -> WorkerStartTimeout:
    return WorkerStartTimeout(
        f"The process of {model} showed no progress for {seconds:g} s while loading,"
        " so it was ended.",
        hint="If the disk is slow, give it more time: `hob config set engine.start_timeout 10min`.",
        seconds=seconds,
    )


def explain(model: str, ended: Ended, doing: str, stall_s: float) -> WorkerDied | WorkerStalled:
    """What to tell whoever waited for a process that is gone. A worker may have ended itself
    because it hung."""
    if ended.problem:
        return not_started(model, ended.problem)
    if ended.exit_code == EXIT_STALLED:
        return stalled(model, stall_s)
    return worker_died(model, ended.exit_code, doing)


def stalled(model: str, seconds: float) -> WorkerStalled:
    return WorkerStalled(
        f"The process of {model} had work but showed no progress for {seconds:g} s,"
        " so it was ended.",
        hint="Ask again: it is started anew. If this machine is slow for the model, give it more"
        " time: `hob config set engine.stall_timeout 5min`.",
        seconds=seconds,
    )


def unavailable(model: str, last: HobError | None, retry_after: float) -> WorkerUnavailable:
    reason = f" Last: {last.message}" if last else ""
    return WorkerUnavailable(
        f"The process of {model} failed again and again, so it is left to rest.{reason}",
        hint=f"Try again in {max(1, round(retry_after))} s, or now with `hob models load {model}`.",
        retry_after=round(retry_after, 1),
    )


def unloaded(model: str) -> WorkerUnavailable:
    return WorkerUnavailable(
        f"{model} was unloaded before this was done.", hint="Ask again to load it anew."
    )


def changed(model: str) -> ModelChanged:
    return ModelChanged(
        f"The file of {model} was changed while it was in use, so what it answered cannot be"
        " trusted and was ended.",
        hint="Ask again: the file is loaded as it is now. To replace a model's file, write the new"
        " one beside it and rename it.",
    )


def removed(model: str) -> ModelNotFound:
    return ModelNotFound(
        f"The file of {model} is gone, so this was not done.",
        hint="Put it back, or choose another model: `hob models` lists them.",
        param="model",
    )


def load_cancelled(model: str) -> Cancelled:
    return Cancelled(
        f"Loading {model} was cancelled before it was done.", hint="Ask again to load it anew."
    )


def stopping() -> ShuttingDown:
    return ShuttingDown(
        "Hob is stopping, so this was not done or not done to the end.",
        hint="Ask again once it has restarted.",
    )


def internal() -> HobError:
    return HobError(
        "A part of Hob itself has failed, so this was not done.",
        hint="Ask again, and please report it with what `hob logs` shows.",
    )
