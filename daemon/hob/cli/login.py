"""`hob login` and `hob logout`: the account on the hub."""

from __future__ import annotations

import sys

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, no_start_option
from hob.cli.sanitize import one_line
from hob.errors import InvalidRequest

_LONGEST_TOKEN = 512

_service = click.argument("service", type=click.Choice(("hf",)))


@click.command()
@_service
@no_start_option
@click.pass_obj
def login(app: App, service: str, no_start: bool) -> None:
    """Keep a token of the hub in the keyring, for models that want a login.

    It is asked for without being shown, or read from a pipe: `pass hf | hob login hf`. The page
    https://huggingface.co/settings/tokens makes one; reading is all that it needs to be allowed.
    """
    del service  # there is but one
    client = running_client(app, start=not no_start)
    found = client.login(_read_token())
    if found.verified:
        click.echo(f"Logged in to the hub as {one_line(found.name)}; the token is in the keyring.")
    else:
        click.echo(
            "The token is in the keyring. The hub cannot be reached now, so whether it is good"
            " shows when it is used."
        )


@click.command()
@_service
@no_start_option
@click.pass_obj
def logout(app: App, service: str, no_start: bool) -> None:
    """Take the hub's token out of the keyring."""
    del service
    running_client(app, start=not no_start).login("")
    click.echo("Logged out: the keyring no longer holds a token of the hub.")


def _read_token() -> str:
    """The token as it was typed or piped; it is on no command line, where others could read it."""
    if sys.stdin.isatty():
        token: str = click.prompt("Token", hide_input=True, err=True)
    else:
        token = sys.stdin.readline(_LONGEST_TOKEN + 2)
    if not (token := token.strip()):
        raise InvalidRequest("There is no token on stdin.", hint="Pipe it in, or type it.")
    return token
