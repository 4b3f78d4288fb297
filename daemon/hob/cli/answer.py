"""Brings an answer from the daemon to the terminal or into a pipe."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import click

from hob.cli.context import App
from hob.cli.progress import LoadingWatcher
from hob.cli.sanitize import TerminalFilter, one_line
from hob.cli.thoughts import Thoughts
from hob.client import Client
from hob.client.stream import ChatStream
from hob.errors import NoModels
from hob.wire.chat import HobTool
from hob.wire.generate import ChatMessage, Usage

_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_MAX_NOTE_CHARS = 200


class Printer(Protocol):
    """Where the pieces of an answer go."""

    def feed(self, piece: str) -> None: ...

    def note(self, text: str) -> None:
        """Say on a line of its own, between the pieces, what is no part of the answer."""

    def finish(self) -> None:
        """The answer is over, or was interrupted."""


class PlainPrinter:
    """Prints pieces as they come; on a terminal without its control characters."""

    def __init__(self, *, terminal: bool) -> None:
        self._filter = TerminalFilter() if terminal else None
        self._last = "\n"
        self._dims = os.environ.get("TERM") != "dumb"

    def feed(self, piece: str) -> None:
        text = self._filter.feed(piece) if self._filter else piece
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._last = text[-1]

    def note(self, text: str) -> None:
        if self._filter is None:
            # A pipe is given the answer alone.
            if sys.stderr.isatty():
                click.echo(f"hob: {text}", err=True)
            return
        self.finish()
        sys.stdout.write(f"{_DIM}{text}{_RESET}\n" if self._dims else f"{text}\n")
        sys.stdout.flush()
        self._last = "\n"

    def finish(self) -> None:
        if self._last != "\n":
            sys.stdout.write("\n")
            sys.stdout.flush()


class SilentPrinter:
    """Shows nothing; for whoever prints the whole answer at the end."""

    def feed(self, piece: str) -> None:
        """Nothing is shown."""

    def note(self, text: str) -> None:
        """Nor is this."""

    def finish(self) -> None:
        """Nothing was shown."""


def make_printer(*, plain: bool) -> Printer:
    """Markdown on a terminal that can show it, plain text elsewhere."""
    terminal = sys.stdout.isatty()
    if terminal and not plain and os.environ.get("TERM") != "dumb":
        from hob.cli.markdown import MarkdownPrinter

        return MarkdownPrinter()
    return PlainPrinter(terminal=terminal)


def preload_markdown(*, plain: bool) -> None:
    """Import what renders Markdown while the model reads, so that nobody waits for it later."""
    if sys.stdout.isatty() and not plain:
        threading.Thread(target=lambda: __import__("hob.cli.markdown"), daemon=True).start()


@dataclass(frozen=True)
class Options:
    """How to answer; None leaves it to the daemon. `thoughts` says whether to show them, `tools`
    are the names of those of plugins that the model may call, or "all"."""

    model: str = ""
    thoughts: bool = True
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    tools: tuple[str, ...] | Literal["all"] = ()


@dataclass(frozen=True)
class Answer:
    """A whole answer, and what was thought before it. `first_token_s` counts from the request, the
    model's loading included. `context_full`: nothing more would have fit into the context. `tools`
    are those of plugins that the model has called."""

    text: str
    thoughts: str
    model: str
    finish_reason: str | None
    usage: Usage | None
    first_token_s: float
    tokens_per_second: float
    context_full: bool
    tools: tuple[HobTool, ...] = ()


def open_answer(
    client: Client,
    messages: list[ChatMessage],
    options: Options,
    on_thought: Callable[[str], None],
    on_tool: Callable[[HobTool], None],
) -> ChatStream:
    """Ask, showing how far the model is loaded while that takes."""
    with LoadingWatcher(client):
        return client.chat(
            messages,
            model=options.model,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            seed=options.seed,
            on_thought=on_thought,
            on_tool=on_tool,
            hob_tools=(options.tools if options.tools == "all" else list(options.tools)) or None,
        )


def write_answer(
    client: Client,
    messages: list[ChatMessage],
    options: Options,
    printer: Printer,
    pieces: list[str],
) -> Answer:
    """Ask and print the answer as it comes, collecting it in `pieces` too, where a caller finds
    what there was when it is interrupted. Leaving early takes the request back."""
    began = time.monotonic()
    first: float | None = None
    thought: list[str] = []
    used: list[HobTool] = []
    thoughts = Thoughts(shown=options.thoughts)

    def think(piece: str) -> None:
        nonlocal first
        first = first or time.monotonic()
        thought.append(piece)
        thoughts.feed(piece)

    def use(tool: HobTool) -> None:
        nonlocal first
        first = first or time.monotonic()
        thoughts.finish()
        if tool.result is None:
            printer.note(f"Calling {_short(tool.name)} {_short(tool.arguments)}")
            return
        used.append(tool)
        if tool.failed:
            printer.note(f"{_short(tool.name)} failed. {_short(tool.result)}")

    with open_answer(client, messages, options, think, use) as stream:
        try:
            for piece in stream:
                first = first or time.monotonic()
                pieces.append(piece)
                thoughts.finish()
                printer.feed(piece)
        finally:
            thoughts.finish()
            printer.finish()
    speed = 0.0
    if stream.timings and stream.usage:
        speed = stream.timings.tokens_per_second(stream.usage.completion_tokens)
    return Answer(
        text="".join(pieces),
        thoughts="".join(thought),
        model=stream.model,
        finish_reason=stream.finish_reason,
        usage=stream.usage,
        first_token_s=(first or time.monotonic()) - began,
        tokens_per_second=speed,
        context_full=stream.context_full,
        tools=tuple(used),
    )


def _short(text: str) -> str:
    """What a model or a tool has said, as part of a note."""
    line = one_line(text)
    return line if len(line) <= _MAX_NOTE_CHARS else line[:_MAX_NOTE_CHARS] + "..."


def tell_if_cut(answer: Answer) -> None:
    """Nothing is cut silently."""
    if answer.context_full:
        usage = answer.usage
        count = f" ({usage.prompt_tokens + usage.completion_tokens} tokens)" if usage else ""
        click.echo(
            f"hob: The answer was cut because the context is full{count};"
            " ask with less text, or set a larger engine.context_length.",
            err=True,
        )
    elif answer.finish_reason == "length":
        count = f" of {answer.usage.completion_tokens} tokens" if answer.usage else ""
        click.echo(
            f"hob: The answer was cut at its limit{count}; --max-tokens allows more.", err=True
        )


def tell_figures(answer: Answer) -> None:
    """What `--verbose` says, on stderr."""
    parts = [f"first token after {answer.first_token_s:.2f} s"]
    if usage := answer.usage:
        parts.append(f"{usage.completion_tokens} tokens")
        if answer.tokens_per_second:
            parts[-1] += f" at {answer.tokens_per_second:.1f} tokens/s"
        parts.append(f"prompt {usage.prompt_tokens} tokens ({usage.cached_tokens} cached)")
    parts.append(one_line(answer.model))
    click.echo(f"hob: {', '.join(parts)}", err=True)


def offer_starter(app: App, client: Client, error: NoModels) -> None:
    """With nobody to ask, raises `error`; otherwise fetches the starter model if that is wanted."""
    from hob.cli.models.pull import pull_model

    hint = "Run `hob models pull starter`, or put a GGUF file into the models folder."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NoModels("There is no model yet, so nobody can answer.", hint=hint) from error
    click.echo(f"There is no model yet. They live in {app.paths.models_dir}.", err=True)
    if not click.confirm("Fetch the small starter model (98 MB) now?", default=True, err=True):
        raise NoModels("There is no model yet, so nobody can answer.", hint=hint) from error
    pull_model(client, "starter")
