"""Running a plugin's code: within a time, and with an end to what does not end."""

from __future__ import annotations

import threading
import time

import pytest

from hob.errors import InvalidRequest, PluginBroken
from hob.plugins.host.calls import Calls
from hob.wire.plugin_host import Entered, FromHostMessage, Left


class Told:
    """What was told, and waiting for it."""

    def __init__(self) -> None:
        self.messages: list[FromHostMessage] = []
        self._some = threading.Condition()

    def send(self, message: FromHostMessage) -> None:
        with self._some:
            self.messages.append(message)
            self._some.notify_all()

    def wait_left(self, number: int = 1) -> None:
        def left() -> bool:
            return len([m for m in self.messages if isinstance(m, Left)]) >= number

        with self._some:
            assert self._some.wait_for(left, 30)


def test_the_daemon_is_told_before_and_after() -> None:
    told = Told()
    assert Calls(told.send).call("mine", "start", lambda: len(told.messages), 30) == 1
    told.wait_left()
    assert told.messages == [Entered(number=1, plugin="mine", hook="start"), Left(number=1)]


def test_errors_of_hob_stay_what_they_are_and_others_name_the_plugin() -> None:
    calls = Calls(Told().send)

    def refuse() -> None:
        raise InvalidRequest("No.", param="text")

    with pytest.raises(InvalidRequest, match="No") as refused:
        calls.call("mine", "start", refuse, 30)
    assert refused.value.param == "text"
    with pytest.raises(PluginBroken, match="mine failed in start: ZeroDivisionError"):
        calls.call("mine", "start", lambda: 1 / 0, 30)


def test_a_loop_without_end_is_ended() -> None:
    told = Told()

    def loop() -> None:
        while True:
            pass

    with pytest.raises(PluginBroken, match=r"longer than 0\.05 s"):
        Calls(told.send).call("mine", "start", loop, 0.05)
    told.wait_left()


def test_so_is_one_that_will_not_hear_of_it() -> None:
    told = Told()
    tries = []

    def stubborn() -> None:
        for _ in range(3):
            try:
                while True:
                    time.perf_counter()
            except BaseException as error:
                tries.append(error)

    with pytest.raises(PluginBroken):
        Calls(told.send).call("mine", "start", stubborn, 0.05)
    told.wait_left()
    assert len(tries) == 3


def test_nothing_of_ours_is_interrupted() -> None:
    told = Told()
    calls = Calls(told.send)
    over = threading.Event()

    def wait_for_us() -> None:
        # Inside of threading, where an exception could leave a lock behind.
        over.wait(30)

    with pytest.raises(PluginBroken):
        calls.call("mine", "start", wait_for_us, 0.05)
    over.set()
    told.wait_left()
    assert calls.call("mine", "start", lambda: "fine", 30) == "fine"
