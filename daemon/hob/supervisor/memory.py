"""Arithmetic with the memory of devices, and how well a model would fit into it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import msgspec

from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, Need
from hob.wire.models import ModelInfo

# A context from which on a person rarely notices that it could be longer, and the least with which
# a conversation can be led at all; in tokens.
USEFUL_CONTEXT = 8192
LEAST_CONTEXT = 2048

Memory = tuple[DeviceMemory, ...]
Bytes = Mapping[str, int]


class Planner(Protocol):
    """What knows how much memory models take. Both are quick and never block."""

    def memory(self) -> tuple[DeviceMemory, ...]:
        """The devices, with what is free now."""

    def plan(self, info: ModelInfo, options: LoadOptions, memory: Sequence[DeviceMemory]) -> Fit:
        """How the model would be loaded into so much memory."""


class Grade(IntEnum):
    """How well a model fits: not at all, with too short a context, well enough, as wished."""

    NO = 0
    POOR = 1
    ENOUGH = 2
    GOOD = 3


@dataclass(frozen=True, slots=True)
class Rated:
    """`fit` None: nobody knows how much memory it takes, so that only the places count."""

    grade: Grade
    fit: Fit | None = None

    @property
    def gpu_layers(self) -> int:
        return self.fit.gpu_layers if self.fit else 0

    @property
    def worth(self) -> tuple[int, int, int]:
        """For comparing two ways to load the same model."""
        return (self.grade, self.gpu_layers, self.fit.context_length if self.fit else 0)

    @property
    def needs(self) -> Bytes:
        return by_device(self.fit.needs) if self.fit else {}


def rate(fit: Fit, options: LoadOptions) -> Rated:
    """A fit by the context that it leaves, measured by what the options wish for."""
    if fit.verdict == "no":
        return Rated(Grade.NO, fit)
    wish = options.context_length or options.context_cap
    best = min(wish, fit.whole_context_length or wish)
    context = fit.context_length or best
    if context >= min(best, USEFUL_CONTEXT):
        return Rated(Grade.GOOD, fit)
    return Rated(Grade.ENOUGH if context >= min(best, LEAST_CONTEXT) else Grade.POOR, fit)


def planned(options: LoadOptions, fit: Fit | None) -> LoadOptions:
    """The options with what the fit has decided."""
    if fit is None:
        return options
    return msgspec.structs.replace(
        options,
        context_length=fit.context_length or options.context_length,
        kv_type=fit.kv_type if fit.kv_type in ("f16", "q8_0", "q4_0") else options.kv_type,
        # Without a GPU that the planner knows of, the worker looks for one itself.
        gpu_layers=fit.gpu_layers or options.gpu_layers,
    )


def by_device(needs: Iterable[Need]) -> dict[str, int]:
    """Bytes by the device's name."""
    total: dict[str, int] = {}
    for need in needs:
        total[need.device] = total.get(need.device, 0) + need.total_bytes
    return total


def more(memory: Memory, freed: Bytes) -> Memory:
    """The memory once so much of it has come free."""
    return _changed(memory, freed, 1)


def less(memory: Memory, taken: Bytes) -> Memory:
    """The memory once so much of it is taken."""
    return _changed(memory, taken, -1)


def lesser(one: Memory, other: Memory) -> Memory:
    """Of each device what is free in both."""
    free = {device.name: device.free_bytes for device in other}
    return tuple(
        msgspec.structs.replace(
            device, free_bytes=min(device.free_bytes, free.get(device.name, device.free_bytes))
        )
        for device in one
    )


def _changed(memory: Memory, amounts: Bytes, sign: int) -> Memory:
    return tuple(
        msgspec.structs.replace(
            device,
            # Below zero on purpose: what is promised too often must be paid back first.
            free_bytes=_capped(device, device.free_bytes + sign * amounts[device.name]),
        )
        if amounts.get(device.name)
        else device
        for device in memory
    )


def _capped(device: DeviceMemory, free_bytes: int) -> int:
    return min(free_bytes, device.total_bytes) if device.total_bytes else free_bytes
