"""A request made ready for the loop."""

from __future__ import annotations

from dataclasses import dataclass

from hob.engine.media import MediaRun
from hob.engine.output.stream import Output
from hob.engine.runtime import Matcher


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt's tokens, at least one; at most `max_new` (at least one) may follow them.

    `boundary` tokens at its beginning are likely to begin other prompts as well: the system prompt
    and the tools. `context_full`: the context, not the request, sets `max_new`. `dropped_tokens`
    and `dropped_messages` were left out, as the request allowed. `media` are where images and
    sounds stand, in their order.
    """

    tokens: list[int]
    max_new: int
    boundary: int = 0
    context_full: bool = False
    dropped_tokens: int = 0
    dropped_messages: int = 0
    media: tuple[MediaRun, ...] = ()


@dataclass(frozen=True, slots=True)
class ThoughtBudget:
    """After `tokens` thoughts, `close` is put in the model's mouth."""

    tokens: int
    close: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """All that the loop needs to run a request; each is used once."""

    prompt: Prompt
    output: Output
    matcher: Matcher | None = None
    thoughts: ThoughtBudget | None = None
