"""Reads an answer as the engine does, cut into pieces in many ways."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hob.engine.output.format import Ask, Format
from hob.engine.output.parsed import ParsedOutput
from hob.engine.output.stream import Emission, Output


@dataclass(frozen=True)
class Seen:
    """An answer as a client has it in the end; calls as (id, name, arguments)."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def of(cls, emission: Emission) -> Seen:
        calls: dict[int, tuple[str, str, str]] = {}
        for delta in emission.calls:
            id, name, arguments = calls.get(delta.index, ("", "", ""))
            assert not (name and delta.name), "a call is named once"
            calls[delta.index] = (id + delta.id, name + delta.name, arguments + delta.arguments)
        assert list(calls) == list(range(len(calls))), "calls are numbered in order"
        return cls(emission.text, emission.reasoning, tuple(calls.values()))


def read(output: Output, pieces: Iterable[bytes]) -> Seen:
    emission = sum(map(output.push, pieces), Emission())
    return Seen.of(emission + output.flush())


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """All ways to cut the data in two, and all the single bytes."""
    for place in range(len(data) + 1):
        yield [data[:place], data[place:]]
    yield [data[place : place + 1] for place in range(len(data))]


def numbered(form: Format) -> Format:
    """The format with calls named 1, 2, ... instead of at random."""
    counter = itertools.count(1)
    return dataclasses.replace(form, new_id=lambda: str(next(counter)))


def maker(form: Format, ask: Ask, stops: tuple[str, ...] = ()) -> Callable[[], ParsedOutput]:
    return lambda: ParsedOutput(numbered(form), ask, stops)


def read_each_way(make: Callable[[], Output], text: str) -> Seen:
    """The answer, which must be the same however it is cut."""
    whole = read(make(), [text.encode()])
    for pieces in cuts(text.encode()):
        assert read(make(), pieces) == whole, pieces
    return whole
