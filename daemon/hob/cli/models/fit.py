"""`hob models fit`: how much memory a model takes, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import print_json, size, table
from hob.cli.models.name import ModelName
from hob.cli.sanitize import clean, one_line
from hob.wire.fit import DeviceMemory, Fit, FitChoice, FitRequest, Need, Verdict

_KvType = Literal["f16", "q8_0", "q4_0"]

_VERDICTS: dict[Verdict, str] = {
    "gpu": "fits on the GPU",
    "split": "fits on the GPU in part",
    "cpu": "fits into main memory",
    "no": "does not fit",
}


@click.command(short_help="Tell how much memory a model takes, and why.")
@click.argument("name", metavar="[MODEL]", type=ModelName(), default="")
@click.option("--context", type=click.IntRange(0, 2**24), help="The context length in tokens.")
@click.option("--kv-type", type=click.Choice(get_args(_KvType)), help="How the KV cache is stored.")
@click.option("--gpu-layers", type=click.IntRange(0, 10_000), help="Layers on the GPU.")
@json_option
@no_start_option
@click.pass_obj
def fit(
    app: App,
    *,
    name: str,
    context: int | None,
    kv_type: _KvType | None,
    gpu_layers: int | None,
    as_json: bool,
    no_start: bool,
) -> None:
    """Tell how much memory a model takes, how it would be loaded, and what else would fit.

    Without a model it has a line for each.
    """
    client = running_client(app, start=not no_start)

    def ask(model: str) -> Fit:
        return client.fit(
            FitRequest(model=model, context_length=context, kv_type=kv_type, gpu_layers=gpu_layers)
        )

    if name:
        found = ask(name)
        if as_json:
            print_json(found)
        else:
            click.echo(describe(found))
        return
    entries = client.models().models
    good = [entry.info.name for entry in entries if not entry.info.problem]
    fits = [ask(model) for model in good]
    if as_json:
        print_json(fits)
    else:
        click.echo(describe_all(fits))


def describe(found: Fit) -> str:
    """One model: the parts by device, the context and why, and what would fit otherwise."""
    head = f"{one_line(found.model)} {_VERDICTS[found.verdict]}."
    parts = [f"{head} {clean(found.why)}".rstrip(), _table(found)]
    facts = [("context", f"{found.context_length} of {found.whole_context_length} tokens")]
    facts.append(("KV cache", one_line(found.kv_type)))
    if found.gpu_layers:
        facts.append(
            ("on the GPU", f"{min(found.gpu_layers, found.layers)} of {found.layers} layers")
        )
    parts.append("\n".join(f"  {label:<11} {value}" for label, value in facts))
    if found.nearest:
        parts.append("What would fit:\n" + "\n".join(map(_choice, found.nearest)))
    return "\n\n".join(parts)


def describe_all(fits: Sequence[Fit]) -> str:
    """A line for each model."""
    if not fits:
        return "There is no model yet: `hob models pull starter` fetches one."
    rows = [
        (
            one_line(found.model),
            found.verdict,
            size(found.need_bytes),
            size(sum(device.free_bytes for device in found.devices)),
            str(found.context_length),
        )
        for found in fits
    ]
    return table(("NAME", "FIT", "NEEDS", "FREE", "CONTEXT"), rows, right=(2, 3, 4))


def _table(found: Fit) -> str:
    devices = {device.name: device for device in found.devices}
    header = ("  DEVICE", "WEIGHTS", "KV CACHE", "STEP", "PROJECTOR", "PROCESS", "NEEDS", "FREE")
    rows = [_row(need, devices.get(need.device)) for need in found.needs]
    return table(header, rows, right=range(1, len(header)))


def _row(need: Need, device: DeviceMemory | None) -> tuple[str, ...]:
    name = one_line((device and device.description) or need.device)
    sizes = (
        need.weight_bytes,
        need.kv_bytes,
        need.compute_bytes,
        need.projector_bytes,
        need.process_bytes,
    )
    parts = [size(part) if part else "-" for part in sizes]
    return (
        f"  {name}",
        *parts,
        size(need.total_bytes),
        size(device.free_bytes) if device else "-",
    )


def _choice(choice: FitChoice) -> str:
    return f"  {clean(choice.words)}: {size(choice.need_bytes)}"
