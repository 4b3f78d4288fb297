"""`hob api`, `hob token` and `hob env`: the API for other programs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json
from hob.cli.sanitize import clean
from hob.errors import ConfigError
from hob.wire.status import ApiStatus


@click.group(invoke_without_command=True)
@click.pass_context
def api(ctx: click.Context) -> None:
    """Open the API on loopback for editors and SDKs. Without a command it says how it stands."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(status, as_json=False)


@api.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The port; 4662 unless set.")
@click.option(
    "--token-file",
    is_flag=True,
    help="Keep the token in a file that only you can read, where there is no keyring.",
)
@no_start_option
@click.pass_obj
def on(app: App, port: int | None, token_file: bool, no_start: bool) -> None:
    """Open it on this machine; every request needs the token."""
    client = running_client(app, start=not no_start)
    found = client.api_set(enabled=True, port=port, allow_file=token_file)
    if found.problem:
        raise found.problem.error()
    click.echo(f"The API is on at {clean(found.address)}, for programs that have the token.")
    click.echo("`hob env` prints what OpenAI clients need; `hob api off` closes it.")


@api.command()
@no_start_option
@click.pass_obj
def off(app: App, no_start: bool) -> None:
    """Close it; the socket stays."""
    running_client(app, start=not no_start).api_set(enabled=False)
    click.echo("The API is off. The socket still serves you.")


@api.command()
@json_option
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """Say whether it is on, and where."""
    found = app.client().api_status()
    if as_json:
        print_json(found)
        return
    click.echo(f"API     {clean(found.address) or 'off; `hob api on` opens it on this machine'}")
    click.echo(f"socket  {clean(found.socket)}")
    if found.problem:
        click.echo(f"problem {clean(str(found.problem.error()))}")


@click.command()
@click.option("--rotate", is_flag=True, help="Make a new one; the old one stops working.")
@no_start_option
@click.pass_obj
def token(app: App, rotate: bool, no_start: bool) -> None:
    """Print the API's token."""
    reply = running_client(app, start=not no_start).token(rotate=rotate)
    click.echo(reply.token)
    if rotate:
        click.echo(f"hob: This is a new token, kept in the {reply.where}.", err=True)


SHELLS = ("sh", "fish", "powershell", "cmd")


@click.command()
@click.option("--shell", type=click.Choice(SHELLS), help="Whose syntax; your shell's unless set.")
@json_option
@no_start_option
@click.pass_obj
def env(app: App, shell: str | None, as_json: bool, no_start: bool) -> None:
    """Print the environment that OpenAI clients read: `eval "$(hob env)"`.

    The token is a secret: do not paste the output where others read it.
    """
    client = running_client(app, start=not no_start)
    variables = environment(client.api_status(), lambda: client.token().token)
    if as_json:
        print_json(variables)
        return
    syntax = shell or (
        "fish" if app.environ.get("SHELL", "").endswith("fish") else _default_shell()
    )
    click.echo("\n".join(export_line(syntax, name, value) for name, value in variables.items()))


def environment(found: ApiStatus, token: Callable[[], str]) -> dict[str, str]:
    """The variables, or ConfigError when the API is off."""
    if not found.address:
        raise ConfigError(
            "The API is off, so there is no address to give to other programs.",
            hint="`hob api on` opens it; `hob env` then prints its address and token.",
        )
    base = found.address.rstrip("/").removesuffix("/v1")
    return {"OPENAI_BASE_URL": f"{base}/v1", "OPENAI_API_KEY": token()}


def export_line(shell: str, name: str, value: str) -> str:
    """One assignment, quoted as that shell wants it."""
    match shell:
        case "fish":
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set -gx {name} '{escaped}'"
        case "powershell":
            doubled = value.replace("'", "''")
            return f"$env:{name} = '{doubled}'"
        case "cmd":
            return f'set "{name}={value}"'
        case _:
            return f"export {name}={shlex.quote(value)}"


def _default_shell() -> str:
    return "powershell" if os.name == "nt" else "sh"
