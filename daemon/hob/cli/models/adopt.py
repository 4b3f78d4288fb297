"""`hob models adopt`: the models of other programs, used where they lie."""

from __future__ import annotations

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.exit_codes import ExitCode, exit_code
from hob.cli.formatting import counted, print_json, size, table
from hob.cli.sanitize import clean, one_line
from hob.wire.library import Adoptable, AdoptableList, Adopted


@click.command(short_help="List or link the models of other programs.")
@click.argument("names", nargs=-1, metavar="[PROGRAM|NAME]...")
@click.option("--all", "every", is_flag=True, help="Link every model that is not there yet.")
@json_option
@no_start_option
@click.pass_obj
def adopt(app: App, names: tuple[str, ...], every: bool, as_json: bool, no_start: bool) -> None:
    """List the models of Ollama, LM Studio, GPT4All, llama.cpp and Hugging Face, or link them.

    Nothing is copied, and nothing of theirs is changed: the models folder gets links. NAME is a
    model as the list has it, or an unambiguous part; PROGRAM stands for all of its models.
    """
    if every and names:
        raise click.UsageError("--all links everything, so no names belong to it")
    client = running_client(app, start=not no_start)
    if not every and not names:
        found = client.adoptable()
        if as_json:
            print_json(found)
        else:
            click.echo(describe_adoptable(found))
        return
    adopted = client.adopt(names)
    if as_json:
        print_json(adopted)
    else:
        _tell(adopted)
    if adopted.failed and not every:
        first = next(iter(adopted.failed.values())).error()
        raise click.exceptions.Exit(exit_code(first) or ExitCode.FAILED)


def describe_adoptable(found: AdoptableList) -> str:
    """The table for a person; those that cannot be linked come below, each with its reason."""
    good = [one for one in found.models if one.problem is None]
    parts = []
    if good:
        header = ("PROGRAM", "NAME", "SIZE", "LINKED")
        parts.append(table(header, [_row(one) for one in good], right=(2,)))
        left = sum(not one.linked for one in good)
        if left:
            parts.append(
                f"`hob models adopt NAME` links one, `hob models adopt --all` the {left} that"
                f" {'is' if left == 1 else 'are'} not linked yet. Nothing is copied or changed."
            )
    else:
        parts.append("No model of another program was found that could be linked.")
    bad = [
        f"  {one.program}  {one_line(one.name)}: {clean(str(one.problem.error()))}"
        for one in found.models
        if one.problem
    ]
    if bad:
        parts.append("These cannot be linked:\n" + "\n".join(bad))
    parts += [clean(str(problem.error())) for problem in found.problems]
    return "\n\n".join(parts)


def _row(one: Adoptable) -> tuple[str, ...]:
    return (one.program, one_line(one.name), size(one.size_bytes), "yes" if one.linked else "-")


def _tell(adopted: Adopted) -> None:
    for info in adopted.models:
        click.echo(f"{one_line(info.name)} is in the library ({size(info.file_bytes)}).")
    for name, problem in adopted.failed.items():
        click.echo(f"hob: {one_line(name)}: {clean(str(problem.error()))}", err=True)
    if not adopted.models and not adopted.failed:
        click.echo("There was nothing to link: all models are in the library already.")
    elif adopted.models:
        click.echo(f"{counted(len(adopted.models), 'model')} linked; nothing was copied.", err=True)
