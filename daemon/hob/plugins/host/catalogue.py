"""All that the plugins offer together; whoever was first has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from hob.errors import ActionNotFound, BadHotkey, HobError, ToolNotFound
from hob.plugins.host.infos import action_info, tool_info
from hob.plugins.host.plugin import Plugin, taken
from hob.plugins.host.settings_file import PluginSettings
from hob.plugins.values import Action, Tool
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import CommandInfo


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True)
class Offer:
    """What is told to the daemon, and who does it: the plugins that are on, actions and tools by
    name."""

    catalogue: Catalogue
    plugins: Sequence[Plugin] = ()
    actions: Mapping[str, tuple[Plugin, Action]] = field(default_factory=dict)
    tools: Mapping[str, tuple[Plugin, Tool]] = field(default_factory=dict)

    def action(self, name: str) -> tuple[Plugin, Action]:
        """Raises ActionNotFound."""
        if name not in self.actions:
            raise ActionNotFound(
                f"There is no action {name}.",
                hint="`hob action list` shows those that there are.",
                param="action",
            )
        return self.actions[name]

    def tool(self, name: str) -> tuple[Plugin, Tool]:
        """Raises ToolNotFound."""
        if name not in self.tools:
            raise ToolNotFound(
                f"There is no tool {name}.",
                hint="`hob plugins show NAME` lists the tools of a plugin.",
                param="hob_tools",
            )
        return self.tools[name]


def offer(plugins: Sequence[Plugin], settings: PluginSettings) -> Offer:
    """Put together what the plugins that are on have registered. Where a name or a hotkey is taken
    already, its plugin goes without, and is listed with that as its problem."""
    running = [plugin for plugin in plugins if plugin.on]
    conflicts = Conflicts()
    actions: dict[str, tuple[Plugin, Action]] = {}
    tools: dict[str, tuple[Plugin, Tool]] = {}
    commands: dict[str, tuple[Plugin, CommandInfo]] = {}
    for plugin in running:
        for action in plugin.actions:
            conflicts.give(actions, "action", plugin, action)
        for tool in plugin.tools:
            conflicts.give(tools, "tool", plugin, tool)
        for command in plugin.commands:
            conflicts.give(commands, "command", plugin, command)
    keys = _hotkeys(actions, settings, conflicts)
    catalogue = Catalogue(
        plugins=tuple(
            p.info(
                enabled=settings.enabled(p.name, p.candidate.on_by_default),
                conflict=conflicts.of(p) or settings.problem,
            )
            for p in plugins
        ),
        actions=tuple(action_info(p.name, a, keys[a.name]) for p, a in actions.values()),
        tools=tuple(tool_info(p.name, t) for p, t in tools.values()),
        commands=tuple(command for _, command in commands.values()),
        warm_prompts=tuple(dict.fromkeys(one for p in running for one in p.warm_prompts)),
        rewriters=tuple(p.name for p in running if "rewrite_request" in p.hooks),
        listens=any("on_event" in p.hooks for p in running),
    )
    return Offer(catalogue, running, actions, tools)


class Conflicts:
    """Gives each name to the first who wants it, and notes who came too late."""

    def __init__(self) -> None:
        self._first: dict[int, HobError] = {}

    def of(self, plugin: Plugin) -> HobError | None:
        return self._first.get(id(plugin))

    def note(self, plugin: Plugin, error: HobError) -> None:
        self._first.setdefault(id(plugin), error)

    def give(self, held: dict[str, tuple[Plugin, N]], what: str, plugin: Plugin, wanted: N) -> None:
        owner, first = held.setdefault(wanted.name, (plugin, wanted))
        if first is not wanted:
            self.note(plugin, taken(plugin.name, what, wanted.name, owner.name))


def _hotkeys(
    actions: Mapping[str, tuple[Plugin, Action]], settings: PluginSettings, conflicts: Conflicts
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
            conflicts.note(plugin, error)
            continue
        if key and held.setdefault(key, name) != name:
            conflicts.note(plugin, _held(key, held[key], actions[held[key]][0].name, name))
            continue
        found[name] = key
    return found


def _held(key: str, by: str, plugin: str, name: str) -> BadHotkey:
    return BadHotkey(
        f"{key} is the hotkey of the action {by} of the plugin {plugin} already, so {name} has"
        " none.",
        hint=f"`hob action hotkey {name} KEYS` gives it another.",
        param=name,
    )
