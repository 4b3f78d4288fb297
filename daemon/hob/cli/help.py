"""`hob help` and `hob version`."""

from __future__ import annotations

import click

from hob import __version__
from hob.cli import exit_codes


@click.command("help")
@click.argument("topic", nargs=-1)
@click.pass_context
def help_command(ctx: click.Context, topic: tuple[str, ...]) -> None:
    """Explain a command, or `exit-codes`."""
    if topic == ("exit-codes",):
        click.echo("Exit codes of every command:\n\n" + exit_codes.table())
        return
    here = ctx.find_root()
    command = here.command
    for word in topic:
        found = command.get_command(here, word) if isinstance(command, click.Group) else None
        if found is None:
            raise click.UsageError(f"There is no command `{' '.join(topic)}`.", here)
        command = found
        here = click.Context(command, info_name=word, parent=here)
    click.echo(command.get_help(here))


@click.command()
def version() -> None:
    """Show the version."""
    click.echo(f"hob {__version__}")
