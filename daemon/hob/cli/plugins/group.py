"""`hob plugins`: which there are, and turning them on and off."""

from __future__ import annotations

import click

from hob.cli.actions.name import PluginName, near_plugins
from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import counted, print_json, table
from hob.cli.plugins.new import new
from hob.cli.plugins.show import describe_value, show
from hob.cli.sanitize import clean, one_line
from hob.wire.plugins import PluginInfo, PluginList


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
    """Say how the plugin is now. Raises what is wrong with it."""
    name = one_line(plugin.name)
    if plugin.problem is not None:
        raise plugin.problem.error()
    if plugin.state == "off":
        click.echo(f"{name} is off.")
        return
    made = [
        counted(len(names), noun)
        for noun, names in (
            ("action", plugin.actions),
            ("tool", plugin.tools),
            ("command", plugin.commands),
        )
        if names
    ]
    click.echo(f"{name} is {plugin.state}" + (f", with {', '.join(made)}." if made else "."))


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
    if bad:
        lines = [f"  {one_line(one.name)}: {_problem(one)}" for one in bad]
        parts.append("These plugins do not run:\n" + "\n".join(lines))
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


def _problem(plugin: PluginInfo) -> str:
    return clean(str(plugin.problem.error())) if plugin.problem else ""
