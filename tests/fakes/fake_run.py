"""A run of an action without a daemon: a model that says what a test wants, and all that was asked
of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hob.plugins import Action, Clipboard, Opens, Storage
from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ContentKind, SettingValue
from hob_clipboard import register_settings

SETTINGS: dict[str, SettingValue] = {s.name: s.default for s in register_settings()}


@dataclass(frozen=True)
class Asked:
    """One request to the model. `text` is all of the message but its last paragraph."""

    prompt: str
    system: str
    model: str
    image: str
    options: dict[str, Any]

    @property
    def text(self) -> str:
        return self.prompt.rpartition("\n\n")[0]

    @property
    def instruction(self) -> str:
        return self.prompt.rpartition("\n\n")[2]


class FakeAnswer:
    def __init__(self, text: str, reason: str) -> None:
        self._text = text
        self._reason = reason
        self._over = False

    def __iter__(self) -> Iterator[str]:
        for number, word in enumerate(self._text.split(" ")):
            yield f" {word}" if number else word
        self._over = True

    @property
    def text(self) -> str:
        self._over = True
        return self._text

    @property
    def finish_reason(self) -> str:
        return self._reason if self._over else ""


class FakeStorage:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.values: dict[str, Any] = {}

    @property
    def folder(self) -> Path:
        return self._folder

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def put(self, key: str, value: Any) -> None:
        self.values[key] = value


class FakeClipboard:
    def __init__(self, selected: str = "") -> None:
        self.selected = selected
        self.written: list[str] = []

    def read(self) -> Clip:
        return Clip()

    def selection(self) -> Clip:
        return Clip(text=self.selected)

    def write(self, text: str) -> None:
        self.written.append(text)

    def paste(self, text: str) -> None:
        self.written.append(text)


def says(*texts: str) -> Callable[[Asked], tuple[str, str]]:
    """A model that gives these answers one after the other, the last again and again."""
    left = list(texts)
    return lambda asked: (left.pop(0) if len(left) > 1 else left[0], "stop")


@dataclass
class FakeRun:
    """Tokens are words here. `model_says` makes the text of an answer and why it ended."""

    folder: Path
    text: str = ""
    input: str = ""
    image: str = ""
    model: str = ""
    kind: ContentKind = "text"
    context: int = 1_000
    model_says: Callable[[Asked], tuple[str, str]] = field(default_factory=lambda: says("Done."))
    changed: Mapping[str, SettingValue] = field(default_factory=dict)
    selected: str = ""
    asked: list[Asked] = field(default_factory=list)
    told: list[tuple[float | None, str]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    refreshed: int = 0
    name: str = "clipboard"
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.settings: Mapping[str, SettingValue] = {**SETTINGS, **self.changed}
        self.storage: Storage = FakeStorage(self.folder)
        self.clipboard: Clipboard = FakeClipboard(self.selected)
        self.log = logging.getLogger("hob.plugins.clipboard")

    def ask(
        self,
        prompt: str | Sequence[ChatMessage],
        *,
        system: str = "",
        model: str = "",
        image: str = "",
        **options: Any,
    ) -> FakeAnswer:
        assert isinstance(prompt, str)
        asked = Asked(prompt, system, model, image, options)
        self.asked.append(asked)
        return FakeAnswer(*self.model_says(asked))

    def count_tokens(self, text: str, *, model: str = "") -> int:
        return len(text.split())

    def context_length(self, *, model: str = "") -> int:
        return self.context

    def notify(self, title: str, text: str = "", *, copy: str = "") -> None:
        self.notices.append((title, text))

    def open(self, opens: Opens) -> None:
        raise AssertionError("nothing is opened by code")

    def refresh(self) -> None:
        self.refreshed += 1

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        self.told.append((fraction, note))


def made(action: Action, run: FakeRun) -> str:
    """All that an action makes in a run."""
    assert action.run is not None
    result = action.run(run)
    return result if isinstance(result, str) else "".join(result)
