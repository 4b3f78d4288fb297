"""Starting at login, on each system: what is written is what that system reads."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.desktop.tray.login_item import LoginItem, make_login_item, up_command
from hob.desktop.tray.login_item.launch_agent import LABEL, LaunchAgent
from hob.desktop.tray.login_item.run_key import APPROVED, NAME, RUN, RunKey, run_line
from hob.desktop.tray.login_item.xdg import XdgAutostart, entry, exec_line, is_enabled
from hob.errors import DesktopRefused

COMMAND = ("/opt/my hob/python", "-P", "-m", "hob", "up", "--no-wait")


class FakeRegistry:
    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str | bytes] = {}
        self.refuses = False

    def get(self, key: str, name: str) -> str | bytes:
        if (key, name) not in self.values:
            raise FileNotFoundError(name)
        return self.values[key, name]

    def set(self, key: str, name: str, value: str) -> None:
        if self.refuses:
            raise PermissionError(13, "Access is denied")
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self.get(key, name)
        if self.refuses:
            raise PermissionError(13, "Access is denied")
        del self.values[key, name]


@pytest.fixture(params=["xdg", "launch agent", "run key"])
def item(request: pytest.FixtureRequest, tmp_path: Path) -> LoginItem:
    folder = tmp_path / "not there yet"
    if request.param == "xdg":
        return XdgAutostart(COMMAND, folder, {})
    if request.param == "launch agent":
        return LaunchAgent(COMMAND, folder, {})
    return RunKey(COMMAND, FakeRegistry(), "")


def test_it_is_off_until_it_is_turned_on_and_off_again_afterwards(item: LoginItem) -> None:
    assert not item.is_on()
    item.turn_off()
    item.turn_on()
    assert item.is_on()
    item.turn_on()
    assert item.is_on()
    item.turn_off()
    assert not item.is_on()


def test_this_system_has_one_in_its_own_place(tmp_path: Path) -> None:
    make_login_item({"XDG_CONFIG_HOME": str(tmp_path)}).turn_on()
    written = (tmp_path / "autostart/hob.desktop").read_text()
    assert f"Exec={sys.executable} -P -m hob up --no-wait\n" in written
    assert [path.name for path in (tmp_path / "autostart").iterdir()] == ["hob.desktop"]


def test_the_command_starts_the_daemon() -> None:
    done = subprocess.run([*up_command(), "--help"], capture_output=True, text=True, check=True)
    assert "Start the daemon in the background" in done.stdout


def test_another_home_goes_with_it(tmp_path: Path) -> None:
    XdgAutostart(("python",), tmp_path, {"HOB_HOME": "/my home"}).turn_on()
    assert 'Exec=env "HOB_HOME=/my home" python\n' in (tmp_path / "hob.desktop").read_text()
    LaunchAgent(("python",), tmp_path, {"HOB_HOME": "/my home"}).turn_on()
    agent = plistlib.loads((tmp_path / f"{LABEL}.plist").read_bytes())
    assert agent["EnvironmentVariables"] == {"HOB_HOME": "/my home"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DesktopRefused, match="could not be changed") as caught:
        XdgAutostart(COMMAND, tmp_path / "file/autostart", {}).turn_on()
    assert caught.value.hint


# ---- .desktop files ----


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("plain", "plain"),
        ("with space", '"with space"'),
        ("50%", "50%%"),
        ('say "hi"', '"say \\\\"hi\\\\""'),
        ("$HOME", '"\\\\$HOME"'),
        ("back\\slash", '"back\\\\\\\\slash"'),
        ("", '""'),
    ],
)
def test_arguments_are_quoted_by_the_rules(argument: str, written: str) -> None:
    assert exec_line([argument]) == written


arguments = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(" \\\"'$`%\t;&"), min_size=1
)


@given(st.lists(arguments, min_size=1, max_size=4))
def test_quoted_arguments_are_read_back_as_they_were(command: list[str]) -> None:
    assert _read_exec(exec_line(command)) == command


def _read_exec(value: str) -> list[str]:
    """As the specification has it read: the string's escapes, then quotes, then field codes."""
    text = value.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\0", "\\")
    words, word, quoted, place = [], "", False, 0
    started = False
    while place < len(text):
        char = text[place]
        if char == '"':
            quoted, started = not quoted, True
        elif quoted and char == "\\":
            place += 1
            word += text[place]
        elif char == " " and not quoted:
            words.append(word)
            word, started = "", False
        else:
            word, started = word + char, True
        place += 1
    if started:
        words.append(word)
    return [each.replace("%%", "%") for each in words]


