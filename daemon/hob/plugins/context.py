"""What a plugin is given to work with. Everything it does goes over the daemon's socket, so it can
do no more than any other program of this user."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ContentKind, Opens, SettingValue


class Answer(Protocol):
    """A model's answer: iterate over it for its pieces, or take `text` for the whole of it."""

    def __iter__(self) -> Iterator[str]: ...

    @property
    def text(self) -> str:
        """All of it; waits for the end."""

    @property
    def finish_reason(self) -> str:
        """`stop`, or `length` when a limit cut it off; empty before the end."""


class Clipboard(Protocol):
    """The clipboard of the desktop. Raises NoDesktop, DesktopRefused or ClipboardSecret."""

    def read(self) -> Clip: ...

    def selection(self) -> Clip:
        """What is selected, where the platform tells."""

    def write(self, text: str) -> None: ...

    def paste(self, text: str) -> None:
        """Put the text into the window that has the focus."""


class Storage(Protocol):
    """What the plugin keeps; `folder` is its own."""

    @property
    def folder(self) -> Path: ...

    def get(self, key: str, default: Any = None) -> Any:
        """The JSON value that was put there."""

    def put(self, key: str, value: Any) -> None: ...


class Context(Protocol):
    """One plugin's way to the world; the same object for as long as the plugin is on."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def settings(self) -> Mapping[str, SettingValue]:
        """What is in force now, by the names that the plugin has registered."""

    @property
    def storage(self) -> Storage: ...

    @property
    def log(self) -> logging.Logger: ...

    @property
    def clipboard(self) -> Clipboard: ...

    def ask(
        self,
        prompt: str | Sequence[ChatMessage],
        *,
        system: str = "",
        model: str = "",
        image: str = "",
        **options: Any,
    ) -> Answer:
        """Ask the model (empty: the chosen one). `image` is a data URL; `options` are fields of the
        OpenAI chat request, such as max_tokens, temperature and response_format. Raises HobError.
        """

    def count_tokens(self, text: str, *, model: str = "") -> int: ...

    def context_length(self, *, model: str = "") -> int:
        """The context length, in tokens, with which the model is or would be loaded."""

    def notify(self, title: str, text: str = "", *, copy: str = "") -> None:
        """Show a notice on the desktop; nothing happens where there is none."""

    def open(self, opens: Opens) -> None:
        """Open a window on the desktop. Raises NoDesktop."""

    def refresh(self) -> None:
        """Have the plugin register its actions and tools again, because others are to be offered
        now; returns when that is done, or at once where it is called by one of its hooks."""


class Run(Context, Protocol):
    """One run of an action: the context, and what it was triggered with."""

    @property
    def text(self) -> str:
        """What the action works on, fetched from where it `takes` it on first use. Raises
        InvalidRequest when there is nothing."""

    @property
    def image(self) -> str:
        """A data URL, or empty."""

    @property
    def kind(self) -> ContentKind:
        """What the content looks like."""

    @property
    def input(self) -> str:
        """The answer to what the action `asks`."""

    @property
    def model(self) -> str:
        """The model that was wished for; empty for the chosen one. `ask` uses it by itself."""

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        """Tell how far it is, from 0 to 1. Raises Cancelled once the run was taken back."""

    @property
    def cancelled(self) -> bool: ...
