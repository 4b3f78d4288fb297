"""What reading headers costs: 1,000 files of each kind of vocabulary, cold, on one thread.

    python -m bench.headers [--files 1000]

Prints for each kind how large a header is, what one costs alone, and what all of them take when
they share the vocabulary and when each has its own.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fakes.tiny_gguf import Tensor, tiny_gguf
from hob.models.folder.files import look
from hob.models.gguf.known import KnownLists

# Tokens and merges, as those of the models that many have.
KINDS = {
    "tiny (360)": (360, 0),
    "Llama 2 (32,000)": (32_000, 0),
    "SmolLM2 (49,152)": (49_152, 48_900),
    "Qwen 3 (151,936)": (151_936, 151_387),
    "Gemma 3 (262,144)": (262_144, 0),
}
TENSORS = 320
# So many different files of a kind; the others are further names of them.
DIFFERENT = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000)
    files = parser.parse_args().files
    print(f"{'vocabulary':<20}{'header':>9}{'alone':>10}{'shared':>11}{'each own':>11}")
    for kind, (tokens, merges) in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="hob-headers-") as home:
            shared = make(Path(home) / "shared", tokens, merges, files, own=False)
            own = make(Path(home) / "own", tokens, merges, files // DIFFERENT, own=True)
            size = shared[0].stat().st_size
            alone = min(timed(shared[:1]) for _ in range(5))
            every, each = timed(shared), timed(own) * files / len(own)
        print(
            f"{kind:<20}{size / 1e6:>6.1f} MB{alone * 1e3:>7.1f} ms{every:>9.2f} s{each:>9.2f} s",
            flush=True,
        )
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def make(folder: Path, tokens: int, merges: int, files: int, *, own: bool) -> list[Path]:
    """Files of one vocabulary, or in groups of DIFFERENT that have one each."""
    folder.mkdir(parents=True)
    tensors = [Tensor(f"blk.{n // 9}.tensor_{n % 9}.weight", (32,)) for n in range(TENSORS)]
    paths = []
    for number in range(files):
        path = folder / f"model-{number}.gguf"
        if number < DIFFERENT:
            dice = random.Random(number if own else 0)
            lists = {
                "tokenizer.ggml.tokens": words(dice, tokens),
                "tokenizer.ggml.scores": [0.0] * tokens,
                "tokenizer.ggml.token_type": [1] * tokens,
                "tokenizer.ggml.merges": words(dice, merges) or None,
                "llama.context_length": 256 + number,
            }
            path.write_bytes(replace(tiny_gguf(lists), tensors=tensors).bytes())
        else:
            os.link(folder / f"model-{number % DIFFERENT}.gguf", path)
        paths.append(path)
    return paths


def words(dice: random.Random, count: int) -> list[str]:
    return ["x" * dice.randint(1, 16) for _ in range(count)]


def timed(paths: Sequence[Path]) -> float:
    """Seconds of one processor to read all of them, as one scan does."""
    gc.collect()
    known = KnownLists()
    began = time.process_time()
    for path in paths:
        assert look(str(path), lists=known).about.problem is None
    return time.process_time() - began


if __name__ == "__main__":
    main()
