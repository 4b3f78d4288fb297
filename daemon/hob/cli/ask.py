"""`hob ask`: one question, one answer, like any UNIX filter."""

from __future__ import annotations

from pathlib import Path

import click

from hob.cli.answer import (
    Options,
    Printer,
    SilentPrinter,
    make_printer,
    offer_starter,
    preload_markdown,
    tell_figures,
    tell_if_cut,
    write_answer,
)
from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json
from hob.cli.models.name import ModelName
from hob.cli.prompt import compose, read_file, read_piped
from hob.errors import NoModels
from hob.wire.generate import ChatMessage


@click.command()
@click.argument("words", nargs=-1)
@click.option(
    "--file",
    "-f",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A text file that the question is about. Repeatable.",
)
@click.option("--model", "-m", type=ModelName(), default="", help="The model to ask.")
@click.option("--system", "-s", default="", help="What the model is to keep to.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest answer, in tokens.")
@click.option("--temperature", type=click.FloatRange(0, 100), help="0 for the likeliest answer.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="The same answer each time.")
@click.option("--tool", "tools", multiple=True, help="A tool that the model may call. Repeatable.")
@click.option("--tools", "all_tools", is_flag=True, help="Let the model call all tools of plugins.")
@click.option("--plain", is_flag=True, help="Do not render Markdown on a terminal.")
@click.option("--no-thoughts", is_flag=True, help="Do not show what the model thinks first.")
@click.option("--verbose", "-v", is_flag=True, help="Tell times and tokens on stderr.")
@json_option
@no_start_option
@click.pass_obj
def ask(
    app: App,
    *,
    words: tuple[str, ...],
    files: tuple[Path, ...],
    model: str,
    system: str,
    max_tokens: int | None,
    temperature: float | None,
    seed: int | None,
    tools: tuple[str, ...],
    all_tools: bool,
    plain: bool,
    no_thoughts: bool,
    verbose: bool,
    as_json: bool,
    no_start: bool,
) -> None:
    """Ask a question and print the answer as it comes.

    \b
    hob ask "What is a hob?"
    hob ask -f notes.txt "What did we decide?"
    git diff | hob ask "Write a commit message" > message.txt

    What is piped in is the text that the words are about; without words it is the question.
    A terminal is shown rendered Markdown without any control characters; a pipe is given the
    model's text as it is. Ctrl-C stops the answer.
    """
    documents = [*map(read_file, files), *read_piped(optional=bool(words or files))]
    prompt = compose(" ".join(words), documents)
    if not prompt:
        raise click.UsageError('There is nothing to ask: `hob ask "What is a hob?"`.')
    client = running_client(app, start=not no_start)
    messages = [ChatMessage(role="user", content=prompt)]
    if system:
        messages.insert(0, ChatMessage(role="system", content=system))
    options = Options(
        model=model,
        thoughts=not (no_thoughts or as_json),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        tools="all" if all_tools else tools,
    )
    preload_markdown(plain=plain or as_json)
    printer: Printer = SilentPrinter() if as_json else make_printer(plain=plain)
    try:
        answer = write_answer(client, messages, options, printer, [])
    except NoModels as error:
        offer_starter(app, client, error)
        answer = write_answer(client, messages, options, printer, [])
    if as_json:
        print_json(answer)
    tell_if_cut(answer)
    if verbose:
        tell_figures(answer)
