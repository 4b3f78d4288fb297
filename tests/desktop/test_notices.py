"""Notifications: with dunst, with a server of the test's own, and without any."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.bus import Bus
from desktop.gui_thread import GuiThread
from desktop.screen import Screen
from fakes.bus_service import BusService
from fakes.notice_server import NoticeServer
from hob.desktop.notices.freedesktop import BusNotices
from hob.desktop.notices.macos import MacNotices
from hob.desktop.notices.texts import (
    MAX_TEXT_CHARS,
    MAX_TEXT_LINES,
    MAX_TITLE_CHARS,
    body,
    fitted,
)
from hob.desktop.notices.tray import TrayNotices


class Desk:
    def __init__(self, address: str) -> None:
        self.gui = GuiThread()
        self.copied: list[str] = []
        self.balloons: list[tuple[str, str]] = []
        self.opened: list[str] = []
        self.notices = BusNotices(
            self.gui.post,
            self.copied.append,
            lambda title, text: self.balloons.append((title, text)),
            address,
        )

    def wait(self, check: Callable[[], object]) -> None:
        self.gui.run_until(check)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    bus = Bus(tmp_path)
    bus.start()
    yield bus
    bus.stop()


@pytest.fixture
def desk(bus: Bus) -> Iterator[Desk]:
    desk = Desk(bus.address)
    yield desk
    desk.notices.close()


@pytest.fixture
def server(bus: Bus) -> Iterator[NoticeServer]:
    server = NoticeServer(bus.address)
    yield server
    server.stop()


def test_the_copy_button_copies_all_of_the_text(server: NoticeServer, desk: Desk) -> None:
    desk.notices.show("Summary", "short", copy="long text\n" * 100)
    desk.wait(lambda: server.shown)
    assert server.shown[0].actions == ["copy", "Copy"]
    server.press(1, "copy")
    desk.wait(lambda: desk.copied == ["long text\n" * 100])


@pytest.mark.parametrize("key", ["open", "default"])
def test_the_open_button_and_a_click_open(server: NoticeServer, desk: Desk, key: str) -> None:
    desk.notices.show("Summary", open=lambda: desk.opened.append("it"))
    desk.wait(lambda: server.shown)
    server.press(1, "copy")
    server.press(1, key)
    desk.wait(lambda: desk.opened == ["it"])
    assert desk.copied == []


def test_a_notice_takes_the_place_of_one_with_its_title(server: NoticeServer, desk: Desk) -> None:
    for number in range(3):
        desk.notices.show("Loading", f"{number}")
        desk.wait(lambda number=number: len(server.shown) > number)  # type: ignore[misc]
    desk.notices.show("Other")
    desk.wait(lambda: len(server.shown) == 4)
    assert [each.replaces for each in server.shown] == [0, 1, 1, 0]
    server.close(1)
    desk.notices.show("Other again")
    desk.notices.show("Loading", "3")
    desk.wait(lambda: len(server.shown) == 6)
    assert server.shown[-1].replaces == 0


def test_a_server_without_buttons_gets_none(server: NoticeServer, desk: Desk) -> None:
    server.capabilities = ("body",)
    desk.notices.show("Summary", "text", copy="text", open=lambda: None)
    desk.wait(lambda: server.shown)
    assert server.shown[0].actions == []


def test_markup_is_escaped_for_servers_that_read_it(server: NoticeServer, desk: Desk) -> None:
    hostile = '<a href="http://evil">x</a> & <img src="file:///etc/passwd"/>'
    desk.notices.show("One", hostile)
    desk.wait(lambda: server.shown)
    assert server.shown[0].body == hostile
    assert "<" not in body(hostile, frozenset({"body-markup"}))


def test_another_server_is_asked_what_it_can(bus: Bus, server: NoticeServer, desk: Desk) -> None:
    desk.notices.show("One", "<b>", copy="x")
    desk.wait(lambda: server.shown)
    server.stop()
    second = NoticeServer(bus.address, ("body", "body-markup"))
    desk.notices.show("One", "<b>", copy="x")
    desk.wait(lambda: second.shown)
    assert (second.shown[0].body, second.shown[0].actions) == ("&lt;b&gt;", [])
    assert second.shown[0].replaces == 0
    second.stop()


def test_without_a_server_the_tray_says_it(desk: Desk) -> None:
    desk.notices.show("Summary", "text")
    desk.wait(lambda: desk.balloons == [("Summary", "text")])


def test_without_a_bus_the_tray_says_it_and_a_bus_that_comes_is_used(bus: Bus, desk: Desk) -> None:
    bus.stop()
    desk.notices.show("One", "text")
    desk.wait(lambda: desk.balloons == [("One", "text")])
    bus.start()
    server = NoticeServer(bus.address)

    def arrived() -> bool:
        desk.notices.show("Two")
        return bool(server.shown)

    desk.wait(arrived)
    assert server.shown[0].title == "Two"
    server.stop()


def test_a_button_pressed_by_another_program_does_nothing(
    bus: Bus, server: NoticeServer, desk: Desk
) -> None:
    desk.notices.show("Summary", copy="text")
    desk.wait(lambda: server.shown)
    stranger = BusService(bus.address, "org.example.Stranger", lambda _: None)
    for number in range(1, 5):
        stranger.emit(
            None,
            "/org/freedesktop/Notifications",
            ("org.freedesktop.Notifications", "ActionInvoked"),
            "us",
            [number, "copy"],
        )
    stranger.stop()
    desk.notices.show("Next", copy="next")
    desk.wait(lambda: len(server.shown) == 2)
    server.press(2, "copy")
    desk.wait(lambda: desk.copied)
    assert desk.copied == ["next"]


def test_dunst_shows_notices_and_its_buttons_work() -> None:
    with Screen(panel=False) as screen:
        desk = Desk(screen.environ["DBUS_SESSION_BUS_ADDRESS"])

        def displayed() -> int:
            return int(screen.run("dunstctl", "count", "displayed"))

        desk.notices.show("Summary", "old", copy="old")
        screen.eventually(lambda: displayed() == 1)
        desk.notices.show("Summary", "1 < 2 & <b>no markup</b>", copy="whole text")
        desk.notices.show("Other", open=lambda: desk.opened.append("it"))
        # The second has taken the first one's place.
        screen.eventually(lambda: displayed() == 2)
        screen.run("dunstctl", "action", "0")
        desk.wait(lambda: desk.copied == ["whole text"])
        screen.run("dunstctl", "close")
        screen.eventually(lambda: displayed() == 1)
        [kept] = json.loads(screen.run("dunstctl", "history"))["data"][0]
        # As it is shown: markup would have been taken out.
        assert kept["body"]["data"] == "1 < 2 & <b>no markup</b>"
        screen.run("dunstctl", "action", "0")
        desk.wait(lambda: desk.opened == ["it"])
        desk.notices.close()


# ---- what a notice says ----


@given(st.text(max_size=400), st.text(max_size=10_000))
def test_titles_and_texts_are_bounded_and_plain(title: str, text: str) -> None:
    title, text = fitted(title, text)
    assert 0 < len(title) <= MAX_TITLE_CHARS
    assert len(text) <= MAX_TEXT_CHARS
    assert text.count("\n") < MAX_TEXT_LINES
    assert "\n" not in title
    for each in title + text:
        assert each in {"\n", "\t"} or each.isprintable() or not each.isascii()
    (title + text).encode()


# ---- other systems ----


def test_windows_has_balloons() -> None:
    balloons: list[tuple[str, str]] = []
    notices = TrayNotices(lambda title, text: balloons.append((title, text)))
    notices.show("Summary\n", "text", copy="x")
    assert balloons == [("Summary", "text")]
    notices.close()


@pytest.mark.parametrize("works", [True, False])
def test_macos_gets_texts_as_arguments(works: bool) -> None:
    gui = GuiThread()
    ran: list[Sequence[str]] = []
    balloons: list[tuple[str, str]] = []

    def run(argv: Sequence[str]) -> bool:
        ran.append(argv)
        return works

    notices = MacNotices(gui.post, lambda title, text: balloons.append((title, text)), run)
    notices.show('Sum" & (do shell script "x")', "text")
    gui.run_until(lambda: ran and (works or balloons))
    assert list(ran[0][-2:]) == ['Sum" & (do shell script "x")', "text"]
    assert "do shell" not in ran[0][2]
    notices.close()
