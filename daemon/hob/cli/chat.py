"""`hob chat`: a conversation in the terminal, or over lines from a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hob.cli.answer import (
    Options,
    make_printer,
    offer_starter,
    preload_markdown,
    tell_if_cut,
    write_answer,
)
from hob.cli.app import report
from hob.cli.autostart import running_client
from hob.cli.context import App, no_start_option
from hob.cli.conversation import Conversation, is_command, obey
from hob.cli.models.name import ModelName
from hob.cli.prompt import decode_text
from hob.cli.sanitize import clean
from hob.client.read_ahead import ReadAhead
from hob.errors import HobError, NoModels

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


@click.command()
@click.option("--model", "-m", type=ModelName(), default="", help="The model to talk with.")
@click.option("--system", "-s", default="", help="What the model is to keep to.")
@click.option("--plain", is_flag=True, help="Do not render Markdown.")
@click.option("--no-thoughts", is_flag=True, help="Do not show what the model thinks first.")
@no_start_option
@click.pass_obj
def chat(
    app: App, *, model: str, system: str, plain: bool, no_thoughts: bool, no_start: bool
) -> None:
    """Talk with the model; /help lists the commands inside.

    From a pipe each line is one message, and the first failure ends it.
    """
    running_client(app, start=not no_start)
    conversation = Conversation(model=model, system=system)
    talk = _Talk(app, conversation, plain=plain, thoughts=not no_thoughts, start=not no_start)
    if sys.stdin.isatty() and sys.stdout.isatty():
        preload_markdown(plain=plain)
        click.echo("Talking with Hob. /help shows what you can do; Ctrl-D leaves.")
        for line in _typed_lines(app.paths.history_file, talk.read_ahead):
            try:
                if not talk.hear(line):
                    return
            except HobError as error:
                report(error)
            except KeyboardInterrupt:
                click.echo("(stopped)", err=True)
    else:
        for piped in sys.stdin.buffer:
            if not talk.hear(decode_text(piped, "A line of the input").rstrip("\r\n")):
                return


class _Talk:
    """Hears one line after the other."""

    def __init__(
        self, app: App, conversation: Conversation, *, plain: bool, thoughts: bool, start: bool
    ) -> None:
        self._app = app
        self._conversation = conversation
        self._plain = plain
        self._thoughts = thoughts
        self._start = start
        self._ahead = ReadAhead(app.client())

    def read_ahead(self) -> None:
        """What was said so far is read by the model while nothing new is said."""
        self._ahead.begin(self._conversation.said(), self._conversation.model)

    def hear(self, line: str) -> bool:
        """Answer it or obey it; False when it says to leave."""
        if not line.strip():
            return True
        if not is_command(line):
            self._answer(line)
            return True
        told = obey(self._conversation, line, self._full_name)
        if told is not None:
            click.echo(clean(told))
        return told is not None

    def _full_name(self, model: str) -> str:
        return running_client(self._app, start=self._start).model(model).info.name

    def _answer(self, question: str) -> None:
        self._ahead.stop()
        client = running_client(self._app, start=self._start)
        messages = self._conversation.asking(question)
        talk = self._conversation
        options = Options(model=talk.model, thoughts=self._thoughts, tools=talk.tools)
        pieces: list[str] = []
        try:
            printer = make_printer(plain=self._plain)
            answer = write_answer(client, messages, options, printer, pieces)
            tell_if_cut(answer)
        except NoModels as error:
            offer_starter(self._app, client, error)
            self._answer(question)
            return
        finally:
            # What was read before an interruption is part of what was said.
            if pieces:
                self._conversation.answered(question, "".join(pieces))


def _typed_lines(history: Path, before: Callable[[], None]) -> Iterator[str]:
    """What the user types, until Ctrl-D. Ctrl-C empties the line. `before` is called before each
    line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    history.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # What people ask is private, and FileHistory would make the file with the umask's rights.
    os.close(os.open(history, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    session: PromptSession[str] = PromptSession(
        history=FileHistory(os.fspath(history)), key_bindings=_keys(), multiline=True
    )
    while True:
        before()
        try:
            yield session.prompt("> ", prompt_continuation="  ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _keys() -> KeyBindings:
    """Enter sends, unless the line ends with a backslash; Alt+Enter begins a new line."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
