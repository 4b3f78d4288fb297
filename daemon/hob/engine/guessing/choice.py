"""What guesses ahead for a loaded model, as its options say and the draft's file allows."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hob.engine.guessing.draft import DraftSource, differs
from hob.engine.guessing.source import LookupSource, Source
from hob.engine.guessing.speculation import Speculation
from hob.engine.native.context import Context, ContextParams
from hob.engine.native.model import Model
from hob.errors import HobError, ModelLoadFailed
from hob.wire.engine import LoadOptions

_log = logging.getLogger(__name__)

_LOOKUP = "prompt look-up"


@dataclass(frozen=True, slots=True)
class Choice:
    """`about` is for people: what guesses, and why not what was wished."""

    guesser: Speculation | None
    about: str


def choose(
    model: Model, params: ContextParams, options: LoadOptions, gpu_layers: int, stack: ExitStack
) -> Choice:
    """Open the draft model if one is wished for; `stack` closes it. A draft that cannot be used
    is no reason to fail: the answers are the same without."""
    if options.speculate == "off":
        return Choice(None, "off")
    if model.recurrent or model.window:
        return Choice(None, "off, because this model's memory cannot take wrong guesses back")
    always = options.speculate == "on"
    if not options.draft:
        return Choice(Speculation(LookupSource(), always=always), _LOOKUP)
    path = Path(options.draft)
    source: Source
    try:
        source = _open_draft(path, model, params, gpu_layers, stack)
    except HobError as error:
        _log.warning("The draft model %s is not used: %s", path.name, error)
        about = f"{_LOOKUP}, because the draft model {path.name} cannot be used: {error}"
        return Choice(Speculation(LookupSource(), always=always), about)
    return Choice(Speculation(source, always=always), f"draft {path.stem}")


def _open_draft(
    path: Path, model: Model, params: ContextParams, gpu_layers: int, stack: ExitStack
) -> DraftSource:
    """Raises HobError when the file cannot be loaded or does not fit the model."""
    with ExitStack() as opened:
        draft = opened.enter_context(
            Model.load(
                path, gpu_layers=gpu_layers, mmap=True, mlock=False, progress=lambda _fraction: None
            )
        )
        if why := _unfit(model, draft):
            raise ModelLoadFailed(f"{why[0].upper()}{why[1:]}.")
        context = opened.enter_context(Context(draft, params))
        context.warm_up(draft.vocab.bos or 0)
        stack.push(opened.pop_all())
    return DraftSource(draft, context)


def _unfit(model: Model, draft: Model) -> str:
    """Why the draft cannot guess for the model; empty when it can."""
    if not draft.generates:
        return "it does not write text"
    if draft.recurrent or draft.window:
        return "its memory cannot take wrong guesses back"
    if difference := differs(model.vocab, draft.vocab):
        return f"its vocabulary is another: {difference}"
    return ""
