"""What care needs of the library, and finding one of its models by what a person typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hob.errors import HobError, ModelAmbiguous, ModelNotFound
from hob.models.folder.scan import Model
from hob.models.names import match
from hob.wire.models import ModelInfo


class Library(Protocol):
    """The registry. Its methods are called on the event loop."""

    @property
    def folder(self) -> Path:
        """Where new models go."""

    @property
    def folders(self) -> Sequence[Path]: ...

    def infos(self) -> Sequence[ModelInfo]: ...

    def resolve(self, name: str) -> ModelInfo: ...

    def model(self, name: str) -> Model | None:
        """The model of exactly that name."""

    def at_path(self, path: str) -> ModelInfo | None:
        """The model that one of its files is at."""

    async def rescan(self) -> None: ...

    def digest(self, name: str) -> tuple[str, str] | None:
        """The SHA-256 of the model's first file and who says so."""

    def note_digest(self, path: str, sha256: str, source: str) -> None: ...

    def set_alias(self, alias: str, model_name: str) -> None: ...


def find(library: Library, asked: str) -> Model:
    """The model that is meant, be it one that cannot be loaded.

    Raises ModelNotFound or ModelAmbiguous.
    """
    if found := library.model(asked):
        return found
    try:
        name = library.resolve(asked).name
    except ModelAmbiguous:
        raise
    except HobError:
        # It may be there and be bad: such are put away by their names too.
        name = match([info.name for info in library.infos()], asked)
    if found := library.model(name):
        return found
    raise ModelNotFound(
        f"The files of {name} are gone.", hint="`hob models` lists what is there.", param="model"
    )
