"""How far predictions of memory are from what llama.cpp takes, model by model.

    python -m bench.fit [MODEL.gguf ...]

Without models it takes those of the tests, and models of odd shapes.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fakes.measured import Measured, NotLoadedError, measure
from fakes.shaped_gguf import SHAPES, write_shaped
from fixtures.minilm import embedding_model
from hob.wire.engine import LoadOptions
from live_daemon import starter_model

_OPTIONS = (
    LoadOptions(context_length=2048),
    LoadOptions(),
    LoadOptions(kv_type="q8_0"),
    LoadOptions(flash_attention="off"),
    LoadOptions(batch_tokens=128, slots=1),
)


def main(arguments: Sequence[str]) -> int:
    """Print each load, and at the end the errors of all."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(argument) for argument in arguments] or list(_models(Path(folder)))
        found = [each for path in paths for options in _OPTIONS if (each := _load(path, options))]
    errors = [abs(each.error) for each in found]
    print(
        f"{len(errors)} loads: error {statistics.mean(errors):.1%} on average, "
        f"{statistics.median(errors):.1%} in the middle, {max(errors):.1%} at most"
    )
    return 0


def _models(folder: Path) -> Iterator[Path]:
    yield starter_model()
    if gemma := os.environ.get("HOB_TEST_GEMMA_MODEL"):
        yield Path(gemma)
    yield embedding_model()
    for shape in SHAPES:
        yield write_shaped(folder, shape)


def _load(path: Path, options: LoadOptions) -> Measured | None:
    try:
        found = measure(path, options)
    except NotLoadedError as error:
        print(error)
        return None
    print("\n".join(found.lines()), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
