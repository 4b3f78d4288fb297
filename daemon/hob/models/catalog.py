"""The curated list of models, and which of them suit a machine.

The list is data: catalog.toml beside this module. What is decided here is pure.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from hob.models.names import shard_of
from hob.wire.base import Value
from hob.wire.fit import DeviceMemory
from hob.wire.library import Purpose, Recommendation, RecommendationList
from hob.wire.models import ModelInfo

# The context that a recommendation is reckoned with.
CONTEXT_TOKENS = 8192

Fits = Literal["gpu", "cpu", "slow", "no"]

# Buffers and the process come on top of the weights.
_OVERHEAD = 1.1
# What other programs may be expected to leave of a machine's memory.
_OF_GPU, _OF_MAIN = 0.92, 0.75
# What an ordinary machine reads from its main memory for a token before that is tiresome.
_SLOW_BYTES = 6 * 10**9
# How many of each purpose are picked.
_PICKED: Mapping[Purpose, int] = {
    "chat": 3, "code": 2, "vision": 1, "embedding": 1, "reranking": 1,
}  # fmt: skip
_FITS: tuple[Fits, ...] = get_args(Fits)

_Count = Annotated[int, Meta(ge=1)]


class Entry(Value, frozen=True, forbid_unknown_fields=True):
    """A model of the list; catalog.toml says what the fields mean."""

    source: Annotated[str, Meta(pattern=r"^hf:[\w.-]+/[\w.-]+:[\w.-]+$")]
    file: Annotated[str, Meta(pattern=r"^[\w.-]+\.gguf$")]
    title: str
    purpose: Purpose
    good_for: str
    quality: Annotated[int, Meta(ge=0, le=100)]
    parameters: _Count
    size: _Count
    kv: Annotated[int, Meta(ge=0)]
    license: str
    active: _Count | None = None

    @property
    def need_bytes(self) -> int:
        return int(self.size * _OVERHEAD) + self.kv * CONTEXT_TOKENS

    @property
    def bytes_per_token(self) -> int:
        """How much of the weights a token reads."""
        return self.size * (self.active or self.parameters) // self.parameters


class Catalog(Value, frozen=True, forbid_unknown_fields=True):
    """The whole list, and the day on which it was last looked through."""

    dated: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    models: tuple[Entry, ...]


class Recommender:
    """`memory` tells the devices of the machine, `infos` the models of the library."""

    def __init__(
        self,
        infos: Callable[[], Sequence[ModelInfo]],
        memory: Callable[[], Sequence[DeviceMemory]],
    ) -> None:
        self._infos = infos
        self._memory = memory

    async def recommendations(self, *, every: bool = False) -> RecommendationList:
        """What suits this machine, the best first; `every` for the whole list."""
        catalog = await asyncio.to_thread(load_catalog)
        return recommend(catalog, self._memory(), self._infos(), every=every)


def load_catalog() -> Catalog:
    """The list as it was shipped. Blocks for a moment."""
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Catalog)


def recommend(
    catalog: Catalog,
    memory: Sequence[DeviceMemory],
    infos: Sequence[ModelInfo],
    *,
    every: bool = False,
) -> RecommendationList:
    """The list for a machine with that memory, the best that runs well there first.

    Without `every` it holds a few for each purpose, and what cannot run is left out.
    """
    fits = {entry.source: how_it_fits(entry, memory) for entry in catalog.models}
    purposes = get_args(Purpose)
    ranked = sorted(
        catalog.models,
        key=lambda entry: (
            max(_FITS.index(fits[entry.source]), 1),  # a CPU that keeps up is as good as a GPU
            purposes.index(entry.purpose),
            -entry.quality,
        ),
    )
    chosen = ranked if every else _picked(ranked, fits)
    return RecommendationList(
        dated=catalog.dated,
        models=tuple(_told(entry, fits[entry.source], infos) for entry in chosen),
    )


def how_it_fits(entry: Entry, memory: Sequence[DeviceMemory]) -> Fits:
    """Whether the machine runs the model on its GPUs, on its CPU, slowly, or not at all."""
    gpu = int(_OF_GPU * sum(device.total_bytes for device in memory if device.kind == "gpu"))
    main = int(_OF_MAIN * sum(device.total_bytes for device in memory if device.kind == "cpu"))
    if entry.need_bytes <= gpu:
        return "gpu"
    if entry.need_bytes > gpu + main:
        return "no"
    return "cpu" if entry.bytes_per_token <= _SLOW_BYTES else "slow"


def _picked(ranked: Sequence[Entry], fits: Mapping[str, Fits]) -> list[Entry]:
    """The first ones of each purpose; slow ones only where there is nothing better."""
    left = dict(_PICKED)
    picked: list[Entry] = []
    for entry in ranked:
        fit = fits[entry.source]
        nothing_better = left[entry.purpose] == _PICKED[entry.purpose]
        if left[entry.purpose] and (fit in ("gpu", "cpu") or (fit == "slow" and nothing_better)):
            left[entry.purpose] -= 1
            picked.append(entry)
    return picked


def _told(entry: Entry, fits: Fits, infos: Sequence[ModelInfo]) -> Recommendation:
    there = next((info.name for info in infos if not info.base and _is_of(entry, info)), "")
    return Recommendation(
        source=entry.source,
        title=entry.title,
        purpose=entry.purpose,
        good_for=entry.good_for,
        parameters=_counted(entry.parameters),
        size_bytes=entry.size,
        license=entry.license,
        need_bytes=entry.need_bytes,
        fits=fits,
        there=there,
    )


def _is_of(entry: Entry, info: ModelInfo) -> bool:
    """Whether a model's file is the one of the list, be it split or not."""
    stem = Path(info.path).stem
    shard = shard_of(stem)
    return (shard[0] if shard else stem).lower() == Path(entry.file).stem.lower()


def _counted(parameters: int) -> str:
    """As model names write it: 135M, 1.7B, 70B."""
    value, unit = (parameters / 1e9, "B") if parameters >= 1e9 else (parameters / 1e6, "M")
    return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
