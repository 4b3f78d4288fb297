"""What a worker costs besides the model: memory, and time of a decode step.

Run as a program it measures the steps: `python -m bench.inside MODEL CONTEXT THREADS TOKENS`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_COUNTED = ("Rss:", "Swap:")


def memory_besides(pid: int, model: str, kv_bytes: int) -> float:
    """MB (10^6 bytes), resident or swapped, of all mappings but the model file's, less the KV
    cache. llama.cpp's compute buffers are in it, so Python's share is at most this."""
    total, of_model = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            of_model = line.endswith(model)
        elif words[0] in _COUNTED and not of_model:
            total += int(words[1]) * 1024
    return (total - kv_bytes) / 1e6


def python_share(model: Path, context: int, threads: int, tokens: int = 128) -> float:
    """Percent of a decode step of one stream that is not spent in `llama_decode`."""
    command = [sys.executable, "-m", "bench.inside", model, context, threads, tokens]
    output = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    return float(json.loads(output.stdout))


def _measure(path: Path, context: int, threads: int, tokens: int) -> float:
    """Serve one request as a worker does, with a clock around `llama_decode`."""
    from hob.engine.loading import load
    from hob.engine.native.library import lib
    from hob.wire.engine import FromWorker, Generate, LoadOptions
    from hob.wire.generate import Delta, Finished, GenerateRequest

    decoding = 0.0
    marks: list[tuple[float, float, int]] = []
    decode = lib.llama_decode

    def timed(*arguments: Any) -> Any:
        nonlocal decoding
        began = time.perf_counter()
        try:
            return decode(*arguments)
        finally:
            decoding += time.perf_counter() - began

    def emit(message: FromWorker) -> None:
        if isinstance(message, Delta):
            marks.append((time.perf_counter(), decoding, message.tokens))
        elif isinstance(message, Finished):
            service.drain()

    lib.llama_decode = timed
    options = LoadOptions(context_length=context, threads=threads, speculate="off")
    with ExitStack() as stack:
        service = load(path, options, lambda _fraction: None, stack).service(emit)
        request = GenerateRequest(id="1", prompt="Once upon a time", max_tokens=tokens)
        service.post(Generate(request=request))
        service.run()
    (began, decoded_before, _), (ended, decoded, _) = marks[0], marks[-1]
    return (1 - (decoded - decoded_before) / (ended - began)) * 100


if __name__ == "__main__":
    print(_measure(Path(sys.argv[1]), *map(int, sys.argv[2:])))
