"""`hob completion`: what teaches a shell to complete `hob`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(hob completion bash)"  in ~/.bashrc
    zsh:  eval "$(hob completion zsh)"  in ~/.zshrc, after compinit
    fish: hob completion fish > ~/.config/fish/completions/hob.fish
    """
    from hob.cli.app import hob

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}.")
    click.echo(found(hob, {}, "hob", "_HOB_COMPLETE").source())
