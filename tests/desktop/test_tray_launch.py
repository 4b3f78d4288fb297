"""Opening editors, folders and terminals on each system, with programs that are there or not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from desktop.screen import Screen
from hob.desktop.tray.launch import make_launcher
from hob.desktop.tray.launch.linux import TERMINALS, LinuxLauncher
from hob.desktop.tray.launch.macos import MacLauncher, command_file
from hob.desktop.tray.launch.windows import WindowsLauncher, batch_file
from hob.errors import DesktopRefused

HOB = ("/usr/bin/python", "-P", "-m", "hob", "chat")


class Programs:
    """Programs that are installed; those in `codes` end at once with their code, others run on."""

    def __init__(self, *installed: str, codes: Mapping[str, int] | None = None) -> None:
        self._installed = installed
        self._codes = dict(codes or {})
        self.started: list[Sequence[str]] = []

    def find(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self._installed else None

    def spawn(self, argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self.started.append(argv)
        return FakeChild(self._codes.get(Path(argv[0]).name))

    def launcher(self, **environ: str) -> LinuxLauncher:
        return LinuxLauncher(environ, self.spawn, self.find)


class FakeChild(subprocess.Popen[bytes]):
    def __init__(self, code: int | None) -> None:
        self.returncode = code

    def __del__(self) -> None:
        """There is no process to wait for."""

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            raise subprocess.TimeoutExpired("a program that runs", timeout or 0)
        return self.returncode


# ---- Linux ----


def test_the_desktops_own_terminal_goes_before_others() -> None:
    programs = Programs("xterm", "konsole", "gnome-terminal")
    programs.launcher(XDG_CURRENT_DESKTOP="KDE").in_terminal(HOB)
    assert programs.started[0][:2] == ("konsole", "-e")
    assert programs.started[0][-len(HOB) :] == HOB


def test_the_terminal_that_a_person_names_goes_before_all() -> None:
    programs = Programs("xterm", "my-terminal", "gnome-terminal")
    programs.launcher(TERMINAL="my-terminal", XDG_CURRENT_DESKTOP="GNOME").in_terminal(HOB)
    assert programs.started[0][:2] == ("my-terminal", "-e")


def test_a_terminal_that_fails_at_once_gives_way_to_the_next() -> None:
    programs = Programs("x-terminal-emulator", "xterm", codes={"x-terminal-emulator": 1})
    programs.launcher().in_terminal(HOB)
    assert [argv[0] for argv in programs.started] == ["x-terminal-emulator", "xterm"]


def test_without_a_terminal_the_command_is_said() -> None:
    with pytest.raises(DesktopRefused) as caught:
        Programs().launcher().in_terminal(HOB)
    assert shlex.join(HOB) in caught.value.hint


@pytest.mark.parametrize("terminal", TERMINALS)
def test_every_terminal_is_given_the_command_as_arguments_of_their_own(terminal: str) -> None:
    programs = Programs(terminal)
    programs.launcher().in_terminal(("a program", "with space"))
    assert programs.started[0][-2:] == ("a program", "with space")


def test_a_program_that_fails_keeps_its_terminal_open() -> None:
    programs = Programs("xterm")
    programs.launcher().in_terminal((sys.executable, "-c", "raise SystemExit(3)"))
    inside = programs.started[0][2:]
    done = subprocess.run(inside, input=b"\n", capture_output=True, check=True)
    assert b"Press Enter" in done.stdout
    programs.launcher().in_terminal(("true",))
    done = subprocess.run(programs.started[1][2:], input=b"", capture_output=True, check=True)
    assert done.stdout == b""


def test_a_file_is_opened_by_what_the_desktop_has_for_it() -> None:
    programs = Programs("xdg-open", codes={"xdg-open": 0})
    programs.launcher().edit(Path("/a/config.toml"))
    assert programs.started == [("xdg-open", "/a/config.toml")]


def test_where_nothing_opens_it_the_persons_editor_does_in_a_terminal() -> None:
    programs = Programs("xdg-open", "xterm", "emacs", codes={"xdg-open": 3})
    programs.launcher(EDITOR="emacs -nw").edit(Path("/a/config.toml"))
    assert programs.started[1][-3:] == ("emacs", "-nw", "/a/config.toml")


def test_a_broken_editor_variable_is_passed_over() -> None:
    programs = Programs("xterm", "nano")
    programs.launcher(VISUAL="'unclosed", EDITOR="missing").edit(Path("/a/config.toml"))
    assert programs.started[0][-2:] == ("nano", "/a/config.toml")


def test_a_folder_goes_to_a_file_manager_where_nothing_else_opens_it() -> None:
    programs = Programs("thunar")
    programs.launcher().show(Path("/models"))
    assert programs.started == [("thunar", "/models")]
    with pytest.raises(DesktopRefused, match="/models"):
        Programs().launcher().show(Path("/models"))


def test_a_real_terminal_runs_the_command(tmp_path: Path) -> None:
    told = tmp_path / "told by it"
    script = "import sys, os; open(sys.argv[1], 'w').write(str(os.isatty(0)))"
    with Screen(panel=False, notices=False) as screen:
        launcher = make_launcher({**screen.environ, "TERMINAL": "xterm"})
        launcher.in_terminal((sys.executable, "-c", script, str(told)))
        screen.eventually(lambda: told.exists() and told.read_text(), what="the terminal")
    assert told.read_text() == "True"


# ---- macOS ----


def test_macos_opens_text_in_the_editor_for_text() -> None:
    programs = Programs(codes={"open": 0})
    MacLauncher({}, programs.spawn).edit(Path("/a/config.toml"))
    assert programs.started == [("/usr/bin/open", "-t", "/a/config.toml")]


def test_macos_runs_a_file_that_goes_away_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "it's.command"
    file.write_text(command_file(("printf", "%s", "a b"), "/my home"))
    done = subprocess.run(
        ["sh", str(file)], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.endswith("a b")
    assert not file.exists()
    assert "export HOB_HOME='/my home'" in command_file(("x",), "/my home")


def test_macos_says_when_open_fails() -> None:
    with pytest.raises(DesktopRefused, match="/models"):
        MacLauncher({}, Programs(codes={"open": 1}).spawn).show(Path("/models"))


# ---- Windows ----


def test_windows_opens_settings_in_notepad_where_nothing_else_does() -> None:
    programs = Programs()

    def refuse(path: str) -> None:
        raise OSError(1155, "No application is associated")

    launcher = WindowsLauncher({}, programs.spawn, programs.find, refuse)
    launcher.edit(Path("config.toml"))
    assert programs.started == [("notepad.exe", "config.toml")]
    with pytest.raises(DesktopRefused, match="No application"):
        launcher.show(Path("models"))


@pytest.mark.parametrize(
    ("installed", "begins"), [((), ("cmd.exe", "/d", "/c")), (("wt.exe",), ("wt.exe", "-w", "new"))]
)
def test_windows_uses_its_terminal_where_it_is_installed(
    installed: tuple[str, ...],
    begins: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    programs = Programs(*installed)
    opened: list[str] = []
    WindowsLauncher({}, programs.spawn, programs.find, opened.append).in_terminal(HOB)
    assert tuple(programs.started[0][:3]) == begins
    assert Path(programs.started[0][-1]).read_text().count("hob chat || pause") == 1


def test_a_batch_file_keeps_percent_signs_and_its_home() -> None:
    text = batch_file(("C:\\my py\\python.exe", "100%"), "C:\\my home")
    assert '"C:\\my py\\python.exe" 100%% || pause' in text
    assert 'set "HOB_HOME=C:\\my home"' in text
