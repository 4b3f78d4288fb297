"""Which screen this session has, and which libraries a window on it lacks."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hob.display import DesktopExit, Display, NoDisplay
from hob.display.free_desktop import (
    Address,
    find_server,
    server_answers,
    x11_addresses,
    x11_session,
)
from hob.display.libraries import install_line, missing_libraries
from hob.display.macos import read_manager
from hob.display.windows import read_session

X11 = Display(":0", "x11")


def find(environ: dict[str, str], *answering: Address) -> Display | NoDisplay:
    return find_server(environ, lambda address: address in answering)


def test_wayland_comes_before_x11_as_qt_has_it() -> None:
    environ = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-1", "XDG_RUNTIME_DIR": "/run/me"}
    both: tuple[Address, ...] = ("/run/me/wayland-1", "/tmp/.X11-unix/X0")
    assert find(environ, *both) == Display("wayland-1", "wayland")
    assert find(environ, both[1]) == X11


def test_an_x_server_is_found_by_its_file_and_by_its_abstract_name() -> None:
    for address in ("/tmp/.X11-unix/X0", "\0/tmp/.X11-unix/X0"):
        assert find({"DISPLAY": ":0.0"}, address) == X11


@pytest.mark.parametrize(
    ("name", "addresses", "session"),
    [
        (":1", ["/tmp/.X11-unix/X1", "\0/tmp/.X11-unix/X1"], ":1"),
        ("unix:1.2", ["/tmp/.X11-unix/X1", "\0/tmp/.X11-unix/X1"], ":1"),
        ("localhost:10.0", [("localhost", 6010)], "localhost:10"),
        ("/private/tmp/launch/x", ["/private/tmp/launch/x"], "/private/tmp/launch/x"),
        ("nonsense", [], "nonsense"),
        (":99999999", [], ":99999999"),
    ],
)
def test_every_spelling_of_a_display_is_understood(
    name: str, addresses: list[Address], session: str
) -> None:
    assert x11_addresses(name) == addresses
    assert x11_session(name) == session


def test_without_any_name_there_never_is_a_screen() -> None:
    found = find({"DISPLAY": "", "WAYLAND_DISPLAY": ""})
    assert isinstance(found, NoDisplay)
    assert found.for_good
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in found.why


def test_a_screen_that_does_not_answer_may_come_back() -> None:
    found = find({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    assert isinstance(found, NoDisplay)
    assert not found.for_good
    assert "WAYLAND_DISPLAY=wayland-0 and DISPLAY=:0" in found.why


def test_a_sockets_file_without_its_server_is_no_screen(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "X0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()
        assert server_answers(path)
    assert Path(path).exists()
    assert not server_answers(path)


def test_macos_and_windows_say_it_in_their_own_ways() -> None:
    assert read_manager("Aqua") == Display("aqua", "native")
    assert isinstance(read_manager("Background"), NoDisplay)
    assert isinstance(read_manager(""), NoDisplay)
    assert read_session(2) == Display("session-2", "native")
    assert isinstance(read_session(0), NoDisplay)


def test_a_library_that_qt_needs_is_named_with_its_package() -> None:
    def load(file: str) -> None:
        if file == "libxcb-cursor.so.0":
            raise OSError(f"{file}: cannot open shared object file")

    (missing,) = missing_libraries(X11, load, "linux")
    assert missing.debian == "libxcb-cursor0"
    assert missing_libraries(Display("wayland-0", "wayland"), load, "linux") == []
    assert missing_libraries(Display("aqua", "native"), load, "linux") == []
    assert missing_libraries(X11, load, "darwin") == []


def test_here_nothing_is_missing() -> None:
    assert missing_libraries(X11) == []


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("apt", "`sudo apt install libxcb-cursor0`"),
        ("dnf", "`sudo dnf install xcb-util-cursor`"),
        ("zypper", "your system's packages for libxcb-cursor.so.0"),
    ],
)
def test_the_command_that_installs_it_is_the_systems_own(tool: str, line: str) -> None:
    def load(file: str) -> None:
        if file == "libxcb-cursor.so.0":
            raise OSError(file)

    missing = missing_libraries(X11, load, "linux")
    assert install_line(missing, lambda name: name if name == tool else None) == line


def test_no_exit_code_for_a_reason_is_one_that_python_or_qt_end_with_by_accident() -> None:
    assert not {1, 2, 134, 139} & set(DesktopExit)
