"""`hob models rm`, `rename`, `alias`, `verify` and `import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.exit_codes import ExitCode
from hob.cli.formatting import counted, print_json, size
from hob.cli.models.name import ModelName
from hob.cli.progress import ProgressLine
from hob.cli.sanitize import clean, one_line
from hob.client import Client
from hob.errors import DaemonUnreachable
from hob.wire.library import Imported, Removed, Verified
from hob.wire.models import ModelInfo

_SOURCES = {
    "ollama": "Ollama's store",
    "huggingface": "Hugging Face's cache",
    "hub": "the hub",
    "verification": "an earlier verification",
}


@click.command("rm")
@click.argument("name", type=ModelName())
@click.option("--for-good", is_flag=True, help="Delete the files instead of using the trash.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
@no_start_option
@click.pass_obj
def remove(
    app: App, name: str, *, for_good: bool, yes: bool, as_json: bool, no_start: bool
) -> None:
    """Put a model into the trash; of a link only the link goes."""
    client = running_client(app, start=not no_start)
    info = client.model(name).info
    if not yes:
        _ask(info, for_good=for_good)
    removed = client.remove(info.name, for_good=for_good)
    if as_json:
        print_json(removed)
    else:
        click.echo(describe_removed(removed))


@click.command()
@click.argument("name", type=ModelName())
@click.argument("to")
@json_option
@no_start_option
@click.pass_obj
def rename(app: App, name: str, to: str, as_json: bool, no_start: bool) -> None:
    """Give a model another name: its files get it."""
    info = running_client(app, start=not no_start).rename(name, to)
    if as_json:
        print_json(info)
        return
    also = "" if info.name == to else f", and {one_line(to)} means it"
    click.echo(f"It is {one_line(info.name)} now{also} ({clean(info.path)}).")


@click.command()
@click.argument("alias_name", metavar="ALIAS")
@click.argument("name", type=ModelName(), required=False)
@click.option("--remove", "take_away", is_flag=True, help="Take the alias away.")
@no_start_option
@click.pass_obj
def alias(app: App, alias_name: str, name: str | None, take_away: bool, no_start: bool) -> None:
    """Let ALIAS be another name of the model NAME."""
    if take_away == bool(name):
        raise click.UsageError("say ALIAS and NAME, or --remove and the ALIAS alone")
    client = running_client(app, start=not no_start)
    model = client.alias(alias_name, name or "")
    if take_away:
        click.echo(f"{one_line(alias_name)} means nothing any more.")
    else:
        click.echo(f"{one_line(alias_name)} means {one_line(model)}.")


@click.command()
@click.argument("name", type=ModelName())
@click.option("--online", is_flag=True, help="Ask the hub what the digest should be.")
@json_option
@no_start_option
@click.pass_obj
def verify(app: App, name: str, online: bool, as_json: bool, no_start: bool) -> None:
    """Check by SHA-256 that a model's files are as they should be."""
    verified = _verified(running_client(app, start=not no_start), name, online)
    if as_json:
        print_json(verified)
    else:
        click.echo(describe_verified(verified))
    if verified.good is False:
        raise click.exceptions.Exit(ExitCode.FAILED)


@click.command("import", short_help="Copy, link or move a file into the folder.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--link", "how", flag_value="link", help="Leave the file where it is, and link it.")
@click.option("--move", "how", flag_value="move", help="Move the file into the models folder.")
@json_option
@no_start_option
@click.pass_obj
def import_file(
    app: App, file: Path, how: Literal["link", "move"] | None, as_json: bool, no_start: bool
) -> None:
    """Copy a GGUF file into the models folder; all parts of a split model come along."""
    info = _imported(running_client(app, start=not no_start), file, how or "copy")
    if as_json:
        print_json(info)
    else:
        told = f"{one_line(info.name)} is in the library ({size(info.file_bytes)},"
        click.echo(f"{told} {clean(info.path)}).")


def describe_removed(removed: Removed) -> str:
    """What went, and whether it can come back."""
    if not removed.files:
        return f"The files of {one_line(removed.model)} were gone already."
    count = counted(len(removed.files), "file")
    if removed.trash:
        return f"{one_line(removed.model)} is in the trash ({count})."
    freed = f", {size(removed.freed_bytes)} freed" if removed.freed_bytes else ""
    return f"{one_line(removed.model)} is removed ({count}{freed})."


def describe_verified(verified: Verified) -> str:
    """The verdict in a sentence, the digests, and what to do."""
    name = one_line(verified.model)
    source = one_line(_SOURCES.get(verified.source, verified.source))
    if verified.good:
        lines = [f"{name} is good: its digest is the one that {source} tells."]
    elif verified.good is None:
        lines = [f"Nobody knows what the digest of {name} should be."]
    else:
        lines = [f"{name} is BAD: its digest is not the one that {source} tells."]
    for file in verified.files:
        lines.append(f"  sha256 {one_line(file.sha256)}  {clean(file.path)}")
        if file.good is False:
            lines.append(f"  should be {one_line(file.expected)}")
    return "\n".join([*lines, clean(verified.hint)]).rstrip()


def _ask(info: ModelInfo, *, for_good: bool) -> None:
    """A script is not asked, since the trash gives back; what goes for good must be said so."""
    if not sys.stdin.isatty():
        if for_good:
            raise click.UsageError("there is nobody to ask here: say --yes to delete it for good")
        return
    what = "Delete" if for_good else "Put into the trash"
    question = f"{what} {one_line(info.name)} ({size(info.file_bytes)}, {one_line(info.path)})?"
    click.confirm(question, abort=True, err=True)


def _verified(client: Client, name: str, online: bool) -> Verified:
    with client.verify(name, online=online) as events, ProgressLine() as line:
        for event in events:
            if isinstance(event, Verified):
                return event
            done, total = event.done_bytes, event.total_bytes
            line.show(f"Reading {size(done)} of {size(total)}", done / max(total, 1))
    raise _broken_off()


def _imported(client: Client, file: Path, how: Literal["copy", "link", "move"]) -> ModelInfo:
    with client.import_file(file, how) as events, ProgressLine() as line:
        for event in events:
            if isinstance(event, Imported):
                return event.model
            done, total = event.done_bytes, event.total_bytes
            line.show(f"Copying {size(done)} of {size(total)}", done / max(total, 1))
    raise _broken_off()


def _broken_off() -> DaemonUnreachable:
    return DaemonUnreachable(
        "Hob ended the stream before it was done.", hint="`hob logs` shows why."
    )
