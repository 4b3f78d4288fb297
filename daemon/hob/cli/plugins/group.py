"""`hob plugins`: which there are, and turning them on and off."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hob.cli.actions.name import PluginName, near_plugins
from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import counted, print_json, table
from hob.cli.plugins.new import new
from hob.cli.plugins.show import describe_value, show
from hob.cli.sanitize import clean, one_line
from hob.wire.plugins import PluginInfo, PluginList

# With a problem in one of these states it does not run; in the others it goes without something.
_BROKEN = ("failed", "suspended")


@click.group(invoke_without_command=True)
@json_option
@no_start_option
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, no_start: bool) -> None:
    """Turn plugins on and off, set them, and write one. Without a command it lists them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_plugins, as_json=as_json, no_start=no_start)


@plugins.command("list", short_help="List the plugins, and what is wrong with them.")
@json_option
@no_start_option
@click.pass_obj
def list_plugins(app: App, as_json: bool, no_start: bool) -> None:
    """List the plugins: those of Hob, of other packages, and of the plugins folder."""
    found = running_client(app, start=not no_start).plugins()
    if as_json:
        print_json(found)
    else:
        click.echo(describe_plugins(found))


plugins.add_command(show)
plugins.add_command(new)


@plugins.command()
@click.argument("name", type=PluginName())
@no_start_option
@click.pass_obj
def enable(app: App, name: str, no_start: bool) -> None:
    """Turn a plugin on, now and from now on. It runs with all your rights."""
    client = running_client(app, start=not no_start)
    with near_plugins(client, name):
        plugin = client.enable_plugin(name)
    _told(plugin)


@plugins.command()
@click.argument("name", type=PluginName())
@no_start_option
@click.pass_obj
def disable(app: App, name: str, no_start: bool) -> None:
    """Turn a plugin off, now and from now on; what it is doing is cut short."""
    client = running_client(app, start=not no_start)
    with near_plugins(client, name):
        plugin = client.disable_plugin(name)
    _told(plugin)


@plugins.command()
@click.argument("name", type=PluginName())
@no_start_option
@click.pass_obj
def reload(app: App, name: str, no_start: bool) -> None:
    """Load a plugin anew, also one that Hob has turned off because it kept failing."""
    client = running_client(app, start=not no_start)
    with near_plugins(client, name):
        plugin = client.reload_plugin(name)
    _told(plugin)


@plugins.command("set", short_help="Change a setting of a plugin.")
@click.argument("name", type=PluginName())
@click.argument("setting")
@click.argument("value", required=False)
@click.option("--default", "to_default", is_flag=True, help="Go back to its default.")
@no_start_option
@click.pass_obj
def set_setting(
    app: App, *, name: str, setting: str, value: str | None, to_default: bool, no_start: bool
) -> None:
    """Change a setting of a plugin, at once and from now on.

    \b
    hob plugins set clipboard language German
    hob plugins set clipboard language --default
    """
    if (value is None) != to_default:
        raise click.UsageError("Give the setting's new value, or --default.")
    client = running_client(app, start=not no_start)
    with near_plugins(client, name):
        plugin = client.set_plugin(name, setting, value)
    for one in plugin.settings:
        if one.name == setting:
            click.echo(f"{one_line(setting)} = {describe_value(one.value)}")


def _told(plugin: PluginInfo) -> None:
    """Say how the plugin is now. Raises what keeps it from running."""
    if plugin.problem is not None and plugin.state in _BROKEN:
        raise plugin.problem.error()
    click.echo(_outcome(plugin))
    if plugin.problem is not None:
        click.echo(_problem(plugin), err=True)


def _outcome(plugin: PluginInfo) -> str:
    name = one_line(plugin.name)
    if plugin.state == "off":
        return f"{name} is off."
    made = [
        counted(len(names), noun)
        for noun, names in (
            ("action", plugin.actions),
            ("tool", plugin.tools),
            ("command", plugin.commands),
        )
        if names
    ]
    return f"{name} is {plugin.state}" + (f", with {', '.join(made)}." if made else ".")


def describe_plugins(found: PluginList) -> str:
    """The table for a person; what is wrong comes below."""
    parts = []
    if found.problem is not None:
        parts.append("No plugin runs: " + clean(str(found.problem.error())))
    if found.plugins:
        header = ("NAME", "STATE", "FROM", "VERSION", "ACTIONS", "TOOLS", "TITLE")
        rows = [_row(plugin) for plugin in found.plugins]
        parts.append(table(header, rows, right=(4, 5)))
    bad = [plugin for plugin in found.plugins if plugin.problem is not None]
    for title, some in (
        ("These plugins do not run:", [one for one in bad if one.state in _BROKEN]),
        ("These have something wrong:", [one for one in bad if one.state not in _BROKEN]),
    ):
        if some:
            parts.append("\n".join([title, *_problems(some)]))
    parts.append(
        f"A file put into {clean(found.folder)} is a plugin; `hob plugins new NAME` writes one."
    )
    return "\n\n".join(parts)


def _row(plugin: PluginInfo) -> tuple[str, ...]:
    return (
        one_line(plugin.name),
        plugin.state,
        plugin.source,
        one_line(plugin.version) or "-",
        str(len(plugin.actions) or "-"),
        str(len(plugin.tools) or "-"),
        one_line(plugin.title) or "-",
    )


def _problems(plugins: Sequence[PluginInfo]) -> list[str]:
    """What is wrong, once for all that have it in common, as they do a settings file."""
    names: dict[str, list[str]] = {}
    for plugin in plugins:
        names.setdefault(_problem(plugin), []).append(one_line(plugin.name))
    return [f"  {', '.join(who)}: {what}" for what, who in names.items()]


def _problem(plugin: PluginInfo) -> str:
    return clean(str(plugin.problem.error())) if plugin.problem else ""