def test_a_real_launcher_runs_the_file_with_hostile_arguments(tmp_path: Path) -> None:
    told = tmp_path / 'it\'s $HOME `told` 100% \\ "so"'
    script = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    file = tmp_path / "hob.desktop"
    file.write_text(entry([sys.executable, "-c", script, str(told), "a\\b $(x) %f"]))
    # glib's own reader of .desktop files, which GNOME and Xfce start programs with.
    subprocess.run(["gio", "launch", str(file)], check=True, timeout=60, env=_quiet(tmp_path))
    _wait_for(told)
    assert told.read_text() == "a\\b $(x) %f"


def _quiet(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


def _wait_for(path: Path) -> None:
    from live_daemon import eventually

    eventually(lambda: path.exists() and path.read_text())


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        (entry(["hob"]), True),
        (entry(["hob"]) + "Hidden=true\n", False),
        (entry(["hob"]).replace("enabled=true", "enabled=false"), False),
        ("", False),
        ("no section\n", False),
        ("[Desktop Entry]\nName=Hob\n", False),
    ],
)
def test_a_file_that_others_have_turned_off_is_off(text: str, enabled: bool) -> None:
    assert is_enabled(text) is enabled


# ---- macOS and Windows ----


def test_launchd_starts_it_at_login_and_leaves_the_daemon_alone(tmp_path: Path) -> None:
    LaunchAgent(COMMAND, tmp_path, {}).turn_on()
    agent = plistlib.loads((tmp_path / f"{LABEL}.plist").read_bytes())
    assert agent["ProgramArguments"] == list(COMMAND)
    assert agent["RunAtLoad"] is True
    assert agent["AbandonProcessGroup"] is True


@pytest.mark.parametrize("data", [b"", b"<plist>", b"bplist00", plistlib.dumps(["a list"])])
def test_a_broken_property_list_is_off(data: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{LABEL}.plist").write_bytes(data)
    assert not LaunchAgent(COMMAND, tmp_path, {}).is_on()


def test_what_the_task_manager_has_turned_off_is_off_and_can_be_turned_on() -> None:
    registry = FakeRegistry()
    item = RunKey(COMMAND, registry, "")
    item.turn_on()
    assert registry.values[RUN, NAME] == '"/opt/my hob/python" -P -m hob up --no-wait'
    registry.values[APPROVED, NAME] = b"\x03" + bytes(11)
    assert not item.is_on()
    item.turn_on()
    assert item.is_on()
    registry.values[APPROVED, NAME] = b"\x02" + bytes(11)
    assert item.is_on()


def test_a_registry_that_refuses_is_said() -> None:
    registry = FakeRegistry()
    registry.refuses = True
    with pytest.raises(DesktopRefused, match="Access is denied"):
        RunKey(COMMAND, registry, "").turn_on()


def test_a_run_key_carries_another_home(tmp_path: Path) -> None:
    import shlex

    line = run_line((sys.executable, "-P", "-m", "hob", "config", "path"), str(tmp_path / "a b"))
    # Quotes that both Windows and a POSIX shell read alike, as there are no others in it.
    done = subprocess.run(
        shlex.split(line.replace("$", "")), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "a b/config.toml")
