"""The whole menu, made anew from what is known of the daemon. Pure: drawing is others' business."""

from __future__ import annotations

from dataclasses import dataclass

from hob.desktop.tray.items import (
    About,
    Ask,
    ClearRecent,
    Copy,
    CopyToken,
    Explain,
    InTerminal,
    Item,
    OpenFolder,
    OpenSettings,
    QuitAll,
    QuitDesktop,
    RunAction,
    SetApi,
    SetLogin,
    SetPlugin,
    StartDaemon,
    note,
    separator,
)
from hob.desktop.tray.models_menu import keep_items, memory_item, models_items
from hob.desktop.tray.tooltip import headline, trouble
from hob.desktop.tray.words import UNNAMED, joined, one_line, told_apart
from hob.desktop.view import DaemonView
from hob.errors import BadHotkey
from hob.paths import Paths
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Recent
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugins import ActionInfo, PluginInfo

# The action that opens the prompt window; the window opens without it, too.
ASK = "ask"
MOST_ACTIONS = 40
MOST_ON_TOP = 5
MOST_RECENT = 10
MOST_PLUGINS = 40
_LONGEST = 44
_LONGEST_PROBLEM = 72


@dataclass(frozen=True)
class Local:
    """What the menu shows of this computer. `starts_at_login` is None where that is not known;
    `platform` is a value of sys.platform."""

    paths: Paths
    platform: str
    starts_at_login: bool | None = None


def build(view: DaemonView, local: Local) -> tuple[Item, ...]:
    """All items, top to bottom."""
    there = view.phase != "away"
    return (
        *_top(view),
        separator("after top"),
        *_asking(view, there=there),
        separator("after asking"),
        *(_about_models(view) if there else ()),
        separator("after models"),
        *(_about_plugins(view, local) if there else ()),
        *_recent(view),
        Item("chat", "Open chat in the terminal", InTerminal(("chat",))),
        *(_api(view) if there else ()),
        separator("after tools"),
        *_of_this_computer(local),
        separator("after settings"),
        Item("quit", "Quit the desktop", QuitDesktop()),
        *((Item("quit all", "Quit Hob", QuitAll()),) if there else ()),
    )


def _top(view: DaemonView) -> tuple[Item, ...]:
    lines = [note("headline", headline(view))]
    if problem := trouble(view):
        lines.append(_problem("problem", headline(view), problem))
    if view.phase == "away":
        lines.append(Item("start", "Start Hob", StartDaemon()))
    if view.phase == "empty":
        lines.append(Item("recommend", "Find a model…", InTerminal(("models", "recommend"))))
    return tuple(lines)


def _problem(key: str, title: str, problem: ErrorInfo) -> Item:
    """A line with what is wrong; choosing it says the rest."""
    return Item(key, f"⚠ {one_line(problem.message, _LONGEST_PROBLEM)}", Explain(title, problem))


def _asking(view: DaemonView, *, there: bool) -> tuple[Item, ...]:
    ask = next((action for action in view.actions if action.name == ASK), None)
    hotkey = _hotkey(view, ask) if ask else ""
    lines = [Item("ask", "Ask…", Ask(), default=True, hotkey=hotkey)]
    others = [action for action in view.actions if action.in_menu and action.name != ASK]
    if there:
        actions = _actions(view, others[:MOST_ACTIONS])
        if len(actions) > MOST_ON_TOP:
            # Those with a hotkey stay in sight, so that it can be learnt.
            top = [item for item in actions if item.hotkey][:MOST_ON_TOP]
            rest = tuple(item for item in actions if item not in top)
            actions = [*top, Item("actions", "Actions", submenu=rest)]
        lines += actions
    titles = {action.name: action.title for action in view.actions}
    for name, problem in view.hotkey_problems:
        title = one_line(titles.get(name, name), _LONGEST)
        lines.append(_problem(f"hotkey {name}", f"The hotkey of {title}", problem))
    return tuple(lines)


def _actions(view: DaemonView, actions: list[ActionInfo]) -> list[Item]:
    labels: dict[str, int] = {}
    for action in actions:
        labels[action.title] = labels.get(action.title, 0) + 1
    lines = []
    for action in actions:
        # Two plugins may call their actions alike.
        whose = action.title or action.name
        if labels[action.title] > 1:
            whose = f"{whose} ({action.plugin})"
        dots = "…" if action.opens or action.asks else ""
        label = (one_line(whose, _LONGEST).rstrip("….") or UNNAMED) + dots
        command = RunAction(action.name)
        lines.append(Item(f"action {action.name}", label, command, hotkey=_hotkey(view, action)))
    return lines


