"""`hob action run`: an action's text on the terminal or into a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hob.cli.actions.name import ActionName, find_action
from hob.cli.answer import Printer, make_printer, preload_markdown
from hob.cli.autostart import running_client
from hob.cli.context import App, no_start_option
from hob.cli.models.name import ModelName
from hob.cli.progress import LoadingWatcher
from hob.cli.prompt import Document, read_file, read_piped
from hob.cli.sanitize import one_line
from hob.client import Client
from hob.wire.desktop import Trigger, WriteClip
from hob.wire.plugins import ActionInfo, ActionProgress, ActionRequest, ActionStarted, ActionText

_STDIN = Path("-")
_SHOWN_CHOICES = 8


@click.command("run", short_help="Run an action, on words, a file, a pipe or the clipboard.")
@click.argument("name", type=ActionName())
@click.argument("words", nargs=-1)
@click.option("--text", "-t", default="", help="The text that it works on; words do as well.")
@click.option(
    "--file",
    "-f",
    "files",
    type=click.Path(path_type=Path, allow_dash=True),
    multiple=True,
    help="A text file that it works on, - for what is piped in. Repeatable.",
)
@click.option("--input", "-i", "given", help="The answer to what the action asks.")
@click.option("--model", "-m", type=ModelName(), default="", help="The model that it asks.")
@click.option("--desktop", is_flag=True, help="Run it on the desktop, as its hotkey would.")
@click.option("--copy", is_flag=True, help="Put the text that it makes into the clipboard.")
@click.option("--plain", is_flag=True, help="Do not render Markdown on a terminal.")
@no_start_option
@click.pass_obj
def run_action(
    app: App,
    *,
    name: str,
    words: tuple[str, ...],
    text: str,
    files: tuple[Path, ...],
    given: str | None,
    model: str,
    desktop: bool,
    copy: bool,
    plain: bool,
    no_start: bool,
) -> None:
    """Run an action and print the text that it makes, as it comes.

    \b
    hob action run summarize -f report.txt
    git diff | hob action run explain
    hob action run translate --input German "Good morning"
    hob action run summarize                     the clipboard of the desktop
    hob action run ask                           opens the prompt window

    Without a text the action takes its own, mostly the clipboard. Progress is told on stderr;
    Ctrl-C stops it.
    """
    if desktop and (words or text or files or copy or model):
        raise click.UsageError("With --desktop an action takes its text there, as by its hotkey.")
    client = running_client(app, start=not no_start)
    action = find_action(client.actions().actions, name)
    if desktop:
        client.ask_desktop(Trigger(action=action.name, input=given or ""))
        return
    brought = _text(action, " ".join((text, *words)), files)
    request = ActionRequest(
        action=action.name,
        text=brought,
        input=_answer(action) if given is None else given,
        model=model,
    )
    plain = plain or action.plain
    preload_markdown(plain=plain)
    made = stream_action(client, request, make_printer(plain=plain))
    if copy and made:
        client.ask_desktop(WriteClip(text=made))
        click.echo("hob: It is in the clipboard.", err=True)


def stream_action(client: Client, request: ActionRequest, printer: Printer) -> str:
    """Run it and print what it makes; all of that. Leaving early takes the run back."""
    made: list[str] = []
    with contextlib.ExitStack() as waiting:
        told = waiting.enter_context(LoadingWatcher(client))
        with client.run_action(request) as stream:
            try:
                for event in stream:
                    match event:
                        case ActionStarted():
                            told.show(event.title)
                        case ActionProgress():
                            told.show(event.note or "Working", event.fraction)
                        case ActionText():
                            if sys.stdout.isatty():
                                # What is drawn over itself must not get between the text.
                                waiting.close()
                            made.append(event.text)
                            printer.feed(event.text)
            finally:
                waiting.close()
                printer.finish()
    return "".join(made)


def _text(action: ActionInfo, words: str, files: Sequence[Path]) -> str | None:
    """What is brought along, files first; None when nothing is, so that the action takes its own.

    An action that opens a window may be bound to a key of the desktop, whose programs are started
    with any stdin, and waits for none.
    """
    texts = [_read(path).text for path in files]
    if action.opens is None and _STDIN not in files:
        texts += [document.text for document in read_piped(optional=True)]
    return "\n\n".join(text for text in (*texts, words.strip()) if text.strip()) or None


def _read(path: Path) -> Document:
    if path != _STDIN:
        return read_file(path)
    piped = read_piped(optional=False)
    return piped[0] if piped else Document("", "")


def _answer(action: ActionInfo) -> str:
    """What a person answers to what the action asks; without one the action decides for itself."""
    if not action.asks or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    choices = [one_line(choice) for choice in action.choices]
    if choices:
        more = ", ..." if len(choices) > _SHOWN_CHOICES else ""
        click.echo(f"For example {', '.join(choices[:_SHOWN_CHOICES])}{more}", err=True)
    answer: str = click.prompt(
        one_line(action.asks),
        default=choices[0] if choices else "",
        show_default=bool(choices),
        prompt_suffix=" ",
        err=True,
    )
    return answer
