"""What is chosen in the menu happens, and what fails is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from desktop.tray_views import AWAY, PROBLEM, SUMMARISE, WARM, in_phase
from hob.client import Client
from hob.desktop.parts import Parts
from hob.desktop.tray import commands, items
from hob.desktop.tray.about import about_text
from hob.desktop.tray.backend import Pictures
from hob.desktop.tray.menu_guard import MenuGuard
from hob.desktop.tray.toolkit import label, menu
from hob.desktop.tray.tray import Tray
from hob.desktop.view import DaemonView
from hob.errors import Cancelled, DesktopRefused, HobError, OutOfMemory
from hob.paths import Paths, find_paths
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo, Opens


class FakeWorld:
    """All that the tray talks to, in one: what was done is in `did`."""

    pastes = False
    token = "the-token"

    def __init__(self, view: DaemonView = WARM) -> None:
        self.view = view
        self.did: list[tuple[object, ...]] = []
        self.fails: HobError | None = None
        self.login = False
        self.told: list[Callable[[DaemonView], None]] = []
        self.posted: list[Callable[[], None]] = []

    # Bridge
    def watch(self, told: Callable[[DaemonView], None]) -> None:
        self.told.append(told)
        told(self.view)

    def show_view(self, view: DaemonView) -> None:
        self.view = view
        for told in self.told:
            told(view)

    def client(self) -> Client:
        raise NotImplementedError

    def run(
        self,
        work: Callable[[Any], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        try:
            result = work(FakeClient(self))
        except HobError as error:
            assert failed is not None
            failed(error)
        else:
            if done is not None:
                done(result)

    def post(self, call: Callable[[], None]) -> None:
        self.posted.append(call)

    def run_posted(self) -> None:
        while self.posted:
            self.posted.pop(0)()

    def start_daemon(self) -> None:
        self.did.append(("start_daemon",))

    def refresh(self) -> None:
        self.did.append(("refresh",))

    # Clipboard
    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        raise NotImplementedError

    selection = read

    def write(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        self.did.append(("write", text))
        if self.fails is not None and failed is not None:
            failed(self.fails)
        elif done is not None:
            done()

    paste = write

    def note_focus(self) -> None:
        """Nothing has the focus here."""

    # Windows
    def open(self, opens: Opens) -> None:
        self.did.append(("open", opens.window))

    def run_action(self, action: ActionInfo, input: str = "", clip: Clip | None = None) -> None:
        self.did.append(("run_action", action.name))

    def show_text(self, title: str, text: str) -> None:
        raise NotImplementedError

    # LoginItem
    def is_on(self) -> bool:
        return self.login

    def turn_on(self) -> None:
        self.login = True

    def turn_off(self) -> None:
        self.login = False


class FakeClient:
    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            if self._world.fails is not None:
                raise self._world.fails
            self._world.did.append((name, *args, *kwargs.values()))
            return self._world

        return call


class FakeNotices:
    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def show(
        self, title: str, text: str = "", *, copy: str = "", open: Callable[[], None] | None = None
    ) -> None:
        self.shown.append((title, text))


class FakeLauncher:
    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def edit(self, path: Path) -> None:
        self._world.did.append(("edit", path))

    def show(self, folder: Path) -> None:
        self._world.did.append(("show", folder))

    def in_terminal(self, argv: Sequence[str]) -> None:
        if self._world.fails is not None:
            raise self._world.fails
        self._world.did.append(("terminal", *argv[4:]))


class FakeIcon:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.stopped = False
        self.setup: Callable[[Any], None] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if name in {"icon", "title", "menu", "visible"}:
            self.told.append(name)
        super().__setattr__(name, value)

    def run_detached(self, setup: Callable[[Any], None] | None = None) -> None:
        self.setup = setup

    def stop(self) -> None:
        self.stopped = True


class Desk:
    """The tray's commands among fakes."""

    def __init__(self, folder: Path, view: DaemonView = WARM) -> None:
        self.world = FakeWorld(view)
        self.notices = FakeNotices()
        self.paths: Paths = find_paths({"HOB_HOME": str(folder)})
        self.parts = Parts(self.world, self.world, self.notices)
        self.launcher = FakeLauncher(self.world)
        self.starts: list[bool] = []
        around = commands.Surroundings(
            self.parts, self.world, self.quit, self.paths, self.launcher, self.world
        )
        self.commands = commands.Commands(around, self.starts.append)

    def quit(self) -> None:
        self.world.did.append(("quit",))

    def do(self, command: items.Command) -> list[tuple[object, ...]]:
        self.commands.do(command)
        return self.world.did

    def tray(self, icon: FakeIcon) -> Tray:
        def make(pictures: Pictures, missing: Callable[[], None]) -> Any:
            return icon

        return Tray(
            self.parts,
            self.world,
            quit=self.quit,
            paths=self.paths,
            launcher=self.launcher,
            login_item=self.world,
            make=make,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (items.Switch("m"), [("use", "m")]),
        (items.Load("m"), [("load", "m")]),
        (items.CancelLoad("m"), [("cancel_load", "m")]),
        (items.Unload(("m", "n")), [("unload", "m"), ("unload", "n")]),
        (items.Keep("m", 900.0), [("keep", "m", 900.0)]),
        (items.Keep("m", None), [("keep", "m", None)]),
        (items.SetPlugin("p", True), [("enable_plugin", "p")]),
        (items.SetPlugin("p", False), [("disable_plugin", "p")]),
        (items.ClearRecent(), [("clear_recent",)]),
        (items.SetApi(True), [("api_set", True)]),
        (items.QuitAll(), [("stop",), ("quit",)]),
        (items.QuitDesktop(), [("quit",)]),
        (items.StartDaemon(), [("start_daemon",)]),
        (items.Ask(), [("open", "prompt")]),
        (items.RunAction("clipboard-actions"), [("open", "actions")]),
        (items.RunAction("summarise"), [("run_action", "summarise")]),
        (items.InTerminal(("chat",)), [("terminal", "chat")]),
    ],
)
def test_a_command_does_what_it_says(
    command: items.Command, asked: list[tuple[object, ...]], desk: Desk
) -> None:
    assert desk.do(command) == asked
    assert desk.notices.shown == []


