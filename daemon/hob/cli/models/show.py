"""`hob models show`: all that is known of one model."""

from __future__ import annotations

import sys

import click

from hob.cli.autostart import running_client
from hob.cli.context import App, json_option, no_start_option
from hob.cli.formatting import counted, moment, parameters, print_json, size, table
from hob.cli.models.name import ModelName
from hob.cli.sanitize import clean, one_line
from hob.errors import TemplateFailed
from hob.wire.fit import Fit
from hob.wire.library import ModelDetails, TensorGroup
from hob.wire.models import ModelEntry
from hob.wire.profiles import Profile

_LABEL_CHARS = 13


@click.command()
@click.argument("name", type=ModelName())
@click.option("--template", "only_template", is_flag=True, help="Print its chat template alone.")
@click.option("--metadata", "all_metadata", is_flag=True, help="Print every line of its header.")
@json_option
@no_start_option
@click.pass_obj
def show(
    app: App, name: str, *, only_template: bool, all_metadata: bool, as_json: bool, no_start: bool
) -> None:
    """Show all that is known of one model."""
    details = running_client(app, start=not no_start).details(name)
    if as_json:
        print_json(details)
    elif only_template:
        click.echo(template_text(details, for_terminal=sys.stdout.isatty()))
    elif all_metadata:
        click.echo(describe_metadata(details))
    else:
        click.echo(describe(details))


def template_text(details: ModelDetails, *, for_terminal: bool) -> str:
    """The chat template, to the letter unless a terminal would obey it. Raises TemplateFailed."""
    if not details.template.strip():
        raise TemplateFailed(
            f"The file of {one_line(details.entry.info.name)} has no chat template.",
            hint="A model without one continues plain prompts; `hob config set "
            "engine.chat_template chatml` gives it a built-in one.",
        )
    return clean(details.template) if for_terminal else details.template


def describe_metadata(details: ModelDetails) -> str:
    """A line for each key of the header."""
    rows = [(one_line(m.key), m.kind, one_line(m.value)) for m in details.metadata]
    if not rows:
        return "The header of this file cannot be read."
    return table(("KEY", "TYPE", "VALUE"), rows)


def describe(details: ModelDetails) -> str:
    """The page for a person: what the file says, what it would take, and what is set for it."""
    facts = (
        _file_facts(details)
        + _model_facts(details)
        + _fit_facts(details.fit)
        + _profile_facts(details.profile)
    )
    lines = [f"  {label:<{_LABEL_CHARS}} {value}" for label, value in facts if value]
    page = "\n".join([one_line(details.entry.info.name), *lines])
    if details.tensors:
        page += "\n\n" + _tensor_table(details.tensors)
    if details.metadata:
        page += f"\n\n  Its header has {counted(len(details.metadata), 'line')}: --metadata."
    return page


def _file_facts(details: ModelDetails) -> list[tuple[str, str]]:
    entry = details.entry
    info = entry.info
    digest = f"{one_line(details.sha256)} (from {one_line(details.digest_from)})"
    return [
        ("title", one_line(info.title)),
        ("aliases", ", ".join(map(one_line, info.aliases))),
        ("problem", clean(str(info.problem.error())) if info.problem else ""),
        ("state", _state(entry)),
        ("file", one_line(info.path)),
        *(("and", one_line(path)) for path in info.files[1:]),
        ("projector", one_line(info.projector)),
        ("size", f"{size(info.file_bytes)} ({info.file_bytes} bytes)"),
        ("weights", f"{info.weight_bytes} bytes" if info.weight_bytes else ""),
        ("changed", moment(info.modified_at)),
        ("sha256", digest if details.sha256 else ""),
        ("id", one_line(info.id)),
    ]


def _state(entry: ModelEntry) -> str:
    copying = entry.info.copying
    words = entry.state + (", the chosen one" if entry.chosen else "")
    if copying is None:
        return words
    of = f" of {size(copying.total_bytes)}" if copying.total_bytes else ""
    return f"{words}, {size(copying.done_bytes)}{of}"


def _model_facts(details: ModelDetails) -> list[tuple[str, str]]:
    info = details.entry.info
    template = ""
    if details.template.strip():
        lines = len(details.template.splitlines())
        template = f"its own, {counted(lines, 'line')}: --template"
    per_token = info.kv_bytes_per_token
    return [
        ("base", one_line(info.base)),
        ("architecture", one_line(info.architecture)),
        ("parameters", parameters(info.parameters) if info.parameters else ""),
        ("quantization", one_line(info.quantization)),
        ("context", f"{info.context_length} tokens" if info.context_length else ""),
        ("layers", str(info.block_count or "")),
        ("embedding", str(info.embedding_length or "")),
        ("vocabulary", f"{info.vocabulary_size} tokens" if info.vocabulary_size else ""),
        ("KV cache", f"{size(per_token)} for each token, as f16" if per_token else ""),
        ("can", ", ".join(info.capabilities)),
        ("template", template),
        ("license", one_line(info.license)),
    ]


def _fit_facts(fit: Fit | None) -> list[tuple[str, str]]:
    if fit is None:
        return []
    where = {
        "gpu": "on the GPU",
        "split": f"with {fit.gpu_layers} of {fit.layers} layers on the GPU",
        "cpu": "on the CPU",
        "no": "not now",
    }[fit.verdict]
    words = f"{where}, with {fit.context_length} tokens of context in {size(fit.need_bytes)}"
    return [("fits", words if fit.verdict != "no" else where), ("", one_line(fit.why))]


def _profile_facts(profile: Profile | None) -> list[tuple[str, str]]:
    if profile is None:
        return []
    problem = clean(str(profile.problem.error())) if profile.problem else ""
    return [("profile", one_line(profile.path)), ("", one_line(profile.system)), ("", problem)]


def _tensor_table(groups: tuple[TensorGroup, ...]) -> str:
    rows = [
        (
            f"  {one_line(group.kind)}",
            str(group.count),
            parameters(group.elements),
            size(group.size_bytes),
        )
        for group in groups
    ]
    return table(("  WEIGHTS", "TENSORS", "PARAMS", "SIZE"), rows, right=(1, 2, 3))
