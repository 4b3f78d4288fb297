"""Hob beside llama-server: `bash tests/bench/run.sh` builds what is needed and starts this.

Everything is measured in turns within one run, on the same model file, threads, slots and context.
Absolute figures depend on the machine and on what else it does; the ratios are what to quote.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median

from bench import crowd, inside, known, measure, plot
from bench.figures import bounded, compared, short
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
    if args.plot:
        plot.save(figures, machine, args.plot)
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
    parser.add_argument("--plot", type=Path, help="write the ratios as a picture, an SVG")
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
        bounded("daemon without a worker, resident", memory, "MB", 60),
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
        return [
            *_answers(hob, peer, args.rounds),
            *_crowded(hob, peer, args.rounds),
            *_known(hob, peer, args.rounds),
            *_worker(hob, peer, setup),
            *_idle(hob, args.idle),
            *_loading(hob, peer, setup, args.rounds),
        ]
    finally:
        hob.stop()
        peer.stop()


def _answers(hob: Hob, peer: Peer, rounds: int) -> list[Figure]:
    _say("one stream: decode rate")
    decode = measure.decode_rate(hob, peer, rounds)
    _say("time to first token")
    brief = measure.first_token(hob, peer, rounds, 20)
    long = measure.first_token(hob, peer, rounds, 450)
    _say("eight streams together")
    eight = measure.throughput(hob, peer, max(3, rounds // 3), 8)
    return [
        # Two hundredths are within what a machine does by itself.
        compared("one stream, decode rate", decode, "tok/s", at_least=0.98),
        compared("first token of a short prompt, about 60 tokens", brief, "ms", at_most=1.2),
        compared("first token of a long prompt, about 500 tokens", long, "ms", at_most=1.2),
        compared("8 streams together", eight, "tok/s", at_least=1.05),
    ]


def _crowded(hob: Hob, peer: Peer, rounds: int) -> list[Figure]:
    _say("a question while a document is being read")
    reading = crowd.while_reading(hob, peer, rounds, 2250)
    _say("32 requests at once")
    queue = crowd.queue(hob, peer, max(1, rounds // 3), 32)
    _say("output of a JSON Schema")
    form = crowd.structured(hob, peer, rounds)
    peer_form = f"{short(median(form.peer.hob))} ms, {form.peer.ratio:.2f} of its free text"
    waits = queue.waits
    return [
        compared(
            "first token of a question while a document of 2,500 tokens is being read",
            reading.short,
            "ms",
            at_most=0.05,
        ),
        compared(
            "first token of that document, against Hob with nobody asking",
            reading.document,
            "ms",
            at_most=1.15,
            peer=f"alone: {short(median(reading.document.peer))} ms",
        ),
        Figure(
            f"32 requests at once, {queue.answered} of {queue.asked} answered: the longest wait",
            f"{short(median(waits.hob))} s",
            f"{short(median(waits.peer))} s",
            f"{waits.ratio:.2f}",
            "all answered",
            queue.answered == queue.asked,
            queue,
            ratio=waits.ratio,
        ),
        compared(
            "a token of JSON by a schema, against Hob's free text",
            form.hob,
            "ms",
            at_most=1.05,
            peer=peer_form,
        ),
    ]


def _known(hob: Hob, peer: Peer, rounds: int) -> list[Figure]:
    _say("known beginnings")
    cached = known.cached(hob, peer, rounds, 450)
    ahead = known.read_ahead(hob, rounds, 1350)
    again = known.reloaded(hob, peer, max(1, rounds // 3), 1620)
    return [
        compared("first token, 500 tokens of the prompt cached", cached, "ms", at_most=1.0),
        compared(
            "first token after reading ahead 1,500 tokens, against not",
            ahead,
            "ms",
            at_most=0.05,
            peer=f"Hob without: {short(median(ahead.peer))} ms",
        ),
        compared(
            "first token of 1,800 known tokens after a new load, against new ones",
            again.hob,
            "ms",
            at_most=0.1,
            peer=f"after a restart: {short(median(again.peer))} ms",
        ),
    ]


def _worker(hob: Hob, peer: Peer, setup: Setup) -> list[Figure]:
    _say("what the worker costs besides the model")
    # Fresh processes: what they have saved of prompts is no cost of theirs.
    hob.use()
    peer.stop()
    peer.start()
    measure.first_token(hob, peer, 1, 20)
    kv_bytes = int(str(hob.loaded()["kv_bytes"]))
    name = setup.model.name
    memory = inside.memory_besides(hob.worker_pids()[0], name, kv_bytes)
    beside = inside.memory_besides(peer.pid, name, kv_bytes)
    row = bounded(
        "worker's memory besides model file and KV cache: Python and compute buffers",
        memory,
        "MB",
        80,
    )
    share = inside.python_share(setup.model, setup.context, setup.threads)
    return [
        replace(row, peer=f"{short(beside)} MB"),
        bounded("share of a decode step outside `llama_decode`", share, "%", 5),
    ]


def _idle(hob: Hob, seconds: float) -> list[Figure]:
    _say(f"idle for {seconds:.0f} s")
    pids = [hob.pid, *hob.worker_pids()]
    share = measure.idle_share(pids, seconds)
    memory = measure.resident_mb(hob.pid)
    return [
        bounded(f"idle with a warm model, CPU over {seconds:.0f} s", share, "% of a core", 0.2),
        bounded("daemon after this load, resident", memory, "MB", 60),
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
        compared(
            "loading: `use` to ready; llama-server's start to healthy", loads, "s", at_most=1.2
        ),
        Figure(
            "the same file with `Llama(...)` in a warm Python process, without a warm-up run",
            "",
            f"{median(inside):.2f} s",
            samples=inside,
        ),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
