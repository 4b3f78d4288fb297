"""Looking into, checking, taking in and putting away the models of the library."""

from __future__ import annotations

from typing import Literal

from hob.wire.base import Body, ErrorInfo, Value
from hob.wire.fit import Fit
from hob.wire.models import ModelEntry, ModelInfo
from hob.wire.profiles import Profile

# What a recommended model is for.
Purpose = Literal["chat", "code", "vision", "embedding", "reranking"]

Program = Literal["ollama", "lmstudio", "gpt4all", "llama.cpp", "huggingface"]


class Metadatum(Value, frozen=True):
    """One line of a header; long texts are cut, lists are told by their length and type."""

    key: str
    kind: str
    value: str


class TensorGroup(Value, frozen=True):
    """All tensors of one type."""

    kind: str
    count: int
    elements: int
    size_bytes: int


class ModelDetails(Body, frozen=True):
    """All that is known of a model. `template` is the whole chat template. `sha256` is the
    digest of the file when it is known: from its download, its place in a store, or a
    verification, and then `digest_from` says which."""

    entry: ModelEntry
    metadata: tuple[Metadatum, ...]
    tensors: tuple[TensorGroup, ...]
    template: str
    sha256: str
    digest_from: str
    fit: Fit | None
    profile: Profile | None


class RemoveRequest(Value, frozen=True):
    """The body of /hob/v1/models/rm. `for_good` does not take the trash."""

    model: str
    for_good: bool = False


class Removed(Body, frozen=True):
    """`trash`: the files can be brought back from there. A model that lies in another program's
    folder, or is a link, loses the link only."""

    model: str
    files: tuple[str, ...]
    trash: bool
    freed_bytes: int


class RenameRequest(Value, frozen=True):
    """The body of /hob/v1/models/rename: the files get the name `to`."""

    model: str
    to: str


class AliasRequest(Value, frozen=True):
    """The body of /hob/v1/models/alias; an empty `model` takes the alias away."""

    alias: str
    model: str


class VerifyRequest(Value, frozen=True):
    """The body of /hob/v1/models/verify. `online` asks the hub when nobody else knows."""

    model: str
    online: bool = False


class VerifiedFile(Value, frozen=True):
    """One file of a model; `good` is None when nobody knows what its digest should be."""

    path: str
    sha256: str
    expected: str = ""
    source: str = ""
    good: bool | None = None


class VerifyProgress(Value, frozen=True, tag="progress", tag_field="event"):
    done_bytes: int
    total_bytes: int


class Verified(Value, frozen=True, tag="done", tag_field="event"):
    """`expected` is empty when nobody knows what the digest should be; `source` says who does.

    These are of the file that decides: the first bad one, else the first that nobody knows, else
    the first. `files` has all of them, the projector last. `good` is true when all are. `hint`
    says what to do about it.
    """

    model: str
    sha256: str
    expected: str
    source: str
    good: bool | None
    files: tuple[VerifiedFile, ...] = ()
    hint: str = ""


class VerifyFailed(Value, frozen=True, tag="error", tag_field="event"):
    error: ErrorInfo


VerifyEvent = VerifyProgress | Verified | VerifyFailed


class ImportRequest(Value, frozen=True):
    """The body of /hob/v1/models/import. `link` leaves the file where it is."""

    path: str
    how: Literal["copy", "link", "move"] = "copy"


class ImportProgress(Value, frozen=True, tag="progress", tag_field="event"):
    done_bytes: int
    total_bytes: int


class Imported(Value, frozen=True, tag="done", tag_field="event"):
    model: ModelInfo


class ImportFailed(Value, frozen=True, tag="error", tag_field="event"):
    error: ErrorInfo


ImportEvent = ImportProgress | Imported | ImportFailed


class Adoptable(Value, frozen=True):
    """A model of another program. `name` is that program's; `paths` are its files, the model's
    first; `linked` says that the library has it already."""

    program: Program
    name: str
    paths: tuple[str, ...]
    size_bytes: int
    sha256: str = ""
    linked: bool = False
    problem: ErrorInfo | None = None


class AdoptableList(Body, frozen=True):
    """`problems` are folders of other programs that could not be looked through."""

    models: tuple[Adoptable, ...]
    problems: tuple[ErrorInfo, ...] = ()


class AdoptRequest(Value, frozen=True):
    """The body of POST /hob/v1/models/adopt: link these into the models folder; empty for all.

    `models` are names as the list gives them, or programs.
    """

    models: tuple[str, ...] = ()


class Adopted(Body, frozen=True):
    """`failed` names those that could not be linked."""

    models: tuple[ModelInfo, ...]
    failed: dict[str, ErrorInfo]


class Recommendation(Value, frozen=True):
    """A model of the curated list.

    `source` is what `hob models pull` takes. `fits` says how this machine runs it: on the GPU, on
    the CPU, slowly, or not at all; `need_bytes` is what it takes with a context of 8,192 tokens.
    `there` is its name in the library when it is there already.
    """

    source: str
    title: str
    purpose: Purpose
    good_for: str
    parameters: str
    size_bytes: int
    license: str
    need_bytes: int
    fits: Literal["gpu", "cpu", "slow", "no"]
    there: str = ""


class RecommendationList(Body, frozen=True):
    """`dated` is the day on which the list was last looked through."""

    dated: str
    models: tuple[Recommendation, ...]
