"""A library that really reads its folder, and keeps its notes in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from hob.models.folder.scan import Model, scan
from hob.models.names import match
from hob.wire.models import ModelInfo


@dataclass
class ReadLibrary:
    """`digests` are by path, `aliases` by alias; `rescans` counts."""

    folders: Sequence[Path]
    aliases: dict[str, str] = field(default_factory=dict)
    digests: dict[str, tuple[str, str]] = field(default_factory=dict)
    extra: list[ModelInfo] = field(default_factory=list)
    rescans: int = 0
    _models: Mapping[str, Model] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.folders[0]

    def infos(self) -> Sequence[ModelInfo]:
        return [*(self._info(model) for model in self._models.values()), *self.extra]

    def resolve(self, name: str) -> ModelInfo:
        names = [info.name for info in self.infos()]
        found = self.aliases.get(name) or match(names, name)
        info = next(info for info in self.infos() if info.name == found)
        if info.problem:
            raise info.problem.error()
        return info

    def model(self, name: str) -> Model | None:
        for info in self.extra:
            if info.name == name:
                return Model(info, ())
        return self._models.get(name)

    def at_path(self, path: str) -> ModelInfo | None:
        for model in self._models.values():
            if any(file.path == path for file in model.files):
                return self._info(model)
        return None

    async def rescan(self) -> None:
        self.rescans += 1
        self._models = scan(self.folders, {})

    def digest(self, name: str) -> tuple[str, str] | None:
        return self.digests.get(self._models[name].files[0].path)

    def note_digest(self, path: str, sha256: str, source: str) -> None:
        self.digests[path] = (sha256, source)

    def set_alias(self, alias: str, model_name: str) -> None:
        self.aliases.pop(alias, None)
        if model_name:
            self.aliases[alias] = model_name

    def _info(self, model: Model) -> ModelInfo:
        own = tuple(alias for alias, name in self.aliases.items() if name == model.info.name)
        return replace(model.info, aliases=own)