def _hotkey(view: DaemonView, action: ActionInfo) -> str:
    """The action's hotkey in normal form; empty when it has none or it does not work here."""
    if not action.hotkey or any(name == action.name for name, _ in view.hotkey_problems):
        return ""
    try:
        return str(parse_hotkey(action.hotkey))
    except BadHotkey:
        return ""


def _about_models(view: DaemonView) -> tuple[Item, ...]:
    return (
        Item("models", "Models", submenu=models_items(view)),
        Item("keep", "Keep warm", submenu=keep_items(view), enabled=bool(view.chosen)),
        memory_item(view),
    )


def _about_plugins(view: DaemonView, local: Local) -> tuple[Item, ...]:
    shown = view.plugins[:MOST_PLUGINS]
    names = told_apart([plugin.name for plugin in shown], _LONGEST)
    lines: list[Item] = []
    for plugin in shown:
        lines.append(_plugin(plugin, names[plugin.name]))
        if plugin.problem:
            title = f"The plugin {names[plugin.name]}"
            lines.append(_problem(f"problem {plugin.name}", title, plugin.problem))
    if left := len(view.plugins) - len(shown):
        lines.append(note("more", f"and {left} more: hob plugins list"))
    if not lines:
        lines.append(note("none", "There are no plugins"))
    lines.append(separator("end"))
    lines.append(Item("folder", "Open the plugins folder", OpenFolder(local.paths.plugins_dir)))
    return (Item("plugins", "Plugins", submenu=tuple(lines)),)


def _plugin(plugin: PluginInfo, name: str) -> Item:
    title = one_line(plugin.title, _LONGEST)
    label = joined((name, "" if title.casefold() == name.casefold() else title))
    states = {"failed": "failed", "suspended": "turned off by Hob", "loading": "loading"}
    return Item(
        f"plugin {plugin.name}",
        joined((label, states.get(plugin.state, ""))),
        # One that Hob has turned off is given another chance by choosing it.
        SetPlugin(plugin.name, not plugin.enabled or plugin.state == "suspended"),
        checked=plugin.enabled and plugin.state != "suspended",
    )


def _recent(view: DaemonView) -> tuple[Item, ...]:
    if not view.recent:
        return ()
    lines = []
    seen: dict[float, int] = {}
    for answer in view.recent[:MOST_RECENT]:
        seen[answer.at] = number = seen.get(answer.at, 0) + 1
        label = _answer_label(answer)
        lines.append(Item(f"recent {answer.at} {number}", label, Copy(answer.text, "The answer")))
    clear = Item("clear", "Forget them", ClearRecent())
    every = (note("title", "Choose one to copy it again"), *lines, separator("end"), clear)
    return (Item("recent", "Recent answers", submenu=every),)


def _answer_label(answer: Recent) -> str:
    """The question, and how the answer begins."""
    shown = joined((one_line(answer.title, _LONGEST), one_line(answer.text, _LONGEST)))
    return shown or UNNAMED


def _api(view: DaemonView) -> tuple[Item, ...]:
    api = view.status.api if view.status else None
    address = api.address if api else ""
    lines = [Item("on", "On", SetApi(not address), checked=bool(address))]
    if address:
        lines[0] = Item("on", joined(("On", address)), SetApi(False), checked=True)
    if api and api.problem:
        lines.append(_problem("problem", "The API", api.problem))
    copy = Copy(address, "The address of the API")
    lines += [
        separator("end"),
        Item("address", "Copy the address", copy, enabled=bool(address)),
        Item("token", "Copy the token", CopyToken()),
    ]
    return (Item("api", "API", submenu=tuple(lines)),)


def _of_this_computer(local: Local) -> tuple[Item, ...]:
    login = local.starts_at_login
    at_login = Item("login", "Start at login", SetLogin(not login), checked=bool(login))
    logs = InTerminal(("logs", "--follow"))
    return (
        *(() if login is None else (at_login,)),
        Item("settings", "Settings…", OpenSettings()),
        Item("logs", "Logs", logs),
        Item("about", "About Hob", About()),
    )
