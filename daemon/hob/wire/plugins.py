"""Plugins as the daemon shows them, the actions that they offer, and the run of an action."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Body, ErrorInfo, Value

# What a text looks like, for choosing the actions that suit it. Guessed, never relied on.
ContentKind = Literal["text", "message", "code", "error", "link", "table", "image"]
# Where the text of an action comes from when whoever triggers it brings none.
Source = Literal["nothing", "clipboard", "selection"]
# Which window an action opens, if that is what it does.
Window = Literal["prompt", "actions"]
# Where the text that an action makes is shown when a person triggers it on the desktop.
Shows = Literal["answer", "notice", "nothing"]
PluginSource = Literal["built-in", "package", "folder"]
PluginState = Literal["off", "loading", "on", "failed", "suspended"]
SettingKind = Literal["text", "texts", "whole", "number", "switch", "choice"]
SettingValue = str | int | float | bool | list[str]

MAX_TEXT_CHARS = 16 * 2**20
MAX_INPUT_CHARS = 100_000
MAX_NAME_CHARS = 64

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARS)]
SentText = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]


class Opens(Value, frozen=True):
    """A window that an action opens by itself, without any code that runs first.

    For the prompt window: `text` is what stands in it already, `system` the system prompt of the
    conversation, `attach` what is attached, and `send` asks at once.
    """

    window: Window = "prompt"
    text: SentText = ""
    system: str = ""
    attach: Source = "nothing"
    send: bool = False


class ActionInfo(Body, frozen=True):
    """What a person can trigger from the tray, a hotkey, the command line or the API.

    `takes` says where its text comes from; `kinds` which contents it suits, none for any. `asks`
    is the question whose answer becomes the run's `input`, empty when nothing is asked. `opens` is
    set for an action that does nothing but open a window. `system` is the system prompt that the
    model reads before the text, so that both can be read ahead. `hotkey` is in force, in the form
    of "ctrl+alt+space", and empty for none. `in_menu` puts it into the tray's menu. `plain` says
    that its text is no Markdown: line breaks count, and marks are shown as they are.
    """

    name: str
    plugin: str
    title: str
    help: str = ""
    takes: Source = "nothing"
    kinds: tuple[ContentKind, ...] = ()
    asks: str = ""
    choices: tuple[str, ...] = ()
    shows: Shows = "answer"
    opens: Opens | None = None
    system: str = ""
    hotkey: str = ""
    default_hotkey: str = ""
    in_menu: bool = True
    plain: bool = False


class ActionList(Body, frozen=True):
    """In the order in which they are shown."""

    actions: tuple[ActionInfo, ...]


class ActionRequest(Value, frozen=True):
    """The body of POST /hob/v1/actions/run.

    `text` is what the action works on; None leaves it to the action to fetch it from where it
    `takes` it. `image` is a data URL. `input` is the answer to what the action `asks`. `desktop`
    is the id of the desktop that triggers it, whose clipboard and windows are meant; empty for the
    one that was used last.
    """

    action: Name
    text: SentText | None = None
    image: SentText = ""
    input: Annotated[str, Meta(max_length=MAX_INPUT_CHARS)] = ""
    model: str = ""
    desktop: str = ""


class ActionStarted(Value, frozen=True, tag_field="event", tag="started"):
    """The first event of every run. `id` is unique within the daemon's life."""

    id: str
    action: str
    plugin: str
    title: str
    shows: Shows = "answer"


class ActionProgress(Value, frozen=True, tag_field="event", tag="progress"):
    """`fraction` from 0 to 1, None when it is not known; `note` says what is being done."""

    fraction: float | None = None
    note: str = ""


class ActionText(Value, frozen=True, tag_field="event", tag="text"):
    """More of the text that the action makes."""

    text: str


class ActionFinished(Value, frozen=True, tag_field="event", tag="finished"):
    """The last event of a run that worked."""


class ActionFailed(Value, frozen=True, tag_field="event", tag="failed"):
    """The last event of a run that did not."""

    error: ErrorInfo


ActionEvent = ActionStarted | ActionProgress | ActionText | ActionFinished | ActionFailed


class HotkeyRequest(Value, frozen=True):
    """The body of POST /hob/v1/actions/hotkey. `hotkey` None goes back to the default; empty for
    none."""

    action: Name
    hotkey: str | None = None


class PluginSetting(Body, frozen=True):
    """One setting of a plugin; `value` is in force."""

    name: str
    kind: SettingKind
    doc: str
    default: SettingValue
    value: SettingValue
    choices: tuple[str, ...] = ()


class ToolInfo(Body, frozen=True):
    """What a model may call. `parameters` is a JSON Schema as text."""

    name: str
    plugin: str
    help: str
    parameters: str


class CommandInfo(Body, frozen=True):
    """A command that a plugin adds to `hob`."""

    name: str
    plugin: str
    help: str


class PluginInfo(Body, frozen=True):
    """One plugin. `path` is the file or package; `hooks` are the names of those it implements.

    State `failed`: it could not be loaded; `suspended`: Hob has turned it off because it kept
    failing. `problem` says why, in both cases.
    """

    name: str
    title: str = ""
    version: str = ""
    source: PluginSource = "package"
    path: str = ""
    enabled: bool = False
    state: PluginState = "off"
    problem: ErrorInfo | None = None
    hooks: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    settings: tuple[PluginSetting, ...] = ()


class PluginList(Body, frozen=True):
    """`folder` is where single-file plugins go, `settings_file` what is set for plugins. `problem`
    says why no plugin runs at all."""

    plugins: tuple[PluginInfo, ...]
    folder: str
    settings_file: str
    problem: ErrorInfo | None = None


class PluginRef(Value, frozen=True):
    """The body of POST /hob/v1/plugins/show, /enable, /disable and /reload."""

    plugin: Name


class PluginSet(Value, frozen=True):
    """The body of POST /hob/v1/plugins/set: `value` as a person writes it; None for the default."""

    plugin: Name
    setting: Name
    value: str | None = None


class ToolList(Body, frozen=True):
    tools: tuple[ToolInfo, ...]


class CachedCommand(Value, frozen=True):
    """A plugin's command as the command line finds it without the daemon.

    `target` is what has to be imported for it: the path of the file for a plugin of the folder,
    else the name of the module.
    """

    name: str
    plugin: str
    help: str
    source: PluginSource
    target: str


class CommandCache(Value, frozen=True):
    """What the file `paths.plugin_commands` holds, as JSON: the commands of the plugins that are
    on. Written by the daemon whenever they change."""

    commands: tuple[CachedCommand, ...] = ()
