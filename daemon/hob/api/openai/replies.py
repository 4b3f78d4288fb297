"""From generate events to OpenAI replies: the chunks of a stream, and the whole of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from hob import __version__
from hob.wire.base import Body
from hob.wire.generate import Finished, FinishReason
from hob.wire.openai import (
    AnswerMessage,
    AnswerTimings,
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatDelta,
    Completion,
    CompletionUsage,
    PromptTokensDetails,
    TextChoice,
)

FINGERPRINT = f"hob-{__version__}"


@dataclass(frozen=True)
class Answer:
    """One finished choice."""

    text: str
    end: Finished


class Format(Protocol):
    """How one endpoint writes an answer."""

    def opening(self, index: int) -> Body | None:
        """What a stream sends before the choice's first text."""

    def text(self, index: int, text: str) -> Body: ...

    def closing(self, index: int, end: Finished) -> Body: ...

    def usage(self, usage: CompletionUsage) -> Body:
        """The last chunk, of a stream that is asked for usage."""

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> Body:
        """The reply without a stream; answers by index."""


@dataclass(frozen=True)
class ChatFormat:
    id: str
    created: int
    model: str
    include_usage: bool

    def opening(self, index: int) -> ChatCompletionChunk:
        return self._chunk(index, ChatDelta(role="assistant", content=""))

    def text(self, index: int, text: str) -> ChatCompletionChunk:
        return self._chunk(index, ChatDelta(content=text))

    def closing(self, index: int, end: Finished) -> ChatCompletionChunk:
        return self._chunk(index, ChatDelta(), end.reason, timings_of(end))

    def usage(self, usage: CompletionUsage) -> ChatCompletionChunk:
        return msgspec.structs.replace(self._chunk(0, ChatDelta()), choices=(), usage=usage)

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> ChatCompletion:
        return ChatCompletion(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=tuple(
                ChatChoice(
                    index=index,
                    message=AnswerMessage(content=answer.text),
                    finish_reason=answer.end.reason,
                )
                for index, answer in enumerate(answers)
            ),
            usage=usage,
            timings=_only_timings(answers),
        )

    def _chunk(
        self,
        index: int,
        delta: ChatDelta,
        finish_reason: FinishReason | None = None,
        timings: AnswerTimings | UnsetType = UNSET,
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=(ChatChunkChoice(index=index, delta=delta, finish_reason=finish_reason),),
            usage=None if self.include_usage else UNSET,
            timings=timings,
        )


@dataclass(frozen=True)
class TextFormat:
    id: str
    created: int
    model: str
    include_usage: bool

    def opening(self, index: int) -> None:
        return None

    def text(self, index: int, text: str) -> Completion:
        return self._chunk((TextChoice(index=index, text=text),))

    def closing(self, index: int, end: Finished) -> Completion:
        choice = TextChoice(index=index, text="", finish_reason=end.reason)
        return msgspec.structs.replace(self._chunk((choice,)), timings=timings_of(end))

    def usage(self, usage: CompletionUsage) -> Completion:
        return msgspec.structs.replace(self._chunk(()), usage=usage)

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> Completion:
        choices = tuple(
            TextChoice(index=index, text=answer.text, finish_reason=answer.end.reason)
            for index, answer in enumerate(answers)
        )
        return msgspec.structs.replace(
            self._chunk(choices), usage=usage, timings=_only_timings(answers)
        )

    def _chunk(self, choices: tuple[TextChoice, ...]) -> Completion:
        return Completion(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=choices,
            usage=None if self.include_usage else UNSET,
        )


def usage_of(ends: Mapping[int, Finished], choices_per_prompt: int) -> CompletionUsage:
    """The tokens of all choices; each prompt counts once, as its first choice saw it."""
    firsts = [end.usage for index, end in ends.items() if index % choices_per_prompt == 0]
    prompt_tokens = sum(usage.prompt_tokens for usage in firsts)
    completion_tokens = sum(end.usage.completion_tokens for end in ends.values())
    return CompletionUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
        prompt_tokens_details=PromptTokensDetails(
            cached_tokens=sum(usage.cached_tokens for usage in firsts)
        ),
    )


def timings_of(end: Finished) -> AnswerTimings:
    took = end.timings
    return AnswerTimings(
        queued_s=took.queued_s,
        prefill_s=took.prefill_s,
        decode_s=took.decode_s,
        tokens_per_second=took.tokens_per_second(end.usage.completion_tokens),
    )


def _only_timings(answers: Sequence[Answer]) -> AnswerTimings | UnsetType:
    return timings_of(answers[0].end) if len(answers) == 1 else UNSET
