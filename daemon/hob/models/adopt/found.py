"""What the stores of other programs are described by."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile
from hob.wire.library import Program

_UNSAFE = re.compile(r"[^\w.+-]+", re.ASCII)
_MAX_STEM_CHARS = 150
# Names that Windows keeps for devices, whatever comes after a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Where:
    """The machine that stores are looked for on; `platform` is sys.platform's word."""

    environ: Mapping[str, str]
    home: Path
    platform: str

    def folder(self, variable: str) -> Path | None:
        """The folder that an environment variable names, if it names one."""
        text = self.environ.get(variable, "").strip()
        return self.path(text) if text else None

    def path(self, text: str) -> Path:
        """A path as settings write it, in this user's home when it begins with `~`."""
        if text == "~" or text.startswith(("~/", "~\\")):
            text = text[2:]
        return self.home / text

    @property
    def local_app_data(self) -> Path:
        """Where programs keep their data on Windows."""
        return self.folder("LOCALAPPDATA") or self.home / "AppData" / "Local"

    @property
    def user_cache(self) -> Path:
        """Where programs keep what they can fetch again."""
        if self.platform == "win32":
            return self.local_app_data
        if self.platform == "darwin":
            return self.home / "Library" / "Caches"
        return self.folder("XDG_CACHE_HOME") or self.home / ".cache"


def here() -> Where:
    """This machine and this user."""
    return Where(os.environ, Path.home(), sys.platform)


@dataclass(frozen=True)
class Part:
    """A file of a model: `path` leads through no link, and `link` is what a link to it would be
    called, without its ending."""

    path: Path
    size: int
    link: str


@dataclass(frozen=True)
class Extras:
    """What Ollama sets for a model beside its weights; texts as they stand in its store."""

    parameters: tuple[tuple[str, str], ...] = ()
    system: str = ""
    template: str = ""
    messages: tuple[tuple[str, str], ...] = ()
    adapters: tuple[Part, ...] = ()

    def __bool__(self) -> bool:
        return self != Extras()


@dataclass(frozen=True)
class Found:
    """A model of another program.

    `name` is that program's name of it. `parts` are its files in their order, and `projector`
    gives it eyes or ears. `sha256` is the digest of the first part where the store tells it.
    With a `problem` it cannot be linked.
    """

    program: Program
    name: str
    parts: tuple[Part, ...] = ()
    projector: Part | None = None
    sha256: str = ""
    extras: Extras = Extras()
    problem: BadModelFile | None = None

    @property
    def files(self) -> tuple[Part, ...]:
        """Everything of it that is linked, the model's first file first."""
        projector = (self.projector,) if self.projector else ()
        return (*self.parts, *projector, *self.extras.adapters)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.files)


def link_stem(text: str) -> str:
    """A name of another program as the stem of a file, on whatever disk."""
    stem = re.sub(r"-{2,}", "-", _UNSAFE.sub("-", text)).strip("-._")[:_MAX_STEM_CHARS]
    return f"model-{stem}".rstrip("-") if not stem or _DEVICES.match(stem) else stem