def test_a_copy_is_said_and_a_failed_one_too(desk: Desk) -> None:
    assert desk.do(items.Copy("text", "The answer")) == [("write", "text")]
    assert desk.notices.shown == [("Copied", "The answer is on the clipboard.")]
    desk.world.fails = DesktopRefused("There is no clipboard.")
    desk.do(items.Copy("text", "The answer"))
    assert desk.notices.shown[1] == ("Nothing was copied", "There is no clipboard.")


def test_the_token_goes_to_the_clipboard_and_into_no_notice(desk: Desk) -> None:
    assert ("write", "the-token") in desk.do(items.CopyToken())
    assert "the-token" not in str(desk.notices.shown)


def test_what_the_daemon_refuses_is_said_with_what_to_do(desk: Desk) -> None:
    desk.world.fails = OutOfMemory("There is no room.", hint="Choose a smaller one.")
    desk.do(items.Switch("m"))
    assert desk.notices.shown == [
        ("The model was not switched", "There is no room. Choose a smaller one.")
    ]


def test_a_load_that_was_taken_back_is_no_news(desk: Desk) -> None:
    desk.world.fails = Cancelled("The load was cut short.")
    desk.do(items.Switch("m"))
    assert desk.notices.shown == []


def test_a_terminal_that_does_not_open_is_said(desk: Desk) -> None:
    desk.world.fails = DesktopRefused("No terminal.", hint="Install one.")
    desk.do(items.InTerminal(("chat",)))
    assert desk.notices.shown == [("The terminal did not open", "No terminal. Install one.")]


def test_an_action_that_has_gone_meanwhile_is_said(desk: Desk) -> None:
    assert desk.do(items.RunAction("gone")) == []
    assert len(desk.notices.shown) == 1


def test_a_problem_is_explained(desk: Desk) -> None:
    desk.do(items.Explain("The API", PROBLEM))
    assert desk.notices.shown == [("The API", f"{PROBLEM.message} {PROBLEM.hint}")]


def test_settings_are_made_with_every_key_explained_and_then_left_alone(desk: Desk) -> None:
    file = desk.paths.config_file
    assert desk.do(items.OpenSettings()) == [("edit", file)]
    assert "# Settings of Hob" in file.read_text()
    file.write_text("# mine\n")
    desk.do(items.OpenSettings())
    assert file.read_text() == "# mine\n"


def test_a_folder_is_made_before_it_is_shown(desk: Desk) -> None:
    folder = desk.paths.plugins_dir
    assert desk.do(items.OpenFolder(folder)) == [("show", folder)]
    assert folder.is_dir()
    (folder / "file").write_text("")
    desk.do(items.OpenFolder(folder / "file/below"))
    assert desk.notices.shown[0][0] == "The folder did not open"


def test_start_at_login_is_read_again_once_it_is_changed(desk: Desk) -> None:
    desk.do(items.SetLogin(True))
    desk.do(items.SetLogin(False))
    assert desk.starts == [True, False]


def test_every_command_is_known(desk: Desk) -> None:
    """None may fall through to the TypeError at the end."""
    samples: dict[str, Any] = {
        "str": "x", "bool": True, "Path": desk.paths.plugins_dir, "float | None": None,
        "tuple[str, ...]": ("x",), "ErrorInfo": PROBLEM,
    }  # fmt: skip
    for kind in items.Command.__args__:
        if kind is items.About:
            continue  # a window; test_tray opens it
        fields = {each.name: samples[str(each.type)] for each in dataclasses.fields(kind)}
        desk.do(kind(**fields))


