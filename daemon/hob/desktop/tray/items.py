"""What a menu is made of, and what its items ask for: values, without anything that draws them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hob.wire.base import ErrorInfo


@dataclass(frozen=True)
class RunAction:
    """Run a plugin's action, or open the window that it opens."""

    action: str


@dataclass(frozen=True)
class Ask:
    """Open the prompt window."""


@dataclass(frozen=True)
class Switch:
    """Choose this model from now on."""

    model: str


@dataclass(frozen=True)
class Load:
    model: str


@dataclass(frozen=True)
class CancelLoad:
    model: str


@dataclass(frozen=True)
class Unload:
    models: tuple[str, ...]


@dataclass(frozen=True)
class Keep:
    """Keep it loaded for so many seconds after each use; None for good."""

    model: str
    for_s: float | None


@dataclass(frozen=True)
class SetPlugin:
    plugin: str
    enabled: bool


@dataclass(frozen=True)
class Copy:
    """Put a text on the clipboard; `what` names it in the notice."""

    text: str
    what: str


@dataclass(frozen=True)
class CopyToken:
    """Put the token of the API on the clipboard."""


@dataclass(frozen=True)
class ClearRecent:
    """Forget the recent answers."""


@dataclass(frozen=True)
class SetApi:
    enabled: bool


@dataclass(frozen=True)
class SetLogin:
    """Start Hob at login, or do not."""

    enabled: bool


@dataclass(frozen=True)
class InTerminal:
    """Run `hob` with these arguments in a terminal."""

    arguments: tuple[str, ...]


@dataclass(frozen=True)
class OpenFolder:
    """Show a folder; it is made first when it is missing."""

    path: Path


@dataclass(frozen=True)
class OpenSettings:
    """Open config.toml in the person's editor."""


@dataclass(frozen=True)
class StartDaemon:
    """Start Hob."""


@dataclass(frozen=True)
class Explain:
    """Show what is wrong and what to do about it."""

    title: str
    problem: ErrorInfo


@dataclass(frozen=True)
class About:
    """Show which version this is."""


@dataclass(frozen=True)
class QuitDesktop:
    """End the icon, the windows and the hotkeys; the daemon goes on."""


@dataclass(frozen=True)
class QuitAll:
    """End the daemon, and the desktop with it."""


Command = (
    RunAction
    | Ask
    | Switch
    | Load
    | CancelLoad
    | Unload
    | Keep
    | SetPlugin
    | Copy
    | CopyToken
    | ClearRecent
    | SetApi
    | SetLogin
    | InTerminal
    | OpenFolder
    | OpenSettings
    | StartDaemon
    | Explain
    | About
    | QuitDesktop
    | QuitAll
)


@dataclass(frozen=True)
class Item:
    """One line of a menu.

    `key` is unique among its siblings and stays when the label changes, so that an open menu can
    be brought up to date line by line. `checked` is None for what cannot be checked; `radio` says
    that one of its kind is checked at a time. `hotkey` is in normal form. `default` is what a
    click on the icon itself does.
    """

    key: str
    label: str = ""
    command: Command | None = None
    checked: bool | None = None
    radio: bool = False
    enabled: bool = True
    default: bool = False
    hotkey: str = ""
    submenu: tuple[Item, ...] = ()
    separator: bool = False


def separator(key: str) -> Item:
    return Item(key, separator=True)


def note(key: str, label: str) -> Item:
    """A line that only says something."""
    return Item(key, label, enabled=False)
