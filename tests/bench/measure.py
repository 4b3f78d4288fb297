"""What is measured, each by a function that returns paired samples."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import load
from bench.servers import Hob, Peer, Server


@dataclass(frozen=True)
class Pairs:
    """Samples of both, taken in turns; `ratio` is the median of Hob / peer, round by round, so
    that a machine that grows slow for a while slows both sides of a ratio."""

    hob: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return median(ours / theirs for ours, theirs in zip(self.hob, self.peer, strict=True))


def in_turns(rounds: int, hob: Callable[[int], float], peer: Callable[[int], float]) -> Pairs:
    """Both once a round, and the one that begins changes with the round."""
    ours, theirs = [], []
    for number in range(rounds):
        if number % 2 == 0:
            ours.append(hob(number))
            theirs.append(peer(number))
        else:
            theirs.append(peer(number))
            ours.append(hob(number))
    return Pairs(tuple(ours), tuple(theirs))


def decode_rate(hob: Hob, peer: Peer, rounds: int, max_tokens: int = 128) -> Pairs:
    """Tokens per second of one stream."""
    chance = random.Random()
    prompts = [load.prompt_of(12, chance) for _ in range(rounds)]

    def rate(server: Server) -> Callable[[int], float]:
        return lambda number: (
            load.stream(server.address, prompts[number], max_tokens).tokens_per_second
        )

    return in_turns(rounds, rate(hob), rate(peer))


def first_token(hob: Hob, peer: Peer, rounds: int, words: int) -> Pairs:
    """Milliseconds from the request to the first text, for a prompt that no cache knows."""
    chance = random.Random()
    prompts = [load.prompt_of(words, chance) for _ in range(rounds)]

    def wait(server: Server) -> Callable[[int], float]:
        return lambda number: load.stream(server.address, prompts[number], 4).first_s * 1000

    return in_turns(rounds, wait(hob), wait(peer))


def throughput(hob: Hob, peer: Peer, rounds: int, streams: int) -> Pairs:
    """Tokens per second of several streams together."""
    chance = random.Random()
    prompts = [[load.prompt_of(12, chance) for _ in range(streams)] for _ in range(rounds)]

    def rate(server: Server) -> Callable[[int], float]:
        return lambda number: load.together(server.address, prompts[number], 48)

    return in_turns(rounds, rate(hob), rate(peer))


def loading(hob: Hob, start_peer: Callable[[], float], rounds: int) -> Pairs:
    """Seconds until the model can answer: Hob's `use` of a model that is not loaded, which starts
    a worker, against starting llama-server. Both read the file from the page cache, make the
    context and do a warm-up run."""
    return in_turns(rounds, lambda _: hob.use(), lambda _: start_peer())


def loading_in_process(model: Path, context: int, threads: int, rounds: int) -> list[float]:
    """Seconds of llama-cpp-python's `Llama(...)` in a process that has imported it already and
    has loaded the model once: no process start, no imports, no warm-up run."""
    script = (
        "import sys, time\n"
        "from llama_cpp import Llama\n"
        "model, context, threads, rounds = sys.argv[1], *map(int, sys.argv[2:])\n"
        "for _ in range(rounds + 1):\n"
        "    began = time.perf_counter()\n"
        "    llm = Llama(model, n_ctx=context, n_threads=threads, verbose=False)\n"
        "    print(time.perf_counter() - began)\n"
        "    llm.close()\n"
    )
    command = [sys.executable, "-c", script, model, context, threads, rounds]
    output = subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True
    ).stdout
    return [float(line) for line in output.split()][1:]


def command_time(hob: Hob, rounds: int) -> Pairs:
    """Milliseconds of `hob status` as a whole process, beside a bare interpreter's."""

    def run(command: list[str]) -> Callable[[int], float]:
        def once(_: int) -> float:
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=hob.environ())
            return (time.perf_counter() - began) * 1000

        return once

    status = [str(Path(sys.executable).with_name("hob")), "status"]
    bare = [sys.executable, "-c", "pass"]
    run(status)(0)
    return in_turns(rounds, run(status), run(bare))


def resident_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has no VmRSS")


def cpu_seconds(pids: list[int]) -> float:
    """CPU time of all threads of these processes, counted in nanoseconds by the scheduler."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def idle_share(pids: list[int], seconds: float) -> float:
    """Percent of one core that these processes use while nobody asks anything."""
    before = cpu_seconds(pids)
    time.sleep(seconds)
    return (cpu_seconds(pids) - before) / seconds * 100
