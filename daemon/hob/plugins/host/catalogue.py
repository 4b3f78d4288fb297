"""All that the plugins offer together; whoever was first has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hob.errors import BadHotkey
from hob.plugins.host.infos import action_info, tool_info
from hob.plugins.host.plugin import Plugin, taken
from hob.plugins.host.settings_file import PluginSettings
from hob.plugins.values import Action, Tool
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import CommandInfo


@dataclass(frozen=True)
class Offer:
    """What is told to the daemon, and who does it: the plugins that are on, actions and tools by
    name."""

    catalogue: Catalogue
    plugins: Sequence[Plugin] = ()
    actions: Mapping[str, tuple[Plugin, Action]] = field(default_factory=dict)
    tools: Mapping[str, tuple[Plugin, Tool]] = field(default_factory=dict)


def offer(plugins: Sequence[Plugin], settings: PluginSettings) -> Offer:
    """Put together what the plugins that are on have registered. A name or a hotkey that is taken
    is left out, and is its plugin's warning."""
    running = [plugin for plugin in plugins if plugin.on]
    actions: dict[str, tuple[Plugin, Action]] = {}
    tools: dict[str, tuple[Plugin, Tool]] = {}
    commands: dict[str, CommandInfo] = {}
    for plugin in running:
        for action in plugin.actions:
            if other := actions.setdefault(action.name, (plugin, action)):
                _warn(plugin, "action", action.name, other[0])
        for tool in plugin.tools:
            if held := tools.setdefault(tool.name, (plugin, tool)):
                _warn(plugin, "tool", tool.name, held[0])
        for command in plugin.commands:
            first = commands.setdefault(command.name, command)
            if first.plugin != plugin.name and plugin.warning is None:
                plugin.warning = taken(plugin.name, "command", command.name, first.plugin)
    keys = _hotkeys(actions, settings)
    catalogue = Catalogue(
        plugins=tuple(p.info(enabled=_enabled(p, settings)) for p in plugins),
        actions=tuple(action_info(p.name, a, keys[a.name]) for p, a in actions.values()),
        tools=tuple(tool_info(p.name, t) for p, t in tools.values()),
        commands=tuple(commands.values()),
        warm_prompts=tuple(dict.fromkeys(one for p in running for one in p.warm_prompts)),
        rewriters=tuple(p.name for p in running if "rewrite_request" in p.hooks),
        listens=any("on_event" in p.hooks for p in running),
    )
    return Offer(catalogue, running, actions, tools)


def _enabled(plugin: Plugin, settings: PluginSettings) -> bool:
    return settings.enabled(plugin.name, plugin.candidate.on_by_default)


def _warn(plugin: Plugin, what: str, name: str, first: Plugin) -> None:
    if first is not plugin and plugin.warning is None:
        plugin.warning = taken(plugin.name, what, name, first.name)


def _hotkeys(
    actions: Mapping[str, tuple[Plugin, Action]], settings: PluginSettings
) -> dict[str, str]:
    """The hotkey of each action. One that a person has set goes before one that a plugin wishes."""
    found = dict.fromkeys(actions, "")
    held: dict[str, str] = {}
    chosen = [name for name in actions if name in settings.hotkeys]
    others = [name for name in actions if name not in settings.hotkeys]
    for name in (*chosen, *others):
        plugin, action = actions[name]
        try:
            wanted = settings.hotkeys.get(name, action.hotkey)
            key = str(parse_hotkey(wanted)) if wanted else ""
        except BadHotkey as error:
            plugin.warning = plugin.warning or error
            continue
        if key and held.setdefault(key, name) != name:
            plugin.warning = plugin.warning or BadHotkey(
                f"{key} is the hotkey of the action {held[key]} already, so {name} has none.",
                hint=f"`hob action hotkey {name} KEYS` gives it another.",
                param=name,
            )
            continue
        found[name] = key
    return found
