"""Names for models: made from the file, and found again from what a person types."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import accumulate
from pathlib import PurePath

from hob.errors import ModelAmbiguous, ModelNotFound
from hob.models.gguf.describe import Description

MAX_NAME_CHARS = 100
_SHOWN_CHARS = 80
_SHOWN_NAMES = 8
_MAX_WANTED_CHARS = 300
_MAX_COMPARED = 200

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_QUANTIZATION_WORD = (
    r"(?:ud[-_])?(?:(?:i?q|tq)\d(?:[-_](?:\d|[a-z]{1,3}))*|mxfp4(?:_moe)?|nvfp4|bf16|fp?16|fp?32)"
)
_QUANTIZATION = re.compile(rf"[-._ ]({_QUANTIZATION_WORD})$")
_QUANTIZATION_INSIDE = re.compile(rf"(?:^|[-._ ]){_QUANTIZATION_WORD}(?=$|[-._ ])")
# 135m, 7b, 1.5b, 1_6b, 8x7b, e2b; 128k is a context.
_SIZE = re.compile(r"(?:^|[-_. ])((?:\d+x)?e?\d+(?:[._]\d+)?[bm])(?=$|[-_. ])")
_PLAIN_SIZE = re.compile(r"\d+(?:\.\d+)?[bmt]")
# What a download or a copy adds to a name.
_COPY = re.compile(r"(?:\s*\(\d+\)| - copy|[-._ ]gguf)+$")
# Some publishers put the maker before the model's own name.
_MAKER = re.compile(
    r"^(?:allenai|baidu|bytedance-seed|cohereforai|deepseek-ai|google|huggingfacetb|ibm-granite"
    r"|liquidai|meta-llama|microsoft|mistralai|moonshotai|nvidia|openai|qwen|tencent|thudm|zai-org)_"
    r"|^meta-(?=llama)"
)
_GENERIC = re.compile(
    r"|(?:ggml|gguf|llm|pytorch|main|snapshots|blobs|models?|weights|download|unsloth|output|tmp|hf"
    r"|workspace|checkpoint|merged|ggml[-_]model)"
    r"|(?:sha256[-:])?[0-9a-f]{32,}"
)
# What `hob models pull` and Ollama take.
_REPOSITORY = re.compile(
    r"(?:hf:|(?:https://)?(?:hf|huggingface)\.co/)?[a-z0-9][a-z0-9_.-]*"
    r"/(?P<name>[a-z0-9][a-z0-9_.-]*?)(?:-gguf)?(?P<tag>:[a-z0-9_.-]+)?"
)
_UNSAFE = re.compile(r"[^a-z0-9._]+")


def shard_of(stem: str) -> tuple[str, int, int] | None:
    """Prefix, number and count of a file that is one part of a split model, by its name."""
    found = _SHARD.search(stem)
    return (stem[: found.start()], int(found[1]), int(found[2])) if found else None


def base_name(stem: str) -> str:
    """A file's stem in lower case, without the number of its part and its quantization."""
    return _split(stem)[0]


def make_name(stem: str, about: Description, folder: str = "") -> str:
    """A readable name, family:size-variant-quantization, from a file's stem and its header.

    The file's name leads, since it is what the person knows; the name of its `folder` (empty for
    the models folder itself) and the header fill the gaps.
    """
    text, quantization = _split(stem)
    if _GENERIC.fullmatch(text):
        text = _first_telling(folder, about.title, about.base_name) or text
    text = _MAKER.sub("", text).removesuffix("-ggml-model")
    size = about.size_label.lower()
    if not _PLAIN_SIZE.fullmatch(size):
        size = ""  # 128x9.4B and the like, which nobody calls such a model by
    family, variant = text, ""
    if found := _SIZE.search(text):
        size = found[1].replace("_", ".")
        family, variant = text[: found.start()], text[found.end() :]
    if not quantization and not _QUANTIZATION_INSIDE.search(text):
        quantization = about.quantization.lower()
    family = _safe(family) or _safe(about.base_name) or _safe(about.architecture) or "model"
    rest = "-".join(part for part in map(_safe, (size, variant, quantization)) if part)
    return f"{family}:{rest}"[:MAX_NAME_CHARS].rstrip("-._:") if rest else family[:MAX_NAME_CHARS]


def _split(stem: str) -> tuple[str, str]:
    """A stem in lower case without what says nothing of the model, and its quantization."""
    shard = shard_of(stem)
    text = _COPY.sub("", (shard[0] if shard else stem).lower())
    found = _QUANTIZATION.search(text)
    if not found:
        return text, ""
    quantization = found[1].replace("fp16", "f16").replace("fp32", "f32")
    return _COPY.sub("", text[: found.start()]), quantization


