"""Profiles among the models of the library: what resolve.py asks is looked up in their files."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hob.errors import BadModelFile
from hob.models.folder.files import Stamp
from hob.models.folder.scan import Model
from hob.models.gguf.header import read_header
from hob.models.profiles.resolve import Match, resolve_profiles
from hob.wire.profiles import Profile


class Resolve(Protocol):
    def __call__(
        self,
        profiles: Sequence[Profile],
        models: Mapping[str, Model],
        match: Match,
        aliases: Mapping[str, str] = {},
    ) -> Sequence[Profile]: ...


class Resolver:
    """Does it again only when something that matters has changed."""

    def __init__(self) -> None:
        self._asked: object = None
        self._found: Sequence[Profile] = ()

    def __call__(
        self,
        profiles: Sequence[Profile],
        models: Mapping[str, Model],
        match: Match,
        aliases: Mapping[str, str] = {},
    ) -> Sequence[Profile]:
        """See resolve_among; `match` must find the same among the same models and aliases."""
        files = [(name, model.files[:1]) for name, model in models.items()]
        asked = (tuple(profiles), files, tuple(aliases.items()))
        if asked != self._asked:
            self._found = resolve_among(profiles, models, match, aliases)
            self._asked = asked
        return self._found


def resolve_among(
    profiles: Sequence[Profile],
    models: Mapping[str, Model],
    match: Match,
    aliases: Mapping[str, str] = {},
) -> Sequence[Profile]:
    """`profiles` with what they are made of among `models`, which are those of files, by name; no
    profile can be called as one of them, or as one of `aliases`.

    May read a header, which is remembered as long as its file does not change.
    """

    def at_path(path: str) -> str:
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):  # such as one with a NUL in it
            return ""
        for name, model in models.items():
            if any(
                file.path == path or os.path.realpath(file.path) == real for file in model.files
            ):
                return name
        return ""

    def template_of(name: str) -> str:
        files = models[name].files
        return _template(files[0].path, files[0].stamp) if files else ""

    return resolve_profiles(profiles, (*models, *aliases), match, at_path, template_of)


@functools.lru_cache(64)
def _template(path: str, _stamp: Stamp | None) -> str:
    """The chat template that the file brings."""
    try:
        with Path(path).open("rb") as file:
            header = read_header(file.fileno(), os.fstat(file.fileno()).st_size)
        return header.text("tokenizer.chat_template")
    except (OSError, BadModelFile):
        return ""
