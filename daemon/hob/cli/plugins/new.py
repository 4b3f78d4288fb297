"""`hob plugins new`: writes a plugin that works, with its test."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path

import click

from hob.cli.context import App
from hob.cli.plugins.template import file_plugin, package_plugin
from hob.cli.sanitize import clean
from hob.errors import InvalidRequest

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@click.command(short_help="Write a plugin that works, with its test.")
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Another folder than that of the plugins.",
)
@click.option("--package", is_flag=True, help="A package for pip, in this folder or that of --to.")
@click.pass_obj
def new(app: App, name: str, folder: Path | None, package: bool) -> None:
    """Write a plugin that works, with its test, to begin from.

    It is one file in the plugins folder, which Hob loads by itself. Nothing is overwritten.
    """
    _check_name(name)
    plugins = app.paths.plugins_dir
    if package:
        root = folder or Path.cwd()
        files = package_plugin(name)
    else:
        root = folder or plugins
        files = file_plugin(name)
    plugin, test = write(root, files)
    click.echo(f"Wrote {clean(str(plugin))}\n  and {clean(str(test))}.")
    click.echo(_next_steps(name, plugin, test, plugins, package=package))


def write(root: Path, files: Mapping[str, str]) -> tuple[Path, Path]:
    """Write the files below `root`; the paths of the plugin and its test, which come last.

    Raises InvalidRequest when one of them is there already, and writes none then.
    """
    for path in files:
        # A link that leads nowhere is there as well.
        if (root / path).exists() or (root / path).is_symlink():
            raise InvalidRequest(
                f"{root / path} is there already, and is not overwritten.",
                hint="Choose another name, or another folder with --to.",
                param="name",
            )
    for path, text in files.items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise InvalidRequest(
                f"{root / path} cannot be written ({error.strerror}).",
                hint="Choose another folder with --to.",
                param="to",
            ) from error
    *_, plugin, test = files
    return root / plugin, root / test


def _check_name(name: str) -> None:
    """Raises InvalidRequest when Python, or Hob, would stumble over it."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidRequest(
            f"{clean(name)[:60]!r} cannot be the name of a plugin.",
            hint="A name has lower-case letters, digits and underscores, at most 40 of them, "
            "begins with a letter, and is no word of Python's own.",
            param="name",
        )
    from importlib.metadata import entry_points

    if name in entry_points(group="hob").names:
        raise InvalidRequest(
            f"There is a plugin {name} already.",
            hint="Choose another name; `hob plugins` lists those that are taken.",
            param="name",
        )


def _next_steps(name: str, plugin: Path, test: Path, plugins: Path, *, package: bool) -> str:
    lines = []
    if package:
        root = clean(str(plugin.parents[2]))
        lines.append(f"`pip install -e {root}`, into Hob's own environment, makes Hob find it, and")
        lines.append(f"`hob plugins enable {name}` turns it on.")
    elif plugin.parent.resolve() != plugins.resolve():
        lines.append(f"Copied into {clean(str(plugins))} it is loaded by itself.")
    else:
        lines.append(
            f"Hob loads it by itself: `hob plugins show {name}` tells what it makes of it,"
        )
        lines.append(f"`hob action run {name}` tries it on the clipboard.")
    lines.append(f"`python -m pytest {clean(str(test))}` runs its test.")
    return "\n".join(lines)
