"""`hob plugins show`: all that is known of one plugin."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hob.cli.actions.name import PluginName, near_plugins
from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json
from hob.cli.sanitize import clean, one_line
from hob.wire.plugins import ActionInfo, PluginInfo, PluginSetting, SettingValue, ToolInfo

_LABEL_CHARS = 9


@click.command(short_help="Show all that is known of one plugin.")
@click.argument("name", type=PluginName())
@json_option
@no_start_option
@click.pass_obj
def show(app: App, name: str, as_json: bool, no_start: bool) -> None:
    """Show all that is known of one plugin: what it adds, how it is set, and what is wrong."""
    client = running_client(app, start=not no_start)
    with near_plugins(client, name):
        plugin = client.plugin(name)
    if as_json:
        print_json(plugin)
        return
    actions = [one for one in client.actions().actions if one.plugin == plugin.name]
    tools = [one for one in client.tools().tools if one.plugin == plugin.name]
    click.echo(describe(plugin, actions, tools))


def describe(plugin: PluginInfo, actions: Sequence[ActionInfo], tools: Sequence[ToolInfo]) -> str:
    """The page for a person."""
    title = one_line(plugin.title)
    facts = [
        ("state", _state(plugin)),
        ("problem", clean(str(plugin.problem.error())) if plugin.problem else ""),
        ("version", one_line(plugin.version)),
        ("from", plugin.source),
        ("path", one_line(plugin.path)),
        ("hooks", ", ".join(map(one_line, plugin.hooks))),
        ("commands", ", ".join(f"hob {one_line(name)}" for name in plugin.commands)),
    ]
    lines = [one_line(plugin.name) + (f": {title}" if title else "")]
    lines += [f"  {label:<{_LABEL_CHARS}} {value}" for label, value in facts if value]
    parts = ["\n".join(lines)]
    if actions:
        parts.append("Actions\n" + _columns([_action(action) for action in actions]))
    if tools:
        rows = [(one_line(tool.name), one_line(tool.help)) for tool in tools]
        parts.append("Tools, which a model may call\n" + _columns(rows))
    if plugin.settings:
        shown = [line for one in plugin.settings for line in _setting(one)]
        change = f"`hob plugins set {one_line(plugin.name)} NAME VALUE` changes one."
        parts.append("\n".join(["Settings", *shown, f"  {change}"]))
    return "\n\n".join(parts)


def _state(plugin: PluginInfo) -> str:
    name = one_line(plugin.name)
    match plugin.state:
        case "off":
            return f"off; `hob plugins enable {name}` turns it on"
        case "suspended":
            return f"suspended by Hob; `hob plugins reload {name}` tries it again"
        case state:
            return state


def _action(action: ActionInfo) -> tuple[str, str]:
    key = f" [{one_line(action.hotkey)}]" if action.hotkey else ""
    return one_line(action.name) + key, one_line(action.help) or one_line(action.title)


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {words}" for name, words in rows)


def _setting(setting: PluginSetting) -> list[str]:
    """Its value and kind, and below what it is for."""
    kind: str = setting.kind
    if setting.choices:
        kind = " | ".join(map(one_line, setting.choices))
    value = describe_value(setting.value)
    if setting.value != setting.default:
        value += f" (default {describe_value(setting.default)})"
    return [f"  {one_line(setting.name)} = {value}  {kind}", f"      {one_line(setting.doc)}"]


def describe_value(value: SettingValue) -> str:
    """As it is written in the settings file."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{one_line(value)}"'
        case list():
            return "[" + ", ".join(f'"{one_line(one)}"' for one in value) + "]"
        case number:
            return str(number)
