"""`hob models forgive`: a model that crashed is tried again; and how far copies are."""

from __future__ import annotations

import click

from hob.cli.context import App, no_start_option
from hob.cli.formatting import size
from hob.cli.models.name import ModelName
from hob.cli.sanitize import clean, one_line
from hob.wire.models import ModelInfo, ModelList


@click.command()
@click.argument("name", type=ModelName())
@no_start_option
@click.pass_obj
def forgive(app: App, name: str, no_start: bool) -> None:
    """Let a model whose load crashed its worker be loaded again."""
    from hob.cli.autostart import running_client

    entry = running_client(app, start=not no_start).forgive(name)
    problem = entry.info.problem
    if problem:
        click.echo(f"{one_line(entry.info.name)} cannot be loaded: {clean(str(problem.error()))}")
    else:
        click.echo(f"{one_line(entry.info.name)} may be loaded again.")


def copying_lines(found: ModelList) -> list[str]:
    """The files that are on their way, each with how far it is."""
    lines = [_copying(entry.info) for entry in found.models if entry.info.copying]
    return ["These files are still being copied:", *lines] if lines else []


def warning_lines(found: ModelList) -> list[str]:
    return [f"Note: {clean(str(warning.error()))}" for warning in found.warnings]


def _copying(info: ModelInfo) -> str:
    assert info.copying is not None
    done, total = info.copying.done_bytes, info.copying.total_bytes
    far = f"{size(done)} of {size(total)} ({100 * done // total} %)" if total else size(done)
    return f"  {one_line(info.name)}: {far}"
