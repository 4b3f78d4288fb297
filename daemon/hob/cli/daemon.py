"""`hob up`, `hob down` and `hob restart`."""

from __future__ import annotations

import click

from hob.cli.background import start_daemon, stop_daemon
from hob.cli.context import App
from hob.cli.formatting import duration
from hob.cli.progress import ProgressLine, follow_loading, worker_of
from hob.cli.sanitize import clean, one_line
from hob.cli.serve import parse_settings, set_option
from hob.client import Client
from hob.config import load_config
from hob.errors import NotRunning
from hob.wire.status import Status

no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait until the model is warm."
)


@click.command()
@set_option
@no_wait_option
@click.pass_obj
def up(app: App, settings: tuple[str, ...], no_wait: bool) -> None:
    """Start the daemon in the background and wait until its model is warm."""
    overrides = parse_settings(settings)
    client = app.client()
    try:
        status = client.status()
    except NotRunning:
        status = start_daemon(app, overrides)
        click.echo(f"Hob is running (pid {status.pid}).")
    else:
        click.echo(f"Hob is running already (pid {status.pid}).")
        if overrides:
            click.echo("hob: --set changed nothing; `hob restart --set ...` does.", err=True)
    if not no_wait:
        wait_until_warm(client, status)


@click.command()
@click.pass_obj
def down(app: App) -> None:
    """Stop the daemon once the answers in progress are finished."""
    try:
        ended = stop_daemon(app, click.echo)
    except NotRunning:
        click.echo("Hob is not running.")
        return
    click.echo(f"Hob has stopped (pid {ended.pid}, after {duration(ended.seconds)}).")


@click.command()
@set_option
@no_wait_option
@click.pass_context
def restart(ctx: click.Context, settings: tuple[str, ...], no_wait: bool) -> None:
    """Stop the daemon and start it anew."""
    app = ctx.find_object(App)
    assert app is not None
    # A mistake in the settings must not cost the daemon that runs.
    load_config(app.paths, app.environ, parse_settings(settings))
    ctx.invoke(down)
    ctx.invoke(up, settings=settings, no_wait=no_wait)


def wait_until_warm(client: Client, status: Status) -> None:
    """Show how far the chosen model is loaded, and say what came of it."""
    if not status.model_count:
        click.echo(
            f"There is no model yet: `hob models pull starter` fetches one, or put a GGUF file "
            f"into {clean(status.models_folder)}."
        )
        return
    if not status.chosen:
        return
    name = one_line(status.chosen)
    with client.events() as facts, ProgressLine() as line:
        line.show(f"Loading {name}")
        for fraction in follow_loading(client, facts, status.chosen):
            line.show(f"Loading {name}", fraction)
    worker = worker_of(client.status(), status.chosen)
    if worker is None:
        click.echo(f"{name} is loaded with the first question.")
    elif worker.state == "ready" and worker.loaded:
        click.echo(f"{name} is warm (loaded in {duration(worker.loaded.load_s)}).")
    elif worker.problem:
        raise worker.problem.error()
