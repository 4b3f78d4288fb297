"""`hob models recommend`: what is worth having on this machine."""

from __future__ import annotations

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json, size
from hob.cli.sanitize import one_line
from hob.wire.library import Recommendation, RecommendationList

_FITS = {
    "gpu": "runs on the GPU",
    "cpu": "runs well on the CPU",
    "slow": "runs slowly here",
    "no": "does not fit into this machine's memory",
}


@click.command(short_help="Show good models that this machine can run.")
@click.option("--all", "every", is_flag=True, help="Show the whole list, whatever fits.")
@json_option
@no_start_option
@click.pass_obj
def recommend(app: App, every: bool, as_json: bool, no_start: bool) -> None:
    """Show a short list of models that this machine can run, with what each is good for."""
    found = running_client(app, start=not no_start).recommendations(every=every)
    if as_json:
        print_json(found)
    else:
        click.echo(describe_recommendations(found))


def describe_recommendations(found: RecommendationList) -> str:
    """A few lines for each model, the best first."""
    if not found.models:
        return (
            "None of the models that Hob recommends fits into this machine's memory."
            " `hob models recommend --all` shows them."
        )
    parts = [_block(one) for one in found.models]
    parts.append(
        f"As of {one_line(found.dated)}; sizes are approximate. `hob models search TEXT` finds"
        " others."
    )
    return "\n\n".join(parts)


def _block(one: Recommendation) -> str:
    title = f"{one_line(one.title)} ({one_line(one.purpose)})"
    facts = (
        f"{one_line(one.parameters)} parameters, {size(one.size_bytes)},"
        f" license {one_line(one.license)}; {_FITS[one.fits]}, takes {size(one.need_bytes)}"
    )
    get = (
        f"here already as {one_line(one.there)}"
        if one.there
        else f"hob models pull {one_line(one.source)}"
    )
    return "\n".join((title, f"  {one_line(one.good_for)}", f"  {facts}", f"  {get}"))
