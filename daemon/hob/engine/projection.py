"""What a model can see and hear: encodes the media of requests, and remembers the latest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from hob.engine.media import EncodedMedia, MediaRun, Part, check_media, find_runs
from hob.errors import HobError, UnsupportedParameter
from hob.wire.chat import Media, MediaKind

# Some 30 images of a small model. A conversation sends its images again with each request.
_REMEMBERED_BYTES = 128 * 2**20
_VERBS: dict[MediaKind, str] = {"image": "see images", "audio": "hear sounds"}


class Projector(Protocol):
    """llama.cpp's in the worker, a fake one in tests."""

    kinds: tuple[MediaKind, ...]

    def digest(self, media: Media) -> bytes: ...

    def encode(self, media: Media, most_tokens: int, most_at_once: int) -> Iterable[Part]:
        """Part after part, each of which may take seconds. Raises InvalidRequest or
        ContextOverflow."""


class Projection:
    """Used by the preparation thread alone. Without a projector, or when there is a `problem` with
    it, every medium is refused. `progress` is called after each part that was encoded."""

    def __init__(
        self,
        projector: Projector | None = None,
        *,
        most_tokens: int = 0,
        most_at_once: int = 0,
        problem: HobError | None = None,
    ) -> None:
        self._projector = projector
        self._most_tokens = most_tokens
        self._most_at_once = most_at_once
        self._problem = problem
        self.progress: Callable[[], None] = _nothing
        self._known: OrderedDict[bytes, tuple[Part, ...]] = OrderedDict()
        self._by_first_id: dict[int, EncodedMedia] = {}
        self._bytes = 0

    def encode(self, media: Media) -> tuple[Part, ...]:
        """What stands for a medium in a prompt.

        Raises UnsupportedParameter, InvalidRequest or ContextOverflow.
        """
        projector = self._projector
        if projector is None or media.kind not in projector.kinds:
            raise self._problem or _cannot(media.kind)
        digest = projector.digest(media)
        if digest not in self._known:
            check_media(media)
            parts: list[Part] = []
            for part in projector.encode(media, self._most_tokens, self._most_at_once):
                parts.append(part)
                self.progress()
            self._remember(digest, tuple(parts))
        self._known.move_to_end(digest)
        return self._known[digest]

    def runs(self, tokens: Sequence[int]) -> tuple[MediaRun, ...]:
        """Where media stand in a prompt that was made since `forget`."""
        return find_runs(tokens, self._by_first_id.get)

    def forget(self) -> None:
        """A new prompt is to be made: let the oldest go, if they are too many."""
        while self._bytes > _REMEMBERED_BYTES and len(self._known) > 1:
            _digest, parts = self._known.popitem(last=False)
            for encoded in _encoded(parts):
                self._bytes -= len(encoded.data)
                del self._by_first_id[encoded.ids[0]]

    def _remember(self, digest: bytes, parts: tuple[Part, ...]) -> None:
        self._known[digest] = parts
        for encoded in _encoded(parts):
            self._bytes += len(encoded.data)
            self._by_first_id[encoded.ids[0]] = encoded


def _nothing() -> None:
    """Nobody wants to know."""


def _encoded(parts: tuple[Part, ...]) -> list[EncodedMedia]:
    return [part for part in parts if isinstance(part, EncodedMedia)]


def _cannot(kind: MediaKind) -> UnsupportedParameter:
    return UnsupportedParameter(
        f"This model cannot {_VERBS[kind]}.",
        hint="Choose a model that can, with its projector file (mmproj) beside it in the models "
        "folder, or send text alone.",
        param="messages",
    )
