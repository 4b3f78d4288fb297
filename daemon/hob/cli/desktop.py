"""`hob desktop`: the tray icon, the prompt window and the hotkeys, without waiting for the daemon
to start them."""

from __future__ import annotations

import click

from hob.cli.context import App


@click.command()
@click.option("--detach", is_flag=True, help="Start it in the background and return.")
@click.pass_obj
def desktop(app: App, detach: bool) -> int:
    """Run the desktop: the tray icon, the prompt window and the hotkeys.

    The daemon starts it by itself where there is a screen (`desktop.start`). This is for starting
    it again after it was quit, and for seeing what keeps it from starting. One runs on each
    screen, until Ctrl-C or `Quit` in its menu.
    """
    if detach:
        from hob.cli.desktop_start import start_desktop

        click.echo(f"Hob's desktop runs (pid {start_desktop(app)}).")
        return 0
    from hob.desktop.start import run

    return run(app.paths)
