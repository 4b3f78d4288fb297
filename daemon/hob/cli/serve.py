"""`hob serve`: the daemon in the foreground."""

from __future__ import annotations

import click


def parse_settings(pairs: tuple[str, ...]) -> dict[str, str]:
    """`KEY=VALUE` pairs as a dict. Raises BadParameter for one without `=`."""
    settings: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--set")
        settings[key] = value
    return settings


set_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting for this run only; `hob config` lists them. Repeatable.",
)


@click.command()
@set_option
@click.option("--log-to-stderr", is_flag=True, help="Log to this terminal instead of the file.")
def serve(settings: tuple[str, ...], log_to_stderr: bool) -> int:
    """Run the daemon in the foreground, until Ctrl-C or SIGTERM.

    One daemon runs per user; `hob up` starts it in the background.
    """
    from hob.serve import run

    return run(parse_settings(settings), log_to_stderr=log_to_stderr)
