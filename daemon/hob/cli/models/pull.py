"""`hob models pull`, `pulls` and `search`: getting models."""

from __future__ import annotations

import sys

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import counted, duration, print_json, size, table
from hob.cli.progress import ProgressLine
from hob.cli.sanitize import clean, one_line
from hob.client import Client
from hob.errors import DownloadError, InvalidRequest
from hob.wire.models import ModelInfo
from hob.wire.pulls import HubModel, PullDone, PullEntry, PullList, PullProgress, SearchReply

_SHOWN_FILES = 6


@click.command()
@click.argument("source")
@click.option("--detach", is_flag=True, help="Return at once; the daemon fetches it by itself.")
@no_start_option
@click.pass_obj
def pull(app: App, source: str, detach: bool, no_start: bool) -> None:
    """Fetch a model into the folder.

    \b
    SOURCE is one of
      starter                       a small model to begin with
      hf:ORG/REPO                   a model of the hub, in a size that suits most machines
      hf:ORG/REPO:Q8_0              the same in that quantization
      https://huggingface.co/...    a repository's or a file's page there
      https://.../FILE.gguf         a file anywhere on the web
    """
    client = running_client(app, start=not no_start)
    if detach:
        entry = client.pull_detached(source)
        click.echo(f"{one_line(entry.source)} is being fetched as {one_line(entry.id)}.")
        click.echo("`hob models pulls` shows how far it is.")
        return
    try:
        pull_model(client, source)
    except KeyboardInterrupt:
        click.echo(
            f"\nhob: Stopped; `hob models pull {one_line(source)}` goes on from there.", err=True
        )
        raise


@click.command()
@click.option("--cancel", metavar="ID", help="Stop this one; what it has fetched is kept.")
@click.option("--discard", metavar="ID", help="Stop this one, and throw away what it has fetched.")
@click.option("--resume", metavar="ID", help="Go on with this one.")
@json_option
@click.pass_obj
def pulls(
    app: App, cancel: str | None, discard: str | None, resume: str | None, as_json: bool
) -> None:
    """List the downloads, or stop or resume one."""
    if sum(wish is not None for wish in (cancel, discard, resume)) > 1:
        raise InvalidRequest("Only one of --cancel, --discard and --resume can be done at a time.")
    client = app.client()
    if cancel is not None:
        found = PullList(pulls=(client.cancel_pull(cancel),))
    elif discard is not None:
        found = PullList(pulls=(client.cancel_pull(discard, discard=True),))
    elif resume is not None:
        found = PullList(pulls=(client.resume_pull(resume),))
    else:
        found = client.pulls()
    if as_json:
        print_json(found)
    else:
        click.echo(describe_pulls(found))


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(1, 50), default=10, show_default=True, help="How many at most."
)
@json_option
@no_start_option
@click.pass_obj
def search(app: App, words: tuple[str, ...], limit: int, as_json: bool, no_start: bool) -> None:
    """Find models on the hub, the most fetched first."""
    text = " ".join(words)
    found = running_client(app, start=not no_start).search(text, limit=limit)
    if as_json:
        print_json(found)
    else:
        click.echo(describe_search(found, text))


def describe_pulls(found: PullList) -> str:
    """The table for a person, with what went wrong below it."""
    if not found.pulls:
        return "Nothing is being fetched."
    header = ("ID", "STATE", "DONE", "OF", "LEFT", "SOURCE")
    rows = [_pull_row(entry) for entry in found.pulls]
    failed = [
        f"  {one_line(entry.id)}: {clean(str(entry.error.error()))}"
        for entry in found.pulls
        if entry.error is not None
    ]
    return "\n".join([table(header, rows, right=(2, 3, 4)), *failed])


def _pull_row(entry: PullEntry) -> tuple[str, ...]:
    progress = entry.progress if entry.state == "running" else None
    total = progress.total_bytes if progress else 0
    left = progress.left_s if progress else None
    stage = one_line(progress.stage) if progress else ""
    return (
        one_line(entry.id),
        entry.state if stage in ("", "download") else f"{entry.state} ({stage})",
        size(progress.done_bytes) if progress and total else "-",
        size(total) if total else "-",
        duration(left) if left is not None else "-",
        one_line(entry.source),
    )


def describe_search(found: SearchReply, text: str) -> str:
    """The repositories, and under each the models in it by size."""
    if not found.models:
        return f"The hub has no GGUF models for {one_line(text)!r}."
    return "\n\n".join(map(_describe_repo, found.models))


def _describe_repo(model: HubModel) -> str:
    facts = [f"{model.downloads:,} downloads", f"{model.likes:,} likes"]
    facts += [one_line(model.license)] if model.license else []
    facts += ["needs a login and consent"] if model.gated else []
    facts += [f"updated {one_line(model.updated)}"] if model.updated else []
    rows = [
        ("  " + one_line(file.quantization or "-"), size(file.size_bytes), one_line(file.source))
        for file in model.files[:_SHOWN_FILES]
    ]
    more = len(model.files) - _SHOWN_FILES
    lines = [f"{one_line(model.repo)}  ({', '.join(facts)})"]
    lines += [table(("  QUANT", "SIZE", "PULL AS"), rows, right=(1,))]
    lines += [f"  and {counted(more, 'larger one')}; --json lists all"] if more > 0 else []
    return "\n".join(lines)


def pull_model(client: Client, source: str) -> ModelInfo:
    """Fetch a model, showing how far it is: a bar on a terminal, else a line for each stage.

    Raises DownloadError and what is below it.
    """
    terminal = sys.stderr.isatty()
    stage = ""
    with client.pull(source) as events, ProgressLine() as line:
        for event in events:
            if isinstance(event, PullDone):
                line.close()
                _tell_pulled(event)
                return event.model
            if event.stage != stage and not terminal:
                click.echo(f"hob: {one_line(event.stage)} ...", err=True)
            stage = event.stage
            if event.total_bytes:
                line.show(describe_progress(event), event.done_bytes / event.total_bytes)
            else:
                line.show(stage)
    raise DownloadError("The download ended without a model.", hint="Run the command again.")


def describe_progress(event: PullProgress) -> str:
    """`download 1.2 GB of 4.1 GB, 12 MB/s, 4 min left`."""
    text = f"{event.stage} {size(event.done_bytes)} of {size(event.total_bytes)}"
    if event.bytes_per_second is not None:
        text += f", {size(round(event.bytes_per_second))}/s"
    if event.left_s is not None and event.done_bytes < event.total_bytes:
        text += f", {duration(event.left_s)} left"
    return text


def _tell_pulled(event: PullDone) -> None:
    info = event.model
    verb = "was there already" if event.already_there else "is ready to use"
    click.echo(
        f"{one_line(info.name)} {verb} ({size(info.file_bytes)}, {one_line(info.path)}).", err=True
    )
