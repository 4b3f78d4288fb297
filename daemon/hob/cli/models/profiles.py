"""`hob models profiles` and `hob models profile`: what is set for models, and models made of
others."""

from __future__ import annotations

import click
import msgspec

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json, table
from hob.cli.models.name import ModelName
from hob.cli.sanitize import clean, one_line
from hob.errors import ModelNotFound
from hob.wire.profiles import Profile, ProfileList

_LONGEST_ABOUT = 50


class _ShowsByDefault(click.Group):
    """What is no command is the name of a profile to show."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            return "show", self.commands["show"], args
        return super().resolve_command(ctx, args)


@click.command(short_help="List models made of others, and set up.")
@json_option
@no_start_option
@click.pass_obj
def profiles(app: App, as_json: bool, no_start: bool) -> None:
    """List the profiles: models made of others, and what is set for models."""
    found = running_client(app, start=not no_start).profiles(rescan=True)
    if as_json:
        print_json(found)
    else:
        click.echo(describe_list(found))


@click.group(cls=_ShowsByDefault)
def profile() -> None:
    """Show a profile by its name, or write a new one."""


@profile.command()
@click.argument("name", type=ModelName())
@json_option
@no_start_option
@click.pass_obj
def show(app: App, name: str, as_json: bool, no_start: bool) -> None:
    """Show all that a profile says."""
    client = running_client(app, start=not no_start)
    known = {one.name: one for one in client.profiles(rescan=True).profiles}
    full = name if name in known else client.model(name).info.name
    if full not in known:
        raise ModelNotFound(
            f"There is no profile for {one_line(full)}.",
            hint=f"`hob models profile new NAME --model {one_line(full)}` writes one.",
        )
    if as_json:
        print_json(known[full])
    else:
        click.echo(describe(known[full]))


@profile.command()
@click.argument("name")
@click.option("--model", required=True, type=ModelName(), help="The model that it is made of.")
@click.option("--system", default="", help="Its system prompt.")
@no_start_option
@click.pass_obj
def new(app: App, name: str, model: str, system: str, no_start: bool) -> None:
    """Write the file of a new profile, to be edited, and say where it is."""
    made = running_client(app, start=not no_start).new_profile(name, model, system)
    click.echo(clean(made.path))
    click.echo(f"{one_line(made.name)} is made of {one_line(made.model)}.", err=True)


def describe_list(found: ProfileList) -> str:
    """The table for a person; those that cannot be used come below, each with its reason."""
    if not found.profiles:
        return "There is no profile yet: `hob models profile new NAME --model MODEL` writes one."
    good = [one for one in found.profiles if one.problem is None]
    bad = [one for one in found.profiles if one.problem is not None]
    parts = []
    if good:
        rows = [(f"  {one_line(one.name)}", one_line(one.model), _about(one)) for one in good]
        parts.append(table(("  NAME", "MODEL", "ABOUT"), rows))
    if bad:
        lines = [f"  {one_line(one.name)}: {_problem(one)}" for one in bad]
        parts.append("These profiles cannot be used:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def describe(one: Profile) -> str:
    """One profile, a line for each thing that it says."""
    said: dict[str, object] = {
        "model": one_line(one.model),
        "file": one_line(one.path),
        "about": one_line(one.description),
        "problem": _problem(one),
        "worker": one_line(one.served_by) or "its own" if one.name != one.model else "",
        "max tokens": one.max_tokens,
        "stop": msgspec.json.encode(one.stop).decode() if one.stop else "",
        "context": one.context_length,
        "kv type": one.kv_type,
        "template": "a text of its own" if "\n" in one.template else one_line(one.template),
        "adapters": ", ".join(f"{one_line(a.name)} at {a.scale:g}" for a in one.adapters),
        "priority": one.priority,
        "keep alive": _kept(one.keep_alive),
        "reasoning": one.reasoning_effort,
        "examples": f"{len(one.examples)} messages" if one.examples else "",
    }
    said |= {name: msgspec.json.encode(value).decode() for name, value in one.sampling.items()}
    lines = [f"  {label:<13} {value}" for label, value in said.items() if value]
    lines += [f"  {'warning':<13} {clean(text)}" for text in one.warnings]
    if one.system:
        lines += ["  system", *(f"    {line}" for line in clean(one.system).splitlines())]
    return "\n".join([one_line(one.name), *lines])


def _about(one: Profile) -> str:
    text = one_line(one.description or one.system)
    short = text if len(text) <= _LONGEST_ABOUT else f"{text[:_LONGEST_ABOUT].rstrip()}..."
    if one.warnings:
        count = len(one.warnings)
        short += f"{' ' if short else ''}({count} warning{'s' if count > 1 else ''})"
    return short or ("sets its defaults" if one.name == one.model else "-")


def _kept(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return "for good" if seconds < 0 else f"{seconds:g} s"


def _problem(one: Profile) -> str:
    return clean(str(one.problem.error())) if one.problem else ""
