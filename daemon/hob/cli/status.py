"""`hob status`: what is warm, where, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from hob.cli.context import App, json_option
from hob.cli.formatting import duration, moment, print_json, size
from hob.cli.sanitize import clean, one_line
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import DesktopList
from hob.wire.engine import LoadedInfo, Placement
from hob.wire.status import Status, WorkerStatus


@click.command()
@json_option
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """Show what is warm, where, how fast, and what is wrong.

    Ends with code 3 when the daemon is not running, so that scripts can ask.
    """
    client = app.client()
    found = client.status()
    if as_json:
        print_json(found)
        return
    try:
        desktops = client.desktops()
    except HobError:
        # It has stopped in the meantime, or is older; the rest is worth telling all the same.
        desktops = None
    click.echo("\n".join(describe(found, time.time(), desktops)))


def describe(status: Status, now: float, desktops: DesktopList | None = None) -> Iterator[str]:
    """The lines for a person; `now` in unix seconds, `desktops` None when they are not known."""
    doing = "is stopping" if status.stopping else "runs"
    yield (
        f"Hob {status.version} {doing} (pid {status.pid}, for "
        f"{duration(now - status.started_at)}, {size(status.rss_bytes)} of memory)"
    )
    for worker in status.workers:
        yield ""
        yield from _worker(worker, now)
    if not status.workers:
        yield ""
        yield _nothing_loaded(status)
    yield ""
    yield _line("models", f"{status.model_count} in {clean(status.models_folder)}")
    yield _line("socket", clean(status.api.socket))
    yield _line("API", clean(status.api.address) or "off; `hob api on` opens it on this machine")
    if status.api.problem:
        yield _problem(status.api.problem)
    if desktops is not None:
        yield from _desktops(desktops)
    yield _line("log", clean(status.log_file))


def _worker(worker: WorkerStatus, now: float) -> Iterator[str]:
    kept = ", kept warm" if worker.chosen else ""
    yield f"{one_line(worker.model)}: {_state(worker, now)}{kept if worker.warm_since else ''}"
    if loaded := worker.loaded:
        yield _line("memory", _memory(worker, loaded.model_bytes, loaded.kv_bytes))
        yield _line("runs on", f"{_place(loaded.placement)}, {loaded.threads} threads")
        if loaded.placement.why:
            yield _line("", one_line(loaded.placement.why))
        if does := _does(loaded):
            yield _line("does", does)
        context = f"{loaded.context_length} tokens, shared by up to {loaded.slots} answers"
        if loaded.train_context_length > loaded.context_length:
            context += f" (the model was trained for {loaded.train_context_length})"
        yield _line("context", context)
    if worker.tokens_per_second is not None:
        yield _line(
            "speed", f"{worker.tokens_per_second:.0f} tokens per second (median of last answers)"
        )
    if worker.prompt_tokens:
        share = worker.cached_tokens / worker.prompt_tokens
        yield _line("cache", f"{share:.0%} of what was asked had been read before")
    if worker.warm_since is not None and worker.unload_at is not None:
        left = duration(max(worker.unload_at - now, 0))
        yield _line("stays", f"until {moment(worker.unload_at)} ({left}), longer while it is asked")
    if worker.answers or worker.live_requests or worker.waiting_requests:
        work = f"{worker.answers} answered, {worker.live_requests} in progress"
        yield _line("work", f"{work}, {worker.waiting_requests} waiting in line")
    if worker.restarts:
        yield _line("restarts", str(worker.restarts))
    if worker.problem:
        yield _problem(worker.problem)


def _state(worker: WorkerStatus, now: float) -> str:
    if worker.warm_since is not None:
        return f"warm since {moment(worker.warm_since)} ({duration(now - worker.warm_since)})"
    if worker.state == "starting":
        return f"loading, {worker.load_fraction:.0%}"
    return {"down": "not loaded", "stopping": "being unloaded"}.get(worker.state, worker.state)


def _memory(worker: WorkerStatus, model_bytes: int, kv_bytes: int) -> str:
    parts = f"model {size(model_bytes)}, KV cache {size(kv_bytes)}"
    return parts if worker.rss_bytes is None else f"{size(worker.rss_bytes)} resident ({parts})"


def _place(placement: Placement) -> str:
    device = one_line(placement.device)
    if not placement.layers_on_gpu:
        return device
    if placement.layers_on_gpu >= placement.layers:
        return f"{device}, all {placement.layers} layers"
    return f"{device} with {placement.layers_on_gpu} of {placement.layers} layers, rest on the CPU"


def _does(loaded: LoadedInfo) -> str:
    """What the model is for, where that is more or other than text."""
    parts = []
    if loaded.kind == "embedding":
        parts.append(f"makes embeddings of {loaded.embedding_length} numbers")
    elif loaded.kind == "reranking":
        parts.append("ranks documents")
    if "image" in loaded.media:
        parts.append("sees images")
    if "audio" in loaded.media:
        parts.append("hears sounds")
    return ", ".join(parts)


def _nothing_loaded(status: Status) -> str:
    if not status.model_count:
        return "There is no model yet: `hob models pull starter` fetches one."
    if not status.chosen:
        return "No model is chosen: `hob use NAME` chooses one; `hob models` lists them."
    return f"{one_line(status.chosen)}: not loaded; the next question loads it"


def _desktops(listed: DesktopList) -> Iterator[str]:
    for desktop in listed.desktops:
        yield _line("desktop", f"on {one_line(desktop.session)} (pid {desktop.pid})")
        for problem in (*desktop.problems, *(each.problem for each in desktop.hotkeys)):
            if problem is not None:
                yield _problem(problem)
    if not listed.desktops:
        why = listed.problem
        yield _line("desktop", f"none: {clean(str(why.error()))}" if why else "none yet")


def _line(label: str, value: str) -> str:
    return f"  {label:<9} {value}"


def _problem(problem: ErrorInfo) -> str:
    return _line("problem", clean(str(problem.error())))
