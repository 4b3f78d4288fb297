"""The programs whose models Hob knows how to find. Each has its own module with the places of its
stores and a reader of one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.adopt import gpt4all, huggingface, llamacpp, lmstudio, ollama
from hob.models.adopt.files import Budget
from hob.models.adopt.found import Found, Where
from hob.models.gguf.checks import clean
from hob.wire.library import Program

log = logging.getLogger(__name__)

TITLES: Mapping[Program, str] = {
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "gpt4all": "GPT4All",
    "llama.cpp": "llama.cpp",
    "huggingface": "Hugging Face",
}


@dataclass(frozen=True)
class _Reader:
    stores: Callable[[Where], list[Path]]
    find: Callable[[Path, Budget], list[Found]]


_READERS: Mapping[Program, _Reader] = {
    "ollama": _Reader(ollama.stores, ollama.find),
    "lmstudio": _Reader(lmstudio.stores, lmstudio.find),
    "gpt4all": _Reader(gpt4all.stores, gpt4all.find),
    "llama.cpp": _Reader(llamacpp.stores, llamacpp.find),
    "huggingface": _Reader(huggingface.stores, huggingface.find),
}


def all_stores(where: Where) -> Iterator[tuple[Program, Path]]:
    """The real place of each store that is there, once."""
    seen: set[Path] = set()
    for program, reader in _READERS.items():
        for folder in reader.stores(where):
            try:
                real = folder.resolve(strict=True)
            except (OSError, RuntimeError, ValueError):
                continue
            if real.is_dir() and real not in seen:
                seen.add(real)
                yield program, real


def find_all(where: Where, budget: Budget | None = None) -> tuple[list[Found], list[BadModelFile]]:
    """The models of every store, and what keeps Hob from reading one."""
    budget = budget or Budget()
    found: list[Found] = []
    problems: list[BadModelFile] = []
    for program, root in all_stores(where):
        try:
            found += _READERS[program].find(root, budget)
        except FileNotFoundError:
            continue  # the program is there, and has no models yet
        except OSError as error:
            problems.append(_unreadable(program, root, error))
    if budget.spent:
        problems.append(
            BadModelFile(
                "The folders of other programs hold too many files; not all were looked at.",
                hint="Link a model by its file: `hob models import --link FILE`.",
            )
        )
    return _told_apart(found), problems


def _told_apart(found: Sequence[Found]) -> list[Found]:
    """Two stores of one program may have a model of the same name; the later one gets a number."""
    taken: dict[tuple[Program, str], int] = {}
    named = []
    for one in found:
        key = (one.program, one.name)
        taken[key] = taken.get(key, 0) + 1
        named.append(one if taken[key] == 1 else replace(one, name=f"{one.name} ({taken[key]})"))
    return sorted(named, key=lambda one: (list(TITLES).index(one.program), one.name))


def _unreadable(program: Program, root: Path, error: OSError) -> BadModelFile:
    log.info("the models of %s in %s cannot be read: %s", program, root, error)
    return BadModelFile(
        f"The models of {TITLES[program]} in {clean(str(root))} cannot be read:"
        f" {error.strerror or 'unknown error'}.",
        hint="Let your user read that folder, for instance by joining its group.",
    )
