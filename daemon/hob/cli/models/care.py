"""`hob models rm`, `rename`, `alias`, `verify` and `import`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json, size
from hob.cli.models.name import ModelName
from hob.cli.progress import ProgressLine
from hob.cli.sanitize import one_line
from hob.client import Client
from hob.errors import DigestMismatch
from hob.wire.library import Imported, Verified


@click.command("rm")
@click.argument("name", type=ModelName())
@click.option("--for-good", is_flag=True, help="Delete the files instead of using the trash.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@no_start_option
@click.pass_obj
def remove(app: App, name: str, for_good: bool, yes: bool, no_start: bool) -> None:
    """Put a model's files into the trash; of an adopted one only the link goes."""
    client = running_client(app, start=not no_start)
    if not yes and sys.stdin.isatty():
        info = client.model(name).info
        what = "Delete for good" if for_good else "Put into the trash"
        click.confirm(f"{what} {one_line(info.name)}, {size(info.file_bytes)}?", abort=True)
    removed = client.remove_model(name, for_good=for_good)
    for file in removed.files:
        click.echo(one_line(file))
    where = "is in the trash" if removed.trash else "is removed"
    freed = f"; {size(removed.freed_bytes)} are free again" if removed.freed_bytes else ""
    click.echo(f"{one_line(removed.model)} {where}{freed}.")


@click.command()
@click.argument("name", type=ModelName())
@click.argument("to")
@no_start_option
@click.pass_obj
def rename(app: App, name: str, to: str, no_start: bool) -> None:
    """Give a model's files the name TO; what is set for the model stays."""
    info = running_client(app, start=not no_start).rename_model(name, to)
    click.echo(f"It is {one_line(info.name)} now ({one_line(info.path)}).")


@click.command()
@click.argument("alias")
@click.argument("name", type=ModelName(), default="")
@click.option("--remove", "taken_away", is_flag=True, help="Take the alias away.")
@no_start_option
@click.pass_obj
def alias(app: App, alias: str, name: str, taken_away: bool, no_start: bool) -> None:
    """Let ALIAS mean the model NAME everywhere."""
    if bool(name) == taken_away:
        raise click.UsageError("Name the model that the alias means, or say --remove.")
    model = running_client(app, start=not no_start).alias_model(alias, name)
    shown = one_line(alias)
    click.echo(f"{shown} means {one_line(model)}." if model else f"{shown} means nothing any more.")


@click.command()
@click.argument("name", type=ModelName())
@json_option
@no_start_option
@click.pass_obj
def verify(app: App, name: str, as_json: bool, no_start: bool) -> None:
    """Compare a model's files with the digests that are known of them."""
    verified = _verify(running_client(app, start=not no_start), name)
    if as_json:
        print_json(verified)
    else:
        click.echo(describe_verified(verified))
    if verified.good is False:
        raise DigestMismatch(
            f"{one_line(verified.model)} is not what it should be: a file has been changed or is "
            "damaged.",
            hint="Fetch it again, and look at the disk.",
        )


def _verify(client: Client, name: str) -> Verified:
    with client.verify_model(name) as events, ProgressLine() as line:
        for event in events:
            if isinstance(event, Verified):
                return event
            done = event.done_bytes / max(event.total_bytes, 1)
            line.show(f"Reading {size(event.done_bytes)} of {size(event.total_bytes)}", done)
    raise AssertionError("a stream ends with its last event or raises")


def describe_verified(verified: Verified) -> str:
    """A line or two for each file."""
    lines: list[str] = []
    for file in verified.files:
        lines.append(f"{one_line(file.path)}\n  sha256 {file.sha256}")
        if not file.expected:
            lines.append("  nobody knows what it should be; from now on Hob sees a change")
        elif file.expected == file.sha256:
            lines.append(f"  good, says {one_line(file.source)}")
        else:
            lines.append(f"  WRONG: {one_line(file.source)} says {one_line(file.expected)}")
    return "\n".join(lines)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--link", "how", flag_value="link", help="Leave the file where it is and link it.")
@click.option("--move", "how", flag_value="move", help="Move the file instead of copying it.")
@no_start_option
@click.pass_obj
def take_in(app: App, file: Path, how: str | None, no_start: bool) -> None:
    """Bring a GGUF file into the models folder, with the other parts of a split model."""
    client = running_client(app, start=not no_start)
    with client.import_model(str(file.absolute()), how or "copy") as events, ProgressLine() as line:
        for event in events:
            if isinstance(event, Imported):
                line.close()
                info = event.model
                click.echo(f"{one_line(info.name)} is ready to use ({one_line(info.path)}).")
            else:
                done = event.done_bytes / max(event.total_bytes, 1)
                line.show(f"{size(event.done_bytes)} of {size(event.total_bytes)}", done)
