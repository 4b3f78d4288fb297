"""The root of the command line: its table of commands, and what becomes of errors."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hob.cli.exit_codes import ExitCode, exit_code
from hob.errors import HobError

if TYPE_CHECKING:
    from hob.wire.plugins import CachedCommand


@dataclass(frozen=True)
class Entry:
    """Where a command is, and what the overview says of it, so that the overview imports none."""

    target: str
    help: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Ask": {
        "ask": Entry("hob.cli.ask:ask", "Ask a question; answer a pipe, a file or words."),
        "chat": Entry("hob.cli.chat:chat", "Talk with the model."),
    },
    "Daemon": {
        "up": Entry("hob.cli.daemon:up", "Start the daemon in the background."),
        "down": Entry("hob.cli.daemon:down", "Stop the daemon once its answers are finished."),
        "restart": Entry("hob.cli.daemon:restart", "Stop the daemon and start it anew."),
        "status": Entry("hob.cli.status:status", "Show what is warm, where, and how fast."),
        "desktop": Entry("hob.cli.desktop:desktop", "Show the tray icon, windows and hotkeys."),
        "serve": Entry("hob.cli.serve:serve", "Run the daemon in the foreground."),
        "logs": Entry("hob.cli.logs:logs", "Show the daemon's log."),
    },
    "Models": {
        "models": Entry("hob.cli.models.group:models", "List, fetch, load and choose models."),
        "use": Entry("hob.cli.models.group:use", "Choose the model that is kept warm."),
        "login": Entry("hob.cli.login:login", "Keep the hub's token in the keyring."),
        "logout": Entry("hob.cli.login:logout", "Forget the hub's token."),
    },
    "Actions and plugins": {
        "action": Entry("hob.cli.actions.group:action", "List what plugins offer, and run it."),
        "plugins": Entry("hob.cli.plugins.group:plugins", "Turn plugins on and off; write one."),
    },
    "Other programs": {
        "api": Entry("hob.cli.access:api", "Open the API on loopback for editors and SDKs."),
        "token": Entry("hob.cli.access:token", "Show or renew the API's token."),
        "env": Entry("hob.cli.access:env", "Print the environment that OpenAI clients read."),
    },
    "Set-up": {
        "config": Entry("hob.cli.config:config", "Show and change settings."),
        "doctor": Entry("hob.cli.doctor:doctor", "Check the installation and say what to do."),
        "completion": Entry("hob.cli.completion:completion", "Print a shell completion script."),
        "help": Entry("hob.cli.help:help_command", "Explain a command, or the exit codes."),
        "version": Entry("hob.cli.help:version", "Show the version."),
    },
}


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class Interrupted(Exception):
    """Ctrl-C was pressed while a command ran."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is run."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what click would end in its own way is kept for `run` to end, and what
        goes wrong in a plugin's command is named for it."""
        try:
            return self._invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error
        except (KeyboardInterrupt, click.Abort) as error:
            raise Interrupted from error

    def _invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (HobError, click.ClickException, click.Abort, click.exceptions.Exit, OSError):
            raise
        except Exception as error:
            command = _plugin_commands().get(ctx.invoked_subcommand or "")
            if command is None or os.environ.get("HOB_DEBUG"):
                raise
            from hob.cli.plugins.commands import broken

            raise broken(command, "failed", error) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_own_commands(), *_plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for commands in SECTIONS.values():
            if cmd_name in commands:
                module, _, name = commands[cmd_name].target.partition(":")
                command: click.Command = getattr(importlib.import_module(module), name)
                return command
        if (wanted := _plugin_commands().get(cmd_name)) is None:
            return None
        if ctx.resilient_parsing:
            # A shell that completes names loads no plugins.
            return click.Command(wanted.name, help=wanted.help)
        from hob.cli.plugins.commands import load_command

        return load_command(wanted)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, entry.help) for name, entry in commands.items()])
        if found := _plugin_commands():
            from hob.cli.sanitize import one_line

            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, one_line(one.help)) for name, one in found.items()])


def _own_commands() -> list[str]:
    return [name for commands in SECTIONS.values() for name in commands]


def _plugin_commands() -> dict[str, CachedCommand]:
    from hob.cli.plugins.commands import known_commands

    return known_commands(_own_commands())


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`hob help exit-codes` lists what each exit code means.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    help="Show the version.",
    callback=lambda ctx, param, value: _show_version(ctx, value=value),
)
@click.pass_context
def hob(ctx: click.Context) -> None:
    """A language model, kept warm on your own machine.

    \b
    hob ask "What is a hob?"        ask
    git diff | hob ask "Review it"  ask about a text
    hob chat                        talk
    """
    from hob.cli.context import App

    ctx.obj = App.from_environ(os.environ)


def _show_version(ctx: click.Context, *, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from hob import __version__

        click.echo(f"hob {__version__}")
        ctx.exit()


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors become one sentence on stderr."""
    _fill_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows a question mark instead.
            stream.reconfigure(errors="replace")
    try:
        result = hob.main(list(args), prog_name="hob", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _wrong_usage(error)
    except HobError as error:
        report(error)
        return exit_code(error)
    except Interrupted:
        click.echo(err=True)
        return ExitCode.INTERRUPTED
    except (KeyboardInterrupt, click.Abort):
        # Before the command began; click has ended the line already.
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, ReaderGone):
        return _reader_is_gone()
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else ExitCode.OK


def _fill_missing_streams() -> None:
    """Whoever started us without a stream (`hob ask ... <&-`) reads and writes nothing there.
    Python leaves None for it, and the next file or socket would be given its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _wrong_usage(error: click.ClickException) -> int:
    from hob.cli.sanitize import one_line

    ctx = error.ctx if isinstance(error, click.UsageError) else None
    where = ctx.command_path if ctx else "hob"
    message = one_line(error.format_message())
    click.echo(f"hob: {message} `{where} --help` shows how it is used.", err=True)
    return error.exit_code


def report(error: HobError) -> None:
    """Say on stderr what happened and what to do."""
    from hob.cli.sanitize import clean

    click.echo(clean(f"hob: {error}"), err=True)


def _reader_is_gone() -> int:
    # Python flushes stdout once more when it ends; with nobody reading, that would complain.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.NO_READER


def _unexpected(error: Exception) -> int:
    """A bug: one sentence for the person, and the traceback for whoever mends it."""
    if os.environ.get("HOB_DEBUG"):
        raise error
    from hob.cli.sanitize import clean

    what = clean(f"{type(error).__name__}: {error}").rstrip(".")
    click.echo(
        f"hob: This command failed in a way that Hob did not foresee ({what}). {_keep(error)}",
        err=True,
    )
    return ExitCode.FAILED


def _keep(error: Exception) -> str:
    """Write the traceback to a file and say where it is."""
    import traceback

    from hob.paths import find_paths

    path = find_paths(os.environ).log_dir / "crash.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return "HOB_DEBUG=1 shows where."
    return f"Where it did is in {path}."
