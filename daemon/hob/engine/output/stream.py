"""What an answer's output is made of, whatever the format in which the model writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hob.engine.output.text import TextStream
from hob.wire.generate import CallDelta


@dataclass(frozen=True, slots=True)
class Emission:
    """More of an answer, ready to be shown."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[CallDelta, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.calls)

    def __add__(self, more: Emission) -> Emission:
        return Emission(
            self.text + more.text, self.reasoning + more.reasoning, self.calls + more.calls
        )


class Output(Protocol):
    """The output of one answer as it grows; all emissions, added, are the answer.

    `special`: it wants to see the text of control tokens. `stopped` is the stop string that has
    come, after which nothing more comes out. `thinking`: the model is thinking now. `called`: it
    has made a tool call.
    """

    @property
    def special(self) -> bool: ...

    @property
    def stopped(self) -> str: ...

    @property
    def thinking(self) -> bool: ...

    @property
    def called(self) -> bool: ...

    def push(self, piece: bytes) -> Emission:
        """What is certain after these bytes."""

    def flush(self) -> Emission:
        """What was held back, at the end of the answer."""


class PlainOutput:
    """Text, and nothing else."""

    special = False
    thinking = False
    called = False

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._text = TextStream(stops)

    @property
    def stopped(self) -> str:
        return self._text.stopped

    def push(self, piece: bytes) -> Emission:
        return Emission(self._text.push(piece))

    def flush(self) -> Emission:
        return Emission(self._text.flush())
