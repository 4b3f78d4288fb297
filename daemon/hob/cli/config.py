"""`hob config`: what the settings are, where each came from, and changing them."""

from __future__ import annotations

import click

from hob.cli.context import App, json_option
from hob.cli.formatting import print_json
from hob.cli.sanitize import clean
from hob.config import Config, load_config, set_value, unset_value
from hob.config.docs import default_toml
from hob.config.edit import replace_text
from hob.config.file import read_text
from hob.config.load import unknown_setting
from hob.config.values import env_name, settings, shown
from hob.errors import ConfigError, HobError

_STATUS_TIMEOUT_S = 2.0


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """Show the settings in effect and where each came from, or change them."""
    if ctx.invoked_subcommand is not None:
        return
    app = ctx.find_object(App)
    assert app is not None
    effective = load_config(app.paths, app.environ, {})
    if as_json:
        print_json({key: _as_json(effective, key) for key in settings()})
        return
    rows = [
        (key, clean(shown(effective, key)) or '""', effective.sources[key]) for key in settings()
    ]
    key_width = max(len(key) for key, _, _ in rows)
    value_width = max(len(value) for _, value, _ in rows)
    for key, value, source in rows:
        line = f"{key:<{key_width}}  {value:<{value_width}}  {source}"
        click.echo(click.style(line, bold=source != "default"))
    path = app.paths.config_file
    there = "" if path.exists() else " (not there yet; `hob config set` makes it)"
    click.echo(f"\nFile: {path}{there}")


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.pass_obj
def set_command(app: App, key: str, value: str) -> None:
    """Write KEY = VALUE into config.toml, keeping its comments."""
    paths = app.paths
    set_value(paths, key, value)
    click.echo(f"{key} is now {clean(value) or 'empty'} in {paths.config_file}.")
    _say_what_follows(app, key)


@config.command()
@click.argument("key")
@click.pass_obj
def unset(app: App, key: str) -> None:
    """Remove KEY from config.toml, so that its default holds again."""
    paths = app.paths
    if not unset_value(paths, key):
        click.echo(f"{key} is not set in {paths.config_file}; nothing to do.")
        return
    click.echo(f"{key} is removed from {paths.config_file}.")
    _say_what_follows(app, key)


@config.command()
@click.argument("key")
@click.pass_obj
def get(app: App, key: str) -> None:
    """Print the effective value of KEY, and nothing else."""
    if key not in settings():
        raise unknown_setting(key)
    click.echo(clean(shown(load_config(app.paths, app.environ, {}), key)))


@config.command()
@click.pass_obj
def path(app: App) -> None:
    """Print where config.toml is, or would be."""
    click.echo(str(app.paths.config_file))


@config.command()
@click.pass_obj
def check(app: App) -> None:
    """Check config.toml and the environment; the exit code says whether all is well."""
    load_config(app.paths, app.environ, {})
    click.echo("The settings are valid.")


@config.command()
@click.pass_obj
def edit(app: App) -> None:
    """Change config.toml in $EDITOR; it is replaced once it is valid."""
    paths = app.paths
    before = read_text(paths.config_file)
    after = click.edit(before or default_toml(), extension=".toml")
    while after is not None:
        try:
            replace_text(paths, before, after)
        except ConfigError as error:
            click.echo(clean(str(error)), err=True)
            if not click.confirm("Edit it again?", default=True, err=True):
                raise
            after = click.edit(after, extension=".toml") or after
        else:
            click.echo(f"{paths.config_file} is changed.")
            _say_what_follows(app, "")
            return
    click.echo("Nothing is changed.")


def _say_what_follows(app: App, key: str) -> None:
    """What still stands between a change in the file and its effect."""
    if key in settings() and env_name(key) in app.environ:
        click.echo(f"{env_name(key)} in the environment still overrides it.", err=True)
    try:
        load_config(app.paths, app.environ, {})
    except ConfigError as error:
        click.echo(clean(f"The settings still have a mistake: {error}"), err=True)
        return
    if not key.startswith("cli.") and _daemon_runs(app):
        click.echo("Run `hob restart` to apply it.")


def _daemon_runs(app: App) -> bool:
    try:
        app.client(timeout=_STATUS_TIMEOUT_S).status()
    except HobError:
        return False
    return True


def _as_json(effective: Config, key: str) -> dict[str, object]:
    native = settings()[key].kind.from_text(shown(effective, key))
    return {"value": native, "source": effective.sources[key]}
