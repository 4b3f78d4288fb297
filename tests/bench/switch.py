"""Switching between two models: Hob's `use` beside llama.cpp's own loading.

    python -m bench.switch --model A.gguf --other B.gguf [--peer LLAMA_SERVER] [--rounds N]

Hob has room for one model, so that each `use` ends a worker and loads another. llama.cpp is `Llama`
of llama-cpp-python in a process that has done nothing else but import it, and, with `--peer`, the
start of llama-server until it answers. All take turns in every round; the medians of the ratios
are what to quote.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench.__main__ import CACHE
from bench.servers import Hob, Peer, Setup

# Of the raw load.
LIMIT = 1.1
# Hob measures what steps cost once a model is loaded; that must be over before the next one's turn.
PAUSE_S = 4.0

_RAW = """
import sys, time
from llama_cpp import Llama

input("ready")
began = time.perf_counter()
model = Llama(
    {model!r}, n_ctx={context}, n_threads={threads}, n_threads_batch={threads}, verbose=False
)
model.eval([1])
print(time.perf_counter() - began, flush=True)
"""


def _load_raw(setup: Setup) -> float:
    """llama.cpp in a process of its own, as a worker of Hob's is, whose start does not count; the
    first word of a model included, as Hob's warm-up is."""
    code = _RAW.format(model=str(setup.model), context=setup.context, threads=setup.threads)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.read(len("ready")) != "ready":
            raise RuntimeError("llama.cpp cannot be loaded")
        time.sleep(PAUSE_S)
        print(file=process.stdin, flush=True)
        return float(process.stdout.readline())


def main() -> int:
    args = _arguments()
    CACHE.mkdir(parents=True, exist_ok=True)
    setups = [
        Setup(model, args.threads, args.slots, args.context) for model in (args.model, args.other)
    ]
    hob = _start_hob(setups)
    try:
        ways: dict[str, Callable[[int], float]] = {
            "Hob": lambda which: _use(hob, setups[which].model),
            "Llama()": lambda which: _load_raw(setups[which]),
        }
        if args.peer:
            ways["llama-server"] = lambda which: _start_peer(args.peer, setups[which])
        _use(hob, setups[1].model)
        times = _measure(ways, args.rounds)
    finally:
        hob.stop()
    print(_table(times, setups))
    ratios = [median(_ratios(times, which, "Llama()")) for which in range(2)]
    return 0 if max(ratios) <= LIMIT else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.switch", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--peer", type=Path, help="the llama-server program")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context", type=int, default=8192)
    return parser.parse_args()


def _start_hob(setups: Sequence[Setup]) -> Hob:
    hob = Hob(setups[0], CACHE / "hob.log")
    for setup in setups[1:]:
        (hob.home / "models" / setup.model.name).symlink_to(setup.model.absolute())
    hob.settings["HOB_MODELS_KEEP_LOADED"] = "1"
    hob.start()
    return hob


def _use(hob: Hob, model: Path) -> float:
    began = time.perf_counter()
    hob.post("/hob/v1/models/use", {"model": model.stem.lower()})
    return time.perf_counter() - began


def _start_peer(program: Path, setup: Setup) -> float:
    peer = Peer(program, setup, CACHE / "peer.log")
    try:
        return peer.start()
    finally:
        peer.stop()


Times = dict[str, tuple[list[float], list[float]]]


def _measure(ways: dict[str, Callable[[int], float]], rounds: int) -> Times:
    """Seconds by way and model, each round both models with every way."""
    times: Times = {name: ([], []) for name in ways}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
        for which in range(2):
            for name, way in ways.items():
                time.sleep(PAUSE_S)
                times[name][which].append(way(which))
    return times


def _ratios(times: Times, which: int, peer: str) -> list[float]:
    pairs = zip(times["Hob"][which], times[peer][which], strict=True)
    return [hob / other for hob, other in pairs]


def _table(times: Times, setups: Sequence[Setup]) -> str:
    lines = ["| model | way | median ms | Hob's share of it |", "|---|---|---|---|"]
    for which, setup in enumerate(setups):
        for name, samples in times.items():
            ms = median(samples[which]) * 1000
            ratio = f"{median(_ratios(times, which, name)):.2f}" if name != "Hob" else ""
            lines.append(f"| {setup.model.name} | {name} | {ms:.0f} | {ratio} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
