"""A day of somebody's doings in the models folders, at random but the same for each seed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fakes.tiny_gguf import tiny_gguf, write_split_gguf
from hob.models.folder.copying import Progress
from hob.models.folder.scan import Model, Scanner

_KINDS = 12


class Churn:
    """Does one thing after the other in `folders`; never holds more than `most` files."""

    def __init__(self, seed: int, folders: Sequence[Path], most: int = 60) -> None:
        self._random = random.Random(seed)
        self._folders = folders
        self._most = most
        self._count = 0
        self._contents = [
            tiny_gguf({"llama.context_length": 128 + kind}).bytes() for kind in range(_KINDS)
        ]
        self._doings: list[tuple[int, Callable[[], None]]] = [
            (6, self._write),
            (3, self._write_and_move),
            (4, self._copy),
            (5, self._rename),
            (3, self._move),
            (5, self._delete),
            (2, self._truncate),
            (2, self._write_over),
            (1, self._hard_link),
            (1, self._link),
            (1, self._rename_folder),
            (1, self._split),
            (1, self._junk),
        ]

    def step(self) -> None:
        """Do one thing."""
        weights = [weight for weight, _ in self._doings]
        (_, do) = self._random.choices(self._doings, weights)[0]
        with contextlib.suppress(OSError):
            if len(self._files()) > self._most:
                do = self._delete
            do()

    def _files(self) -> list[Path]:
        return sorted(
            path for folder in self._folders for path in folder.rglob("*.gguf") if not path.is_dir()
        )

    def _any(self) -> Path:
        files = self._files()
        if not files:
            raise FileNotFoundError
        return self._random.choice(files)

    def _new(self, end: str = ".gguf") -> Path:
        self._count += 1
        folder = self._random.choice(self._folders)
        if self._random.random() < 0.4:
            folder = folder / f"sub{self._random.randrange(4)}"
            folder.mkdir(exist_ok=True)
        return folder / f"m{self._count}-{self._random.randrange(9)}b{end}"

    def _content(self) -> bytes:
        return self._random.choice(self._contents)

    def _write(self) -> None:
        content = self._content()
        cut = self._random.randrange(len(content))
        with self._new().open("wb", buffering=0) as file:
            file.write(content[:cut])
            file.write(content[cut:])

    def _write_and_move(self) -> None:
        part = self._new(".gguf.part")
        part.write_bytes(self._content())
        part.rename(part.with_suffix(""))

    def _copy(self) -> None:
        shutil.copy(self._any(), self._new())

    def _rename(self) -> None:
        path = self._any()
        path.rename(path.with_name(self._new().name))

    def _move(self) -> None:
        self._any().rename(self._new())

    def _delete(self) -> None:
        self._any().unlink()

    def _truncate(self) -> None:
        path = self._any()
        os.truncate(path, self._random.randrange(path.stat().st_size + 1))

    def _write_over(self) -> None:
        self._any().write_bytes(self._content())

    def _hard_link(self) -> None:
        self._new().hardlink_to(self._any())

    def _link(self) -> None:
        self._new().symlink_to(self._any())

    def _rename_folder(self) -> None:
        folder = self._random.choice(self._folders) / f"sub{self._random.randrange(4)}"
        folder.rename(folder.with_name(f"sub{self._random.randrange(4)}"))

    def _split(self) -> None:
        path = self._new()
        for part in write_split_gguf(path.parent, path.stem):
            if self._random.random() < 0.1:
                part.unlink()

    def _junk(self) -> None:
        self._new().write_bytes(self._random.randbytes(200))


def on_disk(folders: Sequence[Path]) -> Mapping[str, tuple[str, str, str]]:
    """What a library that begins now says of the folders."""
    return told(Scanner(progress=Progress(patience_s=0)).scan(folders).models)


def told(models: Mapping[str, Model]) -> Mapping[str, tuple[str, str, str]]:
    """Path, identity and problem of each model by its name."""
    return {
        name: (
            model.info.path,
            model.info.id,
            model.info.problem.message if model.info.problem else "",
        )
        for name, model in models.items()
    }


def differences(
    library: Mapping[str, tuple[str, str, str]], disk: Mapping[str, tuple[str, str, str]]
) -> list[str]:
    """One line for each model that the library and the disk do not say the same of."""
    names = sorted({*library, *disk})
    return [
        f"{name}: library {library.get(name)}, disk {disk.get(name)}"
        for name in names
        if library.get(name) != disk.get(name)
    ]