def test_about_tells_of_another_version(tmp_path: Path) -> None:
    paths = find_paths({"HOB_HOME": str(tmp_path)})
    assert "hob restart" in about_text(WARM, paths)
    assert "Hob is not running." in about_text(AWAY, paths)


# ---- the tray as a whole ----


def test_only_what_differs_is_handed_on(desk: Desk) -> None:
    icon = FakeIcon()
    desk.tray(icon)
    icon.told.clear()
    desk.world.show_view(dataclasses.replace(WARM, desktop="another"))
    assert set(icon.told) <= {"title"}
    desk.world.show_view(in_phase("answering"))
    assert {"icon", "menu"} <= set(icon.told)


def test_a_load_draws_no_more_pictures_than_it_has_steps(desk: Desk) -> None:
    icon = FakeIcon()
    desk.tray(icon)
    icon.told.clear()
    for percent in range(1000):
        desk.world.show_view(in_phase("loading", load_fraction=percent / 1000))
    assert icon.told.count("icon") <= 24


def test_the_icon_is_shown_on_the_gui_thread_once_its_backend_is_ready(desk: Desk) -> None:
    icon = FakeIcon()
    desk.tray(icon)
    assert "visible" not in icon.told
    assert icon.setup is not None
    icon.setup(icon)
    assert "visible" not in icon.told
    desk.world.run_posted()
    assert "visible" in icon.told


def test_a_tray_that_is_closed_stays_closed(desk: Desk) -> None:
    icon = FakeIcon()
    tray = desk.tray(icon)
    assert icon.setup is not None
    icon.setup(icon)
    tray.close()
    icon.told.clear()
    desk.world.run_posted()
    desk.world.show_view(AWAY)
    assert icon.told == []
    assert icon.stopped


def test_what_is_chosen_on_another_thread_is_done_on_the_gui_thread(desk: Desk) -> None:
    icon = FakeIcon()
    desk.tray(icon)
    lines = [line for line in icon.menu.items if getattr(line, "item", None)]  # type: ignore[attr-defined]
    next(line for line in lines if line.item.key == "ask")(icon)
    assert desk.world.did == []
    desk.world.run_posted()
    assert desk.world.did == [("open", "prompt")]


# ---- the menus of macOS and Windows ----


def test_each_platform_writes_labels_and_hotkeys_its_own_way() -> None:
    item = items.Item("k", "Q & A", hotkey="ctrl+alt+space")
    assert label(item, "win32") == "Q && A\tCtrl+Alt+Space"
    assert label(item, "darwin") == "Q & A  ⌃⌥Space"
    assert label(item, "linux") == "Q & A"


def test_a_menu_is_the_same_tree_for_every_backend() -> None:
    done: list[items.Command] = []
    tree = (
        items.Item("a", "A", items.Ask(), default=True),
        items.separator("s"),
        items.Item("m", "M", submenu=(items.Item("r", "R", checked=True, radio=True),)),
        items.note("n", "N"),
    )
    made = list(menu(tree, done.append, "win32"))
    made[0](None)
    assert done == [items.Ask()]
    assert (made[0].default, made[0].checked) == (True, None)
    (radio,) = made[2].submenu
    assert (radio.radio, radio.checked) == (True, True)
    assert not made[3].enabled


class FakeWindowsIcon:
    """Like pystray's Icon for Windows: a menu is open as long as _on_notify runs."""

    def __init__(self) -> None:
        self.updates = 0
        self.while_open: Callable[[], None] = lambda: None

    def _on_notify(self, wparam: int, lparam: int) -> int:
        self.while_open()
        return wparam + lparam

    def _update_menu(self) -> None:
        self.updates += 1


class GuardedIcon(MenuGuard, FakeWindowsIcon):
    pass


def test_an_open_menu_of_windows_is_replaced_when_it_has_closed() -> None:
    icon = GuardedIcon()
    icon._update_menu()
    assert icon.updates == 1

    def change() -> None:
        icon._update_menu()
        icon._update_menu()
        assert icon.updates == 1, "the open menu was destroyed"

    icon.while_open = change
    assert icon._on_notify(2, 3) == 5
    assert icon.updates == 2
    icon.while_open = lambda: None
    icon._on_notify(0, 0)
    assert icon.updates == 2


def test_ask_opens_the_prompt_without_its_plugin(tmp_path: Path) -> None:
    desk = Desk(tmp_path, dataclasses.replace(WARM, actions=(SUMMARISE,)))
    assert desk.do(items.Ask()) == [("open", "prompt")]
