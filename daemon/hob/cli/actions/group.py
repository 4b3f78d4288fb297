"""`hob action`: what plugins offer a person, from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from hob.cli.actions.name import ActionName, find_action
from hob.cli.actions.run import run_action
from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json, table
from hob.cli.sanitize import clean, one_line
from hob.client import Client
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.plugins import ActionInfo, ActionList

# By the action's name.
Problems = Mapping[str, ErrorInfo]


@click.group(invoke_without_command=True)
@json_option
@no_start_option
@click.pass_context
def action(ctx: click.Context, as_json: bool, no_start: bool) -> None:
    """List the actions of plugins, and run one. Without a command it lists them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_actions, as_json=as_json, no_start=no_start)


@action.command("list", short_help="List the actions, with their hotkeys.")
@json_option
@no_start_option
@click.pass_obj
def list_actions(app: App, as_json: bool, no_start: bool) -> None:
    """List the actions: what each takes, and its hotkey on the desktop."""
    client = running_client(app, start=not no_start)
    found = client.actions()
    if as_json:
        print_json(found)
    else:
        click.echo(describe_actions(found, _problems(client)))


action.add_command(run_action)


@action.command()
@click.argument("name", type=ActionName())
@click.argument("combination", default="")
@no_start_option
@click.pass_obj
def hotkey(app: App, name: str, combination: str, no_start: bool) -> None:
    """Show an action's hotkey, or give it another one.

    \b
    hob action hotkey ask                  which one it is
    hob action hotkey ask ctrl+alt+k       another one, at once
    hob action hotkey ask none             none
    hob action hotkey ask default          the one that the plugin suggests
    """
    client = running_client(app, start=not no_start)
    before = client.actions().actions
    known = find_action(before, name)
    if combination:
        known = client.set_hotkey(known.name, _wanted(combination))
    click.echo(_describe_hotkey(known))
    if combination and (lost := _lost_to(known, before)):
        click.echo(f"hob: It was that of {', '.join(map(one_line, lost))}.", err=True)
    if (problem := _problems(client).get(known.name)) is not None:
        click.echo(f"hob: {clean(str(problem.error()))}", err=True)


def _wanted(combination: str) -> str | None:
    """What the daemon is told; None for the default. Raises BadHotkey."""
    match combination.lower():
        case "default":
            return None
        case "none":
            return ""
    from hob.wire.hotkey import parse_hotkey

    return str(parse_hotkey(combination))


def _lost_to(action: ActionInfo, before: Sequence[ActionInfo]) -> list[str]:
    """The other actions that were on the keys which the action has now."""
    if not action.hotkey:
        return []
    return [one.name for one in before if one.name != action.name and one.hotkey == action.hotkey]


def _describe_hotkey(action: ActionInfo) -> str:
    name = one_line(action.name)
    if action.hotkey:
        return f"{name} is on {one_line(action.hotkey)}."
    if action.default_hotkey:
        return f"{name} has no hotkey; its plugin suggests {one_line(action.default_hotkey)}."
    return f"{name} has no hotkey; `hob action hotkey {name} ctrl+alt+k` gives it one."


def _problems(client: Client) -> Problems:
    """What desktops say of the hotkeys: one that works on any of them has no problem."""
    try:
        desktops = client.desktops().desktops
    except HobError:
        # The list of actions is worth having without it.
        return {}
    told = [state for desktop in desktops for state in desktop.hotkeys]
    works = {state.action for state in told if state.problem is None}
    return {
        state.action: state.problem
        for state in told
        if state.problem is not None and state.action not in works
    }


def describe_actions(found: ActionList, problems: Problems) -> str:
    """The table for a person; hotkeys that do not work come below, each with its reason."""
    if not found.actions:
        return "No plugin that is on offers an action; `hob plugins` lists the plugins."
    header = ("NAME", "TITLE", "PLUGIN", "TAKES", "HOTKEY")
    page = table(header, [_row(action, problems) for action in found.actions])
    if wrong := _wrong_hotkeys(found.actions, problems):
        page += "\n\nThese hotkeys do not work:\n" + "\n".join(wrong)
    return page


def _row(action: ActionInfo, problems: Problems) -> tuple[str, ...]:
    mark = " (!)" if action.hotkey and action.name in problems else ""
    return (
        one_line(action.name),
        one_line(action.title),
        one_line(action.plugin),
        "-" if action.takes == "nothing" else action.takes,
        (one_line(action.hotkey) or "-") + mark,
    )


def _wrong_hotkeys(actions: Sequence[ActionInfo], problems: Problems) -> list[str]:
    return [
        f"  {one_line(action.hotkey)} ({one_line(action.name)}): "
        + clean(str(problems[action.name].error()))
        for action in actions
        if action.hotkey and action.name in problems
    ]
