"""What is known of a model file without loading it."""

from __future__ import annotations

from typing import Literal

from hob.wire.base import Body, ErrorInfo, Value

Capability = Literal["chat", "completion", "embedding", "reranking", "vision", "infill"]

ModelState = Literal["available", "loading", "warm", "answering", "bad"]

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


class ModelInfo(Value, frozen=True):
    """One GGUF file of the models folder, as its header describes it.

    `name` is unique in the library. `file_bytes` counts all of the file. `context_length` is the
    longest that the model was trained for, in tokens. Fields are None when the header does not
    tell. `projector` is the path of the file that gives the model eyes or ears, empty for
    none. `problem` is set when the file cannot be loaded, and says why.
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


class ModelEntry(Body, frozen=True):
    """A model in a listing: what the file says, and what the daemon is doing with it."""

    info: ModelInfo
    state: ModelState
    chosen: bool


class ModelList(Body, frozen=True):
    models: tuple[ModelEntry, ...]
    folder: str


class ModelRef(Value, frozen=True):
    """The body of load, unload and use: a model's name, or any unambiguous part of it."""

    model: str


class PullRequest(Value, frozen=True):
    """The body of /hob/v1/models/pull; for now the only source is `starter`."""

    source: str


class PullProgress(Value, frozen=True, tag="progress", tag_field="event"):
    """`total` is 0 while it is not known. `stage` is one word for a person: download, verify..."""

    stage: str
    done_bytes: int = 0
    total_bytes: int = 0


class PullDone(Value, frozen=True, tag="done", tag_field="event"):
    model: ModelInfo
    already_there: bool = False


class PullFailed(Value, frozen=True, tag="error", tag_field="event"):
    error: ErrorInfo


PullEvent = PullProgress | PullDone | PullFailed