def _first_telling(*texts: str) -> str:
    """The first of some names that says which model it is, without its quantization."""
    plain = (_split(text)[0] for text in texts)
    return next((text for text in plain if not _GENERIC.fullmatch(text)), "")


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


def match(names: Sequence[str], wanted: str, aliases: Mapping[str, str] | None = None) -> str:
    """The one of `names` that `wanted` means; `aliases` are other names for some of them.

    Exact, else without regard to case and separators, else the family, else any unambiguous part
    that begins at a word, else several such parts; names as Hugging Face and Ollama write them
    included. Raises ModelNotFound or ModelAmbiguous; both echo `wanted` short and harmless.
    """
    wanted = wanted.strip().removesuffix(":latest")
    if wanted in names:
        return wanted
    for alias, name in (aliases or {}).items():
        if alias.lower() == wanted.lower() and name in names:
            return name
    # What a name cannot be as long as is none, and is not worth comparing.
    words = _words(wanted) if len(wanted) <= _MAX_WANTED_CHARS else ()
    if words:
        found = _candidates({name: _words(name) for name in names}, words)
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelAmbiguous(
                f"{echo(wanted)} could be any of {len(found)} models.",
                hint=f"Say which: {_listed(sorted(found))}.",
                param="model",
            )
    raise _not_found(names, wanted, aliases or {})


def _candidates(names: Mapping[str, tuple[str, ...]], words: tuple[str, ...]) -> list[str]:
    """The names that fit best, of those whose words are given."""
    said = "-".join(words)
    joined = "".join(words)
    ways: tuple[Callable[[str, tuple[str, ...]], bool], ...] = (
        lambda _, own: own == words,
        lambda name, _: _words(name.partition(":")[0]) == words,
        lambda _, own: f"-{said}-" in f"-{'-'.join(own)}-",
        lambda _, own: f"-{said}" in f"-{'-'.join(own)}",
        # phi4 for phi-4:15b-q4_k_m, and llama3.2:1b for llama-3.2:1b-instruct-q4_k_m
        lambda name, _: "".join(_words(name.partition(":")[0])) == joined,
        lambda _, own: joined in accumulate(own),
        lambda _, own: all(any(mine.startswith(word) for mine in own) for word in words),
    )
    for fits in ways:
        if found := [name for name, own in names.items() if fits(name, own)]:
            return found
    return []


def echo(wanted: str) -> str:
    """What was asked for, in quotes, as it may be shown: short, without control characters."""
    text = "".join(c if c.isprintable() else "?" for c in wanted[:_SHOWN_CHARS])
    return f"'{text}{'...' if len(wanted) > _SHOWN_CHARS else ''}'"


def _not_found(names: Sequence[str], wanted: str, aliases: Mapping[str, str]) -> ModelNotFound:
    if not names:
        hint = "The models folder is empty. Get a first model with `hob models pull starter`."
    elif close := _closest(names, wanted[:MAX_NAME_CHARS].lower(), aliases):
        hint = f"Did you mean {close}? There is: {_listed(sorted(names))}."
    else:
        hint = f"There is: {_listed(sorted(names))}."
    return ModelNotFound(f"There is no model named {echo(wanted)}.", hint=hint, param="model")


def _closest(names: Sequence[str], wanted: str, aliases: Mapping[str, str]) -> str:
    """The name that `wanted` may be a slip for, comparing whole names, families and aliases."""
    spellings = {name.partition(":")[0]: name for name in names} | {name: name for name in names}
    spellings |= {alias: alias for alias in aliases}
    # Comparing is slow; a slip is seldom in the first letter.
    alike = [spelling for spelling in spellings if spelling[:1] == wanted[:1]][:_MAX_COMPARED]
    close = get_close_matches(wanted, alike, n=1)
    return spellings[close[0]] if close else ""


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


@functools.lru_cache(maxsize=2048)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name; those of a file and of a repository on Hugging Face are the same as
    Hob's."""
    lowered = name.lower()
    if lowered.endswith(".gguf"):
        lowered = PurePath(lowered).name.removesuffix(".gguf")
    elif found := _REPOSITORY.fullmatch(lowered):
        lowered = found["name"] + (found["tag"] or "")
    return tuple(word for word in re.split(r"[-:._ ]+", lowered) if word)


def _safe(text: str) -> str:
    return re.sub(r"-{2,}", "-", _UNSAFE.sub("-", text.lower())).strip("-._")
