"""Names for models: made from the file, and found again from what a person types."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePath

from hob.errors import ModelAmbiguous, ModelNotFound
from hob.models.gguf.describe import Description

MAX_NAME_CHARS = 100
_SHOWN_CHARS = 80
_SHOWN_NAMES = 8

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_QUANTIZATION = re.compile(
    r"[-._](?:ud[-_])?((?:i?q|tq)\d(?:[-_](?:\d|[a-z]{1,3}))*|mxfp4(?:_moe)?|nvfp4|bf16|f16|fp16|f32|fp32)$"
)
# 135m, 7b, 1.5b, 8x7b, e2b, a3b
_SIZE = re.compile(r"(?:^|[-_.])((?:\d+x)?[ea]?\d+(?:\.\d+)?[bmk])(?=$|[-_.])")
_GENERIC = frozenset({"ggml-model", "model", "weights", "llm", "gguf", "unsloth", "download"})
_UNSAFE = re.compile(r"[^a-z0-9._]+")


def shard_of(stem: str) -> tuple[str, int, int] | None:
    """Prefix, number and count of a file that is one part of a split model, by its name."""
    found = _SHARD.search(stem)
    return (stem[: found.start()], int(found[1]), int(found[2])) if found else None


def base_name(stem: str) -> str:
    """A file's stem in lower case, without the number of its part and its quantization."""
    shard = shard_of(stem)
    return _QUANTIZATION.sub("", (shard[0] if shard else stem).lower())


def make_name(stem: str, about: Description) -> str:
    """A readable name, family:size-variant-quantization, from a file's stem and its header.

    The file's name leads, since it is what the person knows; the header fills the gaps.
    """
    shard = shard_of(stem)
    text = (shard[0] if shard else stem).lower()
    quantization = about.quantization.lower()
    if found := _QUANTIZATION.search(text):
        quantization = quantization or found[1]
        text = text[: found.start()]
    size = about.size_label.lower()
    if text in _GENERIC and (known := about.base_name or about.title):
        text = known.lower()
    if found := _SIZE.search(text):
        size = found[1]
        family, variant = text[: found.start()], text[found.end() :]
    else:
        family, variant = text, ""
    family = _safe(family) or _safe(about.base_name.lower()) or _safe(about.architecture) or "model"
    rest = "-".join(part for part in map(_safe, (size, variant, quantization)) if part)
    return f"{family}:{rest}"[:MAX_NAME_CHARS].rstrip("-._:") if rest else family[:MAX_NAME_CHARS]


def unique_names(wanted: Mapping[str, str]) -> dict[str, str]:
    """Path to name, from path to wished-for name.

    Of several files with the same wish, the one with the shortest path keeps it, and the others
    get a mark made from their path, so that a name does not change when other files come and go.
    """
    taken: dict[str, str] = {}
    for path in sorted(wanted, key=lambda path: (path.count("/") + path.count("\\"), path)):
        name = wanted[path]
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
        length = 6
        while name in taken:
            name = f"{wanted[path][: MAX_NAME_CHARS - length - 1]}-{digest[:length]}"
            length += 2
        taken[name] = path
    return {path: name for name, path in taken.items()}


def match(names: Sequence[str], wanted: str) -> str:
    """The one of `names` that `wanted` means.

    Exact, else without regard to case, else the family, else any unambiguous part that begins at
    a word. Raises ModelNotFound or ModelAmbiguous; both echo `wanted` short and harmless.
    """
    wanted = wanted.strip().removesuffix(":latest")
    if wanted in names:
        return wanted
    folded = _fold(wanted)
    if folded.strip("-"):
        for found in (
            [name for name in names if _fold(name) == folded],
            [name for name in names if _fold(name.partition(":")[0]) == folded],
            [name for name in names if f"-{folded}" in f"-{_fold(name)}"],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                raise ModelAmbiguous(
                    f"{echo(wanted)} could be any of {len(found)} models.",
                    hint=f"Say which: {_listed(sorted(found))}.",
                    param="model",
                )
    raise _not_found(names, wanted)


def echo(wanted: str) -> str:
    """What was asked for, in quotes, as it may be shown: short, without control characters."""
    text = "".join(c if c.isprintable() else "?" for c in wanted[:_SHOWN_CHARS])
    return f"'{text}{'...' if len(wanted) > _SHOWN_CHARS else ''}'"


def _not_found(names: Sequence[str], wanted: str) -> ModelNotFound:
    if not names:
        hint = "The models folder is empty. Get a first model with `hob models pull starter`."
    elif close := _closest(names, wanted[:MAX_NAME_CHARS].lower()):
        hint = f"Did you mean {close}? There is: {_listed(sorted(names))}."
    else:
        hint = f"There is: {_listed(sorted(names))}."
    return ModelNotFound(f"There is no model named {echo(wanted)}.", hint=hint, param="model")


def _closest(names: Sequence[str], wanted: str) -> str:
    """The name that `wanted` may be a slip for, comparing whole names and families."""
    spellings = {name.partition(":")[0]: name for name in names} | {name: name for name in names}
    close = get_close_matches(wanted, spellings, n=1)
    return spellings[close[0]] if close else ""


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _fold(name: str) -> str:
    """A name by which file names, Hugging Face names and Hob's names compare equal."""
    lowered = PurePath(name).name.lower() if name.lower().endswith(".gguf") else name.lower()
    return re.sub(r"[-:._ ]+", "-", lowered.removesuffix(".gguf"))


def _safe(text: str) -> str:
    return re.sub(r"-{2,}", "-", _UNSAFE.sub("-", text.lower())).strip("-._")
