"""What the library costs: scans of 1,000 files, how soon a file is announced, a day of changes.

    python -m bench.library [--churn 5000] [--announce 100]

Prints one line for each figure, and every difference between the library and the disk after the
changes. Exits with 1 when there is any.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from fakes.churn import Churn, differences, on_disk, told
from fakes.tiny_gguf import tiny_gguf
from fakes.watched import Library, watching
from hob.models.folder.index import Index
from hob.models.folder.scan import Scanner
from hob.wire.events import ModelAdded

FILES = 1_000
JUNK = 10_000
# As many tokens as a real model has, so that a header costs what a real one does.
TOKENS = 32_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--churn", type=int, default=5_000)
    parser.add_argument("--announce", type=int, default=100)
    parser.add_argument("--scan-once", nargs=2, metavar=("FOLDER", "INDEX"))
    asked = parser.parse_args()
    if asked.scan_once:
        scan_once(*map(Path, asked.scan_once))
        return 0
    with tempfile.TemporaryDirectory(prefix="hob-library-") as home:
        scans(Path(home) / "scans")
        asyncio.run(announcements(Path(home) / "announce", asked.announce))
        asyncio.run(junk(Path(home) / "junk"))
        return asyncio.run(churn(Path(home) / "churn", asked.churn))


def say(what: str, figure: str) -> None:
    print(f"{what:<48} {figure}", flush=True)


# ---- scans ----


def scans(home: Path) -> None:
    folder = home / "models"
    words = [f"token{number}" for number in range(TOKENS)]
    keys: dict[str, object] = {
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": None,
        "tokenizer.ggml.token_type": None,
    }
    for number in range(FILES):
        path = folder / f"org{number % 20}" / f"model-{number}-{number % 70 + 1}b.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny_gguf(keys | {"llama.context_length": 256 + number}).bytes())
    for name, tries in (("cold, no index", 3), ("warm, from the index", 7)):
        figures = []
        for _ in range(tries):
            if name.startswith("cold"):
                (home / "index.db").unlink(missing_ok=True)
            figures.append(_in_a_new_process(folder, home / "index.db"))
        say(f"scan of {FILES:,} files, {name}", _ms([first for first, _ in figures]))
    say(f"scan of {FILES:,} files, again", _ms([again for _, again in figures]))
    say("size of the index", f"{(home / 'index.db').stat().st_size / 1e3:.0f} kB")


def _in_a_new_process(folder: Path, index: Path) -> tuple[float, float]:
    """Seconds of the first scan of a process and of its second."""
    ran = subprocess.run(
        [sys.executable, __file__, "--scan-once", str(folder), str(index)],
        check=True,
        capture_output=True,
        text=True,
    )
    first, again = map(float, ran.stdout.split())
    return first, again


def scan_once(folder: Path, index: Path) -> None:
    scanner = Scanner(Index(index))
    began = time.perf_counter()
    found = scanner.scan([folder])
    first = time.perf_counter()
    scanner.scan([folder])
    again = time.perf_counter()
    scanner.save()
    if len(found.models) != FILES or any(model.info.problem for model in found.models.values()):
        raise SystemExit("not every file was read")
    print(first - began, again - first)


def _ms(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"median {statistics.median(ordered) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
        f"worst {ordered[-1] * 1e3:.1f} ms of {len(ordered)}"
    )


# ---- announcements ----


async def announcements(home: Path, count: int) -> None:
    """From the last byte of a file to the fact that it is there, with 200 others beside it."""
    folder = home / "models"
    folder.mkdir(parents=True)
    for number in range(200):
        (folder / f"old-{number}.gguf").write_bytes(tiny_gguf().bytes())
    content = tiny_gguf().bytes()
    async with watching(home, folder) as library:
        for way in ("copied slowly", "moved in", "room reserved first"):
            figures = [
                await _announce(library, folder / f"{way[0]}{number}.gguf", content, way)
                for number in range(count)
            ]
            say(f"announced after its last byte, {way}", _ms(figures))


async def _announce(library: Library, path: Path, content: bytes, way: str) -> float:
    name = f"{path.stem}:f32"
    if way == "moved in":
        part = path.with_suffix(".gguf.part")
        part.write_bytes(content)
        ended = time.perf_counter()
        part.rename(path)
    else:
        with path.open("wb", buffering=0) as file:
            if way.startswith("room"):
                os.posix_fallocate(file.fileno(), 0, len(content))
            for start in range(0, len(content), len(content) // 3):
                file.write(content[start : start + len(content) // 3])
                ended = time.perf_counter()
                await asyncio.sleep(0.05)
    await library.told.added(name)
    return time.perf_counter() - ended


# ---- junk and churn ----


async def junk(home: Path) -> None:
    """Ten thousand files that are no models come and go."""
    folder = home / "models"
    folder.mkdir(parents=True)
    async with watching(home, folder) as library:
        before = _resident()
        for number in range(JUNK):
            (folder / f"junk-{number}.gguf").write_bytes(b"x" * 100)
        await library.registry.rescan()
        during, listed = _resident(), len(library.names)
        index = (home / "cache" / "models.db").stat().st_size
        for path in folder.iterdir():
            path.unlink()
        for _ in range(2):  # the second gives back what the first no longer needs
            await library.registry.rescan()
        library.told.facts.clear()
        gc.collect()
        say(f"memory with {listed:,} junk files", f"{before:.1f} -> {during:.1f} MB")
        say("memory once they are gone", f"{_resident():.1f} MB")
        after = (home / "cache" / "models.db").stat().st_size
        say("index with them, and once they are gone", f"{index / 1e3:.0f} -> {after / 1e3:.0f} kB")


async def churn(home: Path, count: int) -> int:
    """Random changes; the number of differences between the library and the disk after them."""
    folders = [home / "one", home / "two"]
    for folder in folders:
        folder.mkdir(parents=True)
    doings = Churn(1, folders)
    async with watching(home, *folders, patience_s=0) as library:
        for _ in range(50):
            doings.step()
        await library.registry.rescan()
        gc.collect()
        before = _resident()
        began = time.perf_counter()

        def a_few() -> None:
            for _ in range(10):
                doings.step()

        for _ in range(count // 10):
            await asyncio.to_thread(a_few)
        took = time.perf_counter() - began
        facts = len(library.told.facts)
        library.told.facts.clear()
        # A last file tells that all events before it were taken in.
        (folders[0] / "last.gguf").write_bytes(tiny_gguf({"llama.context_length": 77}).bytes())
        while ModelAdded not in {type(fact) for fact in library.told.facts}:
            await library.told.until(lambda: library.told.of(ModelAdded))
        await library.registry.rescan()
        models = [library.registry.model(name) for name in library.names]
        wrong = differences(told({m.info.name: m for m in models if m}), on_disk(folders))
        gc.collect()
        say(f"{count:,} changes in", f"{took:.1f} s, {facts:,} facts told")
        say("memory before and after them", f"{before:.1f} -> {_resident():.1f} MB")
        say("models in the end", str(len(models)))
        say("differences between library and disk", str(len(wrong)))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def _resident() -> float:
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
