"""What is known of a model file without loading it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Body, ErrorInfo, Value
from hob.wire.fit import Verdict

Capability = Literal[
    "chat",
    "completion",
    "embedding",
    "reranking",
    "vision",
    "audio",
    "tools",
    "thinking",
    "infill",
]

ModelState = Literal["available", "loading", "warm", "answering", "copying", "bad"]

# Models of these architectures make vectors of texts, and never text.
ENCODER_ARCHITECTURES = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)


class Copying(Value, frozen=True):
    """A file that is not whole yet; `total_bytes` is 0 while its header does not say."""

    done_bytes: int
    total_bytes: int = 0


class ModelInfo(Value, frozen=True):
    """One model of the library, as its files' headers describe it, or a profile made of one.

    `name` is unique in the library, and so is each of `aliases`. `id` stays when the file is
    renamed, moved or copied. `file_bytes` counts all of its files, `weight_bytes` their tensors;
    `kv_bytes_per_token` is what a token takes in a cache of f16 where attention sees everything.
    `context_length` is the longest that the model was trained for, in tokens. Fields are None when
    the header does not tell. `projector` is the path of the file that gives the model eyes or
    ears, empty for none, and `projector_bytes` its size. `files` names every part of a split
    model. `base` is the model that a profile is made of; `served_by` names the model whose worker
    answers for a profile that loads nothing of its own. `problem` is set when the model cannot be
    loaded, and says why; `copying` tells how far a file is that is still growing.
    """

    name: str
    path: str
    file_bytes: int
    modified_at: float
    title: str = ""
    architecture: str = ""
    parameters: int | None = None
    quantization: str = ""
    context_length: int | None = None
    embedding_length: int | None = None
    block_count: int | None = None
    vocabulary_size: int | None = None
    capabilities: tuple[Capability, ...] = ()
    has_chat_template: bool = False
    license: str = ""
    projector: str = ""
    problem: ErrorInfo | None = None
    id: str = ""
    aliases: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    weight_bytes: int | None = None
    projector_bytes: int = 0
    kv_bytes_per_token: int | None = None
    base: str = ""
    served_by: str = ""
    copying: Copying | None = None

    @property
    def worker(self) -> str:
        """The name of the model whose worker answers."""
        return self.served_by or self.name


class ModelEntry(Body, frozen=True):
    """A model in a listing: what the file says, what the daemon is doing with it, and whether it
    would fit into memory now (None: not known)."""

    info: ModelInfo
    state: ModelState
    chosen: bool
    verdict: Verdict | None = None


class ModelList(Body, frozen=True):
    """`folder` is where new models go, `folders` are all that are watched. `warnings` say what
    keeps Hob from seeing changes at once."""

    models: tuple[ModelEntry, ...]
    folder: str
    folders: tuple[str, ...] = ()
    warnings: tuple[ErrorInfo, ...] = ()


class LoadCancelled(Body, frozen=True):
    """`cancelled` is false when there was no load to cancel."""

    model: str
    cancelled: bool


class KeepRequest(Value, frozen=True):
    """The body of POST /hob/v1/models/keep: how long the model stays after each use, in seconds;
    None keeps it for good."""

    model: str
    for_s: Annotated[float, Meta(gt=0)] | None = None


class ModelRef(Value, frozen=True):
    """The body of load, cancel, unload and use: a model's name, or any unambiguous part of it."""

    model: str
