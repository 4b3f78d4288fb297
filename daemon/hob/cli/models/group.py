"""`hob models`: what is in the folder, and what the daemon does with it."""

from __future__ import annotations

import time

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import counted, duration, parameters, print_json, size, table
from hob.cli.models.adopt import adopt
from hob.cli.models.care import alias, import_file, remove, rename, verify
from hob.cli.models.fit import fit
from hob.cli.models.folder import copying_lines, forgive, warning_lines
from hob.cli.models.keep import keep
from hob.cli.models.name import ModelName
from hob.cli.models.profiles import profile, profiles
from hob.cli.models.pull import pull, pulls, search
from hob.cli.models.recommend import recommend
from hob.cli.models.show import show
from hob.cli.progress import LoadingWatcher
from hob.cli.sanitize import clean, one_line
from hob.wire.models import ModelEntry, ModelInfo, ModelList


@click.group(invoke_without_command=True)
@json_option
@no_start_option
@click.pass_context
def models(ctx: click.Context, as_json: bool, no_start: bool) -> None:
    """List, fetch, load and choose models. Without a command it lists them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models, as_json=as_json, no_start=no_start)


@models.command("list", short_help="List the models; `*` is kept warm.")
@json_option
@no_start_option
@click.pass_obj
def list_models(app: App, as_json: bool, no_start: bool) -> None:
    """List the models of the folders; `*` marks the one that is kept warm."""
    found = running_client(app, start=not no_start).models()
    if as_json:
        print_json(found)
    else:
        click.echo(describe_list(found))


@models.command()
@click.argument("name", type=ModelName())
@no_start_option
@click.pass_obj
def load(app: App, name: str, no_start: bool) -> None:
    """Load a model now, so that its first answer comes at once."""
    client = running_client(app, start=not no_start)
    began = time.monotonic()
    with LoadingWatcher(client):
        worker = client.load(name)
    click.echo(f"{one_line(worker.model)} is warm (after {duration(time.monotonic() - began)}).")


@models.command()
@click.argument("name", type=ModelName())
@click.pass_obj
def cancel(app: App, name: str) -> None:
    """Cut a model's load short; whoever waits for it is told."""
    cancelled = app.client().cancel_load(name)
    click.echo("The load was cut short." if cancelled else "There is no load to cut short.")


@models.command(short_help="End a model's worker, free its memory.")
@click.argument("name", type=ModelName())
@click.pass_obj
def unload(app: App, name: str) -> None:
    """End a model's worker and free its memory; what it is answering fails."""
    unloaded = app.client().unload(name)
    click.echo(f"{one_line(unloaded)} is unloaded.")


@click.command()
@click.argument("name", type=ModelName())
@no_start_option
@click.pass_obj
def use(app: App, name: str, no_start: bool) -> None:
    """Choose the model that is kept warm, and load it."""
    client = running_client(app, start=not no_start)
    began = time.monotonic()
    with LoadingWatcher(client):
        worker = client.use(name)
    took = duration(time.monotonic() - began)
    click.echo(f"{one_line(worker.model)} is warm (after {took}) and stays so.")


models.add_command(use)
models.add_command(keep)
models.add_command(profiles)
models.add_command(profile)
models.add_command(fit)
models.add_command(pull)
models.add_command(pulls)
models.add_command(search)
models.add_command(forgive)
models.add_command(show)
for command in (adopt, remove, rename, alias, verify, import_file, recommend):
    models.add_command(command)


@models.command()
@click.pass_obj
def rescan(app: App) -> None:
    """Read the models folder again."""
    found = app.client(timeout=60).models(rescan=True)
    click.echo(f"{counted(len(found.models), 'model')} in {clean(found.folder)}.")


def describe_list(found: ModelList) -> str:
    """The table for a person; files that cannot be loaded come below, each with its reason."""
    good = [entry for entry in found.models if entry.info.problem is None]
    bad = [e.info for e in found.models if e.info.problem is not None and not e.info.copying]
    parts = []
    if good:
        header = ("  NAME", "ARCH", "PARAMS", "QUANT", "SIZE", "CONTEXT", "FIT", "STATE")
        parts.append(table(header, [_row(entry) for entry in good], right=(2, 4, 5)))
    else:
        parts.append(
            f"There is no model in {clean(found.folder)} yet: `hob models pull starter` fetches "
            "one, or put a GGUF file there."
        )
    if copying := copying_lines(found):
        parts.append("\n".join(copying))
    if bad:
        parts.append("These files cannot be loaded:\n" + "\n".join(map(_bad_line, bad)))
    if warnings := warning_lines(found):
        parts.append("\n".join(warnings))
    return "\n\n".join(parts)


def _row(entry: ModelEntry) -> tuple[str, ...]:
    info = entry.info
    return (
        ("* " if entry.chosen else "  ") + one_line(info.name) + _made_of(info),
        one_line(info.architecture) or "-",
        parameters(info.parameters),
        one_line(info.quantization) or "-",
        size(info.file_bytes),
        str(info.context_length or "-"),
        entry.verdict or "-",
        entry.state,
    )


def _made_of(info: ModelInfo) -> str:
    return f" (of {one_line(info.base)})" if info.base else ""


def _bad_line(info: ModelInfo) -> str:
    why = clean(str(info.problem.error())) if info.problem else ""
    return f"  {one_line(info.name)}: {why}"
