"""Profiles among the models of the library: what resolve.py asks is looked up in their files."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.folder.files import Stamp
from hob.models.folder.scan import Model
from hob.models.gguf.header import read_header
from hob.models.profiles.resolve import Match, resolve_profiles
from hob.wire.profiles import Profile


def resolve_among(
    profiles: Sequence[Profile], models: Mapping[str, Model], match: Match
) -> list[Profile]:
    """`profiles` with what they are made of among `models`, which are those of files, by name.

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

    return resolve_profiles(profiles, models.keys(), match, at_path, template_of)


@functools.lru_cache(64)
def _template(path: str, _stamp: Stamp | None) -> str:
    """The chat template that the file brings."""
    try:
        with Path(path).open("rb") as file:
            header = read_header(file.fileno(), os.fstat(file.fileno()).st_size)
        return header.text("tokenizer.chat_template")
    except (OSError, BadModelFile):
        return ""
