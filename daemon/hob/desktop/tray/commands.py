"""Does what the menu's items ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hob.client import Client
from hob.desktop.parts import Parts, Windows
from hob.desktop.tray.about import show_about
from hob.desktop.tray.items import (
    About,
    Ask,
    CancelLoad,
    ClearRecent,
    Command,
    Copy,
    CopyToken,
    Explain,
    InTerminal,
    Keep,
    Load,
    OpenFolder,
    OpenSettings,
    QuitAll,
    QuitDesktop,
    RunAction,
    SetApi,
    SetLogin,
    SetPlugin,
    StartDaemon,
    Switch,
    Unload,
)
from hob.desktop.tray.launch import Launcher
from hob.desktop.tray.login_item import LoginItem
from hob.desktop.tray.menu import ASK
from hob.errors import Cancelled, DesktopRefused, HobError
from hob.paths import Paths
from hob.wire.plugins import Opens


@dataclass(frozen=True)
class Surroundings:
    """What the commands work with. `quit` ends the desktop."""

    parts: Parts
    windows: Windows
    quit: Callable[[], None]
    paths: Paths
    launcher: Launcher
    login_item: LoginItem


class Commands:
    """All is called on the GUI thread; `login_changed` is told whether Hob starts at login."""

    def __init__(self, around: Surroundings, login_changed: Callable[[bool], None]) -> None:
        self._around = around
        self._parts = around.parts
        self._bridge = around.parts.bridge
        self._login_changed = login_changed

    def do(self, command: Command) -> None:
        if (asked := daemon_work(command)) is not None:
            self._run(asked.work, title=asked.fails)
            return
        match command:
            case Ask():
                self._ask()
            case RunAction(name):
                self._run_action(name)
            case Copy(text, what):
                self._copy(text, what)
            case CopyToken():
                self._run(
                    lambda client: client.token().token,
                    lambda token: self._copy(token, "The token of the API"),
                    title="The token could not be read",
                )
            case Explain(title, problem):
                self._parts.notices.show(title, str(problem.error()))
            case About():
                show_about(self._bridge.view, self._around.paths)
            case StartDaemon():
                self._bridge.start_daemon()
            case QuitDesktop():
                self._around.quit()
            case QuitAll():
                done = self._around.quit
                self._run(lambda client: client.stop(), lambda _: done(), title="Hob does not stop")
            case _:
                self._do_outside(command)

    def read_login(self) -> None:
        """Tell whether Hob starts at login."""
        self._run(lambda _: self._around.login_item.is_on(), self._login_changed)

    def _do_outside(self, command: Command) -> None:
        """What leaves this process; on another thread, since none of it is quick for sure."""
        launcher, paths = self._around.launcher, self._around.paths
        match command:
            case InTerminal(arguments):
                argv = (sys.executable, "-P", "-m", "hob", *arguments)
                title = "The terminal did not open"
                self._run(lambda _: launcher.in_terminal(argv), title=title)
            case OpenFolder(path):
                title = "The folder did not open"
                self._run(lambda _: _open_folder(launcher, path), title=title)
            case OpenSettings():
                title = "The settings did not open"
                self._run(lambda _: _open_settings(launcher, paths), title=title)
            case SetLogin(enabled):
                item = self._around.login_item
                work = item.turn_on if enabled else item.turn_off
                self._run(lambda _: work(), lambda _: self.read_login())
            case _:
                raise TypeError(command)

    def _ask(self) -> None:
        """As the plugin's action says; without the plugin, all the same."""
        self._around.windows.open(
            next((a.opens for a in self._bridge.view.actions if a.name == ASK and a.opens), Opens())
        )

    def _run_action(self, name: str) -> None:
        action = next((each for each in self._bridge.view.actions if each.name == name), None)
        if action is None:
            self._parts.notices.show("It is gone", "The plugin of this action has been turned off.")
        elif action.opens is not None:
            self._around.windows.open(action.opens)
        else:
            self._around.windows.run_action(action)

    def _copy(self, text: str, what: str) -> None:
        show = self._parts.notices.show
        self._parts.clipboard.write(
            text,
            lambda: show("Copied", f"{what} is on the clipboard."),
            lambda error: show("Nothing was copied", str(error)),
        )

    def _run(
        self,
        work: Callable[[Client], object],
        done: Callable[..., None] | None = None,
        *,
        title: str = "That did not work",
    ) -> None:
        def failed(error: HobError) -> None:
            # Whoever takes a load back knows that.
            if not isinstance(error, Cancelled):
                self._parts.notices.show(title, str(error))

        self._bridge.run(work, done, failed)


@dataclass(frozen=True)
class Asked:
    """What the daemon is asked, and the title of the notice when it fails."""

    work: Callable[[Client], object]
    fails: str


def daemon_work(command: Command) -> Asked | None:
    """What a command asks of the daemon and nobody else; None for all others."""
    match command:
        case Switch(model):
            return Asked(lambda client: client.use(model), "The model was not switched")
        case Load(model):
            return Asked(lambda client: client.load(model), "The model was not loaded")
        case CancelLoad(model):
            return Asked(lambda client: client.cancel_load(model), "The load goes on")
        case Unload(models):
            return Asked(
                lambda client: [client.unload(model) for model in models],
                "The model was not unloaded",
            )
        case Keep(model, for_s):
            return Asked(lambda client: client.keep(model, for_s), "The model does not stay")
        case SetPlugin(plugin, True):
            return Asked(lambda client: client.enable_plugin(plugin), "It is not on")
        case SetPlugin(plugin, False):
            return Asked(lambda client: client.disable_plugin(plugin), "It is not off")
        case ClearRecent():
            return Asked(lambda client: client.clear_recent(), "They are still there")
        case SetApi(enabled):
            title = "The API is not on" if enabled else "The API is not off"
            return Asked(lambda client: client.api_set(enabled=enabled), title)
        case _:
            return None


def _open_folder(launcher: Launcher, path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DesktopRefused(
            f"The folder {path} cannot be made ({error.strerror or error}).",
            hint="Make it by hand, or make the folder above it writable for you.",
        ) from error
    launcher.show(path)


def _open_settings(launcher: Launcher, paths: Paths) -> None:
    """With every key explained when there is no file yet."""
    from hob.config.docs import default_toml
    from hob.config.edit import replace_text
    from hob.config.file import read_text

    if not read_text(paths.config_file):
        replace_text(paths, "", default_toml())
    launcher.edit(paths.config_file)
