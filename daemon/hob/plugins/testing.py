"""For the tests of plugins: what a plugin is given, without a daemon, a model or a desktop.

    from hob.plugins.testing import FakeRun, load_plugin, result_of

    plugin = load_plugin("shout.py")

    def test_it_shouts() -> None:
        assert result_of(plugin.shout, FakeRun(text="hello")) == "HELLO"

    def test_it_asks_for_a_summary() -> None:
        run = FakeRun(text="A long story.", answers=["Short."])
        assert result_of(plugin.summary, run) == "Short."
        assert "A long story." in run.asked[0].prompt

What the plugin did is in the lists of the fake: `asked`, `notices`, `opened`, `told` (its
progress), and of its clipboard `written` and `pasted`.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from hob.errors import Cancelled, InvalidRequest
from hob.plugins.host.made import take
from hob.plugins.host.waits import Waits
from hob.plugins.values import Opens
from hob.wire.desktop import Clip
from hob.wire.generate import ChatMessage
from hob.wire.plugins import ContentKind, SettingValue

__all__ = ["Asked", "FakeAnswer", "FakeClipboard", "FakeContext", "FakeRun", "FakeStorage"]
__all__ += ["load_plugin", "result_of"]

# As many characters as a token has in English, about.
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class Asked:
    """What the plugin has asked the model. `prompt` is all that it said, messages one below the
    other."""

    prompt: str
    messages: tuple[ChatMessage, ...] = ()
    system: str = ""
    model: str = ""
    image: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class FakeAnswer:
    """An answer that comes word by word."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[str]:
        return iter(re.findall(r"\S+\s*|\s+", self._text))

    @property
    def text(self) -> str:
        return self._text

    @property
    def finish_reason(self) -> str:
        return "stop"


@dataclass
class FakeClipboard:
    """Holds `clip`, while `selected` is selected; `written` and `pasted` is what the plugin has put
    there and into the window with the focus."""

    clip: Clip = field(default_factory=Clip)
    selected: Clip = field(default_factory=Clip)
    written: list[str] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list)

    def read(self) -> Clip:
        return self.clip

    def selection(self) -> Clip:
        return self.selected

    def write(self, text: str) -> None:
        self.written.append(text)
        self.clip = Clip(text=text)

    def paste(self, text: str) -> None:
        self.pasted.append(text)


class FakeStorage:
    """Keeps JSON values as long as the test lasts, and has a folder of its own."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="hob-plugin-")
        return Path(self._folder.name)

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self._kept[key]) if key in self._kept else default

    def put(self, key: str, value: Any) -> None:
        self._kept[key] = json.dumps(value)


@dataclass(kw_only=True)
class FakeContext:
    """A context for hooks and tools. `answers` are what the model says, one after the other, or a
    function from what it is asked to what it says."""

    name: str = "plugin"
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    answers: Sequence[str] | Callable[[Asked], str] = ()
    clipboard: FakeClipboard = field(default_factory=FakeClipboard)
    storage: FakeStorage = field(default_factory=FakeStorage)
    tokens: int = 4096
    asked: list[Asked] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    opened: list[Opens] = field(default_factory=list)
    refreshed: int = 0

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"hob.plugin.{self.name}")

    def ask(
        self,
        prompt: str | Sequence[ChatMessage],
        *,
        system: str = "",
        model: str = "",
        image: str = "",
        **options: Any,
    ) -> FakeAnswer:
        """The next of `answers`; a test that has none left fails."""
        messages = () if isinstance(prompt, str) else tuple(prompt)
        text = "\n\n".join(one.content for one in messages) if messages else str(prompt)
        asked = Asked(text, messages, system, model, image, options)
        self.asked.append(asked)
        if callable(self.answers):
            return FakeAnswer(self.answers(asked))
        if len(self.asked) > len(self.answers):
            raise AssertionError(f"the model is asked once more, and has no answer left: {text!r}")
        return FakeAnswer(self.answers[len(self.asked) - 1])

    def count_tokens(self, text: str, *, model: str = "") -> int:
        return -(-len(text) // _CHARS_PER_TOKEN)

    def context_length(self, *, model: str = "") -> int:
        return self.tokens

    def notify(self, title: str, text: str = "", *, copy: str = "") -> None:
        self.notices.append((title, text, copy))

    def refresh(self) -> None:
        self.refreshed += 1

    def open(self, opens: Opens) -> None:
        self.opened.append(opens)


@dataclass(kw_only=True)
class FakeRun(FakeContext):
    """A run of an action, triggered with `text` or `image`, and `input` as the answer to what the
    action asks. `told` is its progress; once `cancelled`, telling more raises Cancelled."""

    text: str = ""
    image: str = ""
    kind: ContentKind = "text"
    input: str = ""
    model: str = ""
    cancelled: bool = False
    told: list[tuple[float | None, str]] = field(default_factory=list)

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        if self.cancelled:
            raise Cancelled("The run was taken back.")
        self.told.append((fraction, note))


def load_plugin(path: Path | str) -> ModuleType:
    """A plugin that is a single file, as a module."""
    file = Path(path)
    spec = importlib.util.spec_from_file_location(f"hob_plugin_under_test_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise InvalidRequest(f"{file} is no Python file.", hint="A plugin's name ends in .py.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result_of(run_action: Callable[[Any], Any], run: FakeRun) -> str:
    """The whole text that an action's function makes for `run`, whichever way it makes it. Raises
    TypeError for what Hob would not take."""
    pieces: list[str] = []
    take(run_action(run), pieces.append, Waits())
    return "".join(pieces)
