"""`hob models keep`: for how long a model stays loaded."""

from __future__ import annotations

import time

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, no_start_option
from hob.cli.formatting import duration, moment
from hob.cli.models.name import ModelName
from hob.cli.progress import LoadingWatcher
from hob.cli.sanitize import one_line
from hob.wire.status import WorkerStatus


class _Duration(click.ParamType[float]):
    """`90s`, `15min`, `2h`."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from hob.config.units import parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}.", param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} is no time at all; `hob models unload` unloads at once.")
        return seconds


@click.command(short_help="Keep a model loaded, for a time or for good.")
@click.argument("name", type=ModelName(), default="")
@click.option(
    "--for", "for_s", type=_Duration(), help="How long after each answer, as 15min or 2h."
)
@no_start_option
@click.pass_obj
def keep(app: App, name: str, for_s: float | None, no_start: bool) -> None:
    """Load a model and keep it loaded: for a time after each answer, else for good.

    Without a NAME it is the model that is kept warm; after a time without questions it is
    unloaded then, and the next question loads it again.
    """
    client = running_client(app, start=not no_start)
    with LoadingWatcher(client):
        worker = client.keep(name, for_s)
    click.echo(describe_keeping(worker, time.time()))


def describe_keeping(worker: WorkerStatus, now: float) -> str:
    """Until when a loaded model stays; `now` in unix seconds."""
    model = one_line(worker.model)
    if worker.unload_at is None:
        return f"{model} is warm and stays so."
    left = duration(max(worker.unload_at - now, 0))
    return (
        f"{model} is warm until {moment(worker.unload_at)} ({left} from now), and longer while it "
        "is asked."
    )
