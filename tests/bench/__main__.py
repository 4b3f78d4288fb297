"""Hob beside llama-server: `bash tests/bench/run.sh` builds what is needed and starts this.

Everything is measured in turns within one run, on the same model file, threads, slots and context.
Absolute figures depend on the machine and on what else it does; the ratios are what to quote.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import date
from pathlib import Path
from statistics import median

from bench import measure
from bench.measure import Pairs
from bench.report import Figure, markdown, save
from bench.servers import Hob, Peer, Setup

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench"


def main() -> int:
    args = _arguments()
    CACHE.mkdir(parents=True, exist_ok=True)
    setup = Setup(args.model, args.threads, args.slots, args.context)
    figures = [*_without_model(setup, args), *_side_by_side(setup, args)]
    machine = (
        f"{setup.model.name}, {setup.threads} threads, {setup.slots} slots, {setup.context} tokens"
        f" of context; {os.cpu_count()} cores of {_processor()}, {platform.system()},"
        f" {date.today().isoformat()}; medians of {args.rounds} rounds"
    )
    save(figures, machine, CACHE / "results.json")
    print(markdown(figures, machine))
    return 0 if all(row.met is not False for row in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True, help="the llama-server program")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--idle", type=float, default=60, help="seconds of watching idle CPU")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--context", type=int, default=8192)
    return parser.parse_args()


def _without_model(setup: Setup, args: argparse.Namespace) -> list[Figure]:
    """What the daemon costs alone."""
    hob = Hob(setup, CACHE / "hob.log", with_model=False)
    try:
        _say("the daemon without a model")
        hob.start()
        times = measure.command_time(hob, max(args.rounds, 15))
        memory = measure.resident_mb(hob.pid)
    finally:
        hob.stop()
    above = median(status - bare for status, bare in zip(times.hob, times.peer, strict=True))
    return [
        Figure(
            "`hob status`, whole process, above a bare interpreter",
            f"{above:.0f} ms",
            limit="<= 150 ms",
            met=above <= 150,
            samples=times,
        ),
        _bounded("daemon without a worker, resident", memory, "MB", 60),
    ]


def _side_by_side(setup: Setup, args: argparse.Namespace) -> list[Figure]:
    hob = Hob(setup, CACHE / "hob.log")
    peer = Peer(args.peer, setup, CACHE / "peer.log")
    try:
        _say("starting both")
        hob.start()
        peer.start()
        _say("warming up")
        measure.decode_rate(hob, peer, 1)
        figures = [*_answers(hob, peer, args.rounds), *_idle(hob, args.idle)]
        return [*figures, *_loading(hob, peer, setup, args.rounds)]
    finally:
        hob.stop()
        peer.stop()


def _answers(hob: Hob, peer: Peer, rounds: int) -> list[Figure]:
    _say("one stream: decode rate")
    decode = measure.decode_rate(hob, peer, rounds)
    _say("time to first token")
    short = measure.first_token(hob, peer, rounds, 20)
    long = measure.first_token(hob, peer, rounds, 450)
    _say("eight streams together")
    eight = measure.throughput(hob, peer, max(3, rounds // 3), 8)
    return [
        _compared("one stream, decode rate", decode, "tok/s", at_least=0.95),
        _compared("first token of a short prompt, about 60 tokens", short, "ms", at_most=1.2),
        _compared("first token of a long prompt, about 500 tokens", long, "ms", at_most=1.2),
        _compared("8 streams together", eight, "tok/s"),
    ]


def _idle(hob: Hob, seconds: float) -> list[Figure]:
    _say(f"idle for {seconds:.0f} s")
    pids = [hob.pid, *hob.worker_pids()]
    share = measure.idle_share(pids, seconds)
    memory = measure.resident_mb(hob.pid)
    return [
        _bounded(f"idle with a warm model, CPU over {seconds:.0f} s", share, "% of a core", 0.2),
        _bounded("daemon after this load, resident", memory, "MB", 60),
    ]


def _loading(hob: Hob, peer: Peer, setup: Setup, rounds: int) -> list[Figure]:
    _say("loading")
    peer.stop()

    def start_peer() -> float:
        taken = peer.start()
        peer.stop()
        return taken

    loads = measure.loading(hob, start_peer, rounds)
    inside = measure.loading_in_process(setup.model, setup.context, setup.threads, rounds)
    return [
        _compared(
            "loading: `use` to ready; llama-server's start to healthy", loads, "s", at_most=1.2
        ),
        Figure(
            "the same file with `Llama(...)` in a warm Python process, without a warm-up run",
            "",
            f"{median(inside):.2f} s",
            samples=inside,
        ),
    ]


def _compared(
    what: str,
    pairs: Pairs,
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    limit, met = "", None
    if at_least is not None:
        limit, met = f">= {at_least}", pairs.ratio >= at_least
    if at_most is not None:
        limit, met = f"<= {at_most}", pairs.ratio <= at_most
    return Figure(
        what,
        f"{_short(median(pairs.hob))} {unit}",
        f"{_short(median(pairs.peer))} {unit}",
        f"{pairs.ratio:.2f}",
        limit,
        met,
        pairs,
    )


def _bounded(what: str, value: float, unit: str, most: float) -> Figure:
    return Figure(
        what,
        f"{_short(value)} {unit}",
        limit=f"<= {most:g} {unit}",
        met=value <= most,
        samples=value,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
