"""The daemon starts by itself when a command needs it."""

from __future__ import annotations

import click

from hob.cli.context import App
from hob.client import Client
from hob.errors import NotRunning


def running_client(app: App, *, start: bool = True) -> Client:
    """A client of a daemon that runs, started when it was not.

    Raises NotRunning when it may not be started: `start` is False (--no-start), or the setting
    cli.autostart is. Raises StartFailed.
    """
    client = app.client()
    try:
        client.status()
    except NotRunning:
        if not (start and _autostart(app)):
            raise
        from hob.cli.background import start_daemon

        click.echo("hob: The daemon is not running; starting it.", err=True)
        start_daemon(app)
    return client


def _autostart(app: App) -> bool:
    from hob.config import load_config

    return load_config(app.paths, app.environ, flags={}).cli.autostart
