"""`hob config`: what the settings are, where each came from, and changing them."""

from __future__ import annotations

import json
import os

import click

from hob.config import Config, load_config, set_value, unset_value
from hob.config.docs import default_toml
from hob.config.edit import replace_text
from hob.config.file import read_text
from hob.config.load import unknown_setting
from hob.config.values import env_name, settings, shown
from hob.errors import ConfigError, HobError
from hob.log_entry import visible
from hob.paths import Paths, find_paths

_STATUS_TIMEOUT_S = 2.0


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def config(context: click.Context, as_json: bool) -> None:
    """Show the settings in effect and where each came from, or change them."""
    if context.invoked_subcommand is not None:
        return
    paths = find_paths()
    effective = load_config(paths, os.environ, {})
    if as_json:
        click.echo(json.dumps({key: _as_json(effective, key) for key in settings()}, indent=2))
        return
    rows = [(key, visible(shown(effective, key)), effective.sources[key]) for key in settings()]
    key_width = max(len(key) for key, _, _ in rows)
    value_width = max(len(value) for _, value, _ in rows)
    for key, value, source in rows:
        line = f"{key:<{key_width}}  {value:<{value_width}}  {source}"
        click.echo(click.style(line, bold=source != "default"))
    there = "" if paths.config_file.exists() else " (not there yet; `hob config set` makes it)"
    click.echo(f"\nFile: {paths.config_file}{there}")


@config.command("set")
@click.argument("key")
@click.argument("value")
def set_command(key: str, value: str) -> None:
    """Write KEY = VALUE into config.toml, keeping its comments."""
    paths = find_paths()
    set_value(paths, key, value)
    click.echo(f"{key} is now {visible(value) or 'empty'} in {paths.config_file}.")
    _say_what_follows(paths, key)


@config.command()
@click.argument("key")
def unset(key: str) -> None:
    """Remove KEY from config.toml, so that its default holds again."""
    paths = find_paths()
    if not unset_value(paths, key):
        click.echo(f"{key} is not set in {paths.config_file}; nothing to do.")
        return
    click.echo(f"{key} is removed from {paths.config_file}.")
    _say_what_follows(paths, key)


@config.command()
@click.argument("key")
def get(key: str) -> None:
    """Print the effective value of KEY, and nothing else."""
    if key not in settings():
        raise unknown_setting(key)
    click.echo(visible(shown(load_config(find_paths(), os.environ, {}), key)))


@config.command()
def path() -> None:
    """Print where config.toml is, or would be."""
    click.echo(str(find_paths().config_file))


@config.command()
def check() -> None:
    """Check config.toml and the environment; the exit code says whether all is well."""
    load_config(find_paths(), os.environ, {})
    click.echo("The settings are valid.")


@config.command()
def edit() -> None:
    """Change config.toml in $EDITOR; it is replaced once it is valid."""
    paths = find_paths()
    before = read_text(paths.config_file)
    after = click.edit(before or default_toml(), extension=".toml")
    while after is not None:
        try:
            replace_text(paths, before, after)
        except ConfigError as error:
            click.echo(str(error), err=True)
            if not click.confirm("Edit it again?", default=True, err=True):
                raise
            after = click.edit(after, extension=".toml") or after
        else:
            click.echo(f"{paths.config_file} is changed.")
            _say_what_follows(paths, "")
            return
    click.echo("Nothing is changed.")


def _say_what_follows(paths: Paths, key: str) -> None:
    """What still stands between a change in the file and its effect."""
    if key in settings() and env_name(key) in os.environ:
        click.echo(f"{env_name(key)} in the environment still overrides it.", err=True)
    try:
        load_config(paths, os.environ, {})
    except ConfigError as error:
        click.echo(f"The settings still have a mistake: {error}", err=True)
        return
    if not key.startswith("cli.") and _daemon_runs(paths):
        click.echo("Run `hob restart` to apply it.")


def _daemon_runs(paths: Paths) -> bool:
    from hob.client import Client

    try:
        with Client(paths.socket, timeout=_STATUS_TIMEOUT_S) as client:
            client.status()
    except HobError:
        return False
    return True


def _as_json(effective: Config, key: str) -> dict[str, object]:
    native = settings()[key].kind.from_text(shown(effective, key))
    return {"value": native, "source": effective.sources[key]}
