"""`hob logs`: the daemon's log for a person, or as it is for a program."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from hob.cli.context import App, json_option
from hob.cli.log_reader import Follower, at_least, last_entries, read_entry
from hob.errors import HobError
from hob.logs.entry import LEVELS, Entry, plain_line

_POLL_S = 0.25

_COLOURS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is added.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many entries to show.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="debug",
    help="Only entries that are at least this severe.",
)
@json_option
@click.pass_obj
def logs(app: App, follow: bool, lines: int, level: str, as_json: bool) -> None:
    """Show the daemon's log."""
    log_file = app.paths.log_file
    follower = Follower(log_file)
    try:
        entries = last_entries(log_file, lines, level)
    except OSError as error:
        raise HobError(
            f"The log {log_file} cannot be read: {error.strerror or error}.",
            hint="Make it readable for you, or set HOB_HOME to a folder of your own.",
        ) from error
    for entry in entries:
        _print(entry, as_json)
    if follow:
        _follow(follower, level, as_json)
    elif not entries:
        click.echo(_why_empty(log_file, level), err=True)


def _follow(follower: Follower, level: str, as_json: bool) -> None:
    """Print what is added until Ctrl-C, which is how following ends."""
    try:
        while True:
            for line in follower.poll():
                entry = read_entry(line)
                if at_least(entry, level):
                    _print(entry, as_json)
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        click.echo(err=True)


def _print(entry: Entry, as_json: bool) -> None:
    if as_json:
        # ASCII only: escapes keep control characters from the terminal and from broken readers.
        click.echo(json.dumps(entry))
    else:
        click.echo(click.style(plain_line(entry), fg=_COLOURS.get(str(entry.get("level")))))


def _why_empty(log_file: Path, level: str) -> str:
    if not log_file.exists():
        return f"There is no log yet; the daemon writes it to {log_file}."
    return f"{log_file} holds no entries of level {level} or above."
