"""A pool with a folder of fake models, its facts, and a check that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from hob.errors import ModelNotFound
from hob.supervisor.pool import Pool
from hob.supervisor.stamps import Stamp, Stamps
from hob.wire.calls import Prefill, Tokenize
from hob.wire.events import Event
from hob.wire.generate import Delta, Finished, GenerateEvent, GenerateRequest
from hob.wire.models import ModelInfo

E = TypeVar("E")


class Library:
    """Models that are nothing but a name and a file."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.models: dict[str, ModelInfo] = {}
        self.touched: dict[str, int] = {}
        for name in names:
            self.put(name)

    def put(self, name: str, content: bytes = b"fake") -> ModelInfo:
        """Write the file, or another file in its place."""
        path = self.folder / f"{name}.gguf"
        if self.folder.is_dir():
            path.write_bytes(content)
        self.models[name] = ModelInfo(
            name=name, path=str(path), file_bytes=len(content), modified_at=1.0
        )
        return self.models[name]

    async def stamps(self, info: ModelInfo) -> Stamps:
        """As if the files were there: `touched` counts how often each was written into."""
        return {info.path: Stamp(1, 1, 1, self.touched.get(info.path, 0))}

    def cue(self, name: str, *cues: str) -> None:
        """From its next load on, the model's worker acts on these."""
        Path(self.models[name].path + ".cue").write_text(" ".join(cues))

    def resolve(self, name: str) -> ModelInfo:
        if name not in self.models:
            raise ModelNotFound(f"There is no model {name}.")
        return self.models[name]

    def infos(self) -> Sequence[ModelInfo]:
        return list(self.models.values())


class Facts:
    """Everything that was published; `wait` gives each matching fact once."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._seen = 0
        self._changed = asyncio.Event()

    def publish(self, event: Event) -> None:
        self.all.append(event)
        self._changed.set()

    async def wait(self, kind: type[E], **fields: object) -> E:
        """The next fact of that kind with those fields, after the last one waited for."""
        while True:
            while self._seen < len(self.all):
                fact = self.all[self._seen]
                self._seen += 1
                if isinstance(fact, kind) and all(
                    getattr(fact, name) == value for name, value in fields.items()
                ):
                    return fact
            self._changed.clear()
            await self._changed.wait()

    def of(self, kind: type[E]) -> list[E]:
        return [fact for fact in self.all if isinstance(fact, kind)]


_ids = itertools.count(1)


def request(prompt: str = "hello", **fields: Any) -> GenerateRequest:
    return GenerateRequest(id=f"r{next(_ids)}", prompt=prompt, **fields)


def prefill(prompt: str = "hello") -> Prefill:
    wanted = request(prompt)
    return Prefill(id=wanted.id, request=wanted, priority="background")


def tokenize(text: str = "hello") -> Tokenize:
    return Tokenize(id=f"r{next(_ids)}", text=text)


async def ask(pool: Pool, model: str, prompt: str = "hello", **fields: Any) -> str:
    """The text of a whole answer; an answer must end with Finished."""
    async with pool.generate(model, request(prompt, **fields)) as events:
        got = [event async for event in events]
    assert isinstance(got[-1], Finished)
    return text(got)


def text(events: Sequence[GenerateEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))
