"""From generate events to OpenAI replies: the chunks of a stream, and the whole of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import UNSET, UnsetType

from hob import __version__
from hob.api.openai.gather import Answer
from hob.wire.base import Body
from hob.wire.chat import HobTool
from hob.wire.generate import Delta, Finished
from hob.wire.openai.replies import (
    AnswerTimings,
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)

FINGERPRINT = f"hob-{__version__}"


class Format(Protocol):
    """How one endpoint writes an answer."""

    def opening(self, index: int) -> Body | None:
        """What a stream sends before the choice's first text."""

    def more(self, index: int, delta: Delta) -> Body | None: ...

    def tool(self, index: int, tool: HobTool) -> Body | None:
        """A tool that Hob calls for the model, or has called."""

    def closing(self, index: int, end: Finished) -> Body: ...

    def usage(self, usage: CompletionUsage) -> Body:
        """The last chunk, of a stream that is asked for usage."""

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> Body:
        """The reply without a stream; answers by index."""


def usage_of(ends: Mapping[int, Finished], runs_per_prompt: int) -> CompletionUsage:
    """The tokens of all runs; each prompt counts once, as its first run saw it."""
    all_usage = [end.usage for end in ends.values()]
    firsts = [end.usage for index, end in ends.items() if index % runs_per_prompt == 0]
    prompt_tokens = sum(usage.prompt_tokens for usage in firsts)
    completion_tokens = sum(usage.completion_tokens for usage in all_usage)
    accepted = sum(usage.accepted_tokens for usage in all_usage)
    return CompletionUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
        prompt_tokens_details=PromptTokensDetails(
            cached_tokens=sum(usage.cached_tokens for usage in firsts)
        ),
        completion_tokens_details=CompletionTokensDetails(
            reasoning_tokens=sum(usage.reasoning_tokens for usage in all_usage),
            accepted_prediction_tokens=accepted,
            rejected_prediction_tokens=sum(usage.drafted_tokens for usage in all_usage) - accepted,
        ),
        dropped_tokens=sum(usage.dropped_tokens for usage in firsts) or UNSET,
        dropped_messages=sum(usage.dropped_messages for usage in firsts) or UNSET,
    )


def timings_of(end: Finished) -> AnswerTimings:
    took = end.timings
    return AnswerTimings(
        queued_s=took.queued_s,
        prefill_s=took.prefill_s,
        decode_s=took.decode_s,
        tokens_per_second=took.tokens_per_second(end.usage.completion_tokens),
    )


def only_timings(answers: Sequence[Answer]) -> AnswerTimings | UnsetType:
    """Those of the one answer; of several there are none to tell."""
    return timings_of(answers[0].end) if len(answers) == 1 else UNSET
