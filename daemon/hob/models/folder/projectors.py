"""Which projector file (mmproj) belongs to which model: by their names, in one folder. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.models.folder.files import ModelFile
from hob.models.names import base_name

_PROJECTOR_WORDS = frozenset({"mmproj", "projector", "vision", "model"})


def pair(models: Sequence[ModelFile], projectors: Sequence[ModelFile]) -> Mapping[str, ModelFile]:
    """The projector of each model that has one, by the model's path.

    In its folder it has the model's name without the quantization, or both are alone there.
    """
    pairs: dict[str, ModelFile] = {}
    for model in models:
        folder = Path(model.path).parent
        near = [file for file in projectors if Path(file.path).parent == folder]
        alike = [file for file in near if _words(file.path) == _words(model.path)]
        alone = sum(Path(other.path).parent == folder for other in models) == 1
        if alike:
            pairs[model.path] = min(alike, key=lambda file: file.path)
        elif alone and len(near) == 1:
            pairs[model.path] = near[0]
    return pairs


def _words(path: str) -> tuple[str, ...]:
    words = re.split(r"[-._ ]+", base_name(Path(path).stem))
    return tuple(word for word in words if word and word not in _PROJECTOR_WORDS)
