"""The pipe to a process that does not read."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hob.children.spawn import Child
from hob.companions.plugin_life import Health, Life
from hob.errors import Overloaded
from hob.wire.plugin_host import Ping


class Stdin:
    """A pipe in which so many bytes wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.closing = False
        self.written = 0
        self.transport = self

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written += 1


class Full:
    def __init__(self) -> None:
        self.stdin: Any = Stdin()


def made() -> tuple[Life, Stdin]:
    child = Full()
    return Life(cast("Child", child), Health(), lambda _: None), child.stdin


def test_facts_are_dropped_before_what_somebody_waits_for() -> None:
    life, stdin = made()
    stdin.waiting = 2 * 2**20
    assert not life.tell(Ping(number=1))
    life.send(Ping(number=2))
    assert stdin.written == 1


def test_when_far_too_much_waits_nothing_new_is_begun() -> None:
    life, stdin = made()
    stdin.waiting = 64 * 2**20
    with pytest.raises(Overloaded):
        life.send(Ping(number=1))
    assert stdin.written == 0


def test_a_closing_pipe_is_left_alone() -> None:
    life, stdin = made()
    stdin.closing = True
    life.send(Ping(number=1))
    assert stdin.written == 0
