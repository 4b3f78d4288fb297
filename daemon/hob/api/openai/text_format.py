"""Plain completions as OpenAI writes them. Pure, but for how far each choice has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from hob.api.openai.gather import Answer
from hob.api.openai.logprobs import TextPosition
from hob.api.openai.replies import FINGERPRINT, only_timings, timings_of
from hob.wire.chat import HobTool
from hob.wire.generate import Delta, Finished, TokenLogprob
from hob.wire.openai.replies import Completion, CompletionUsage, TextChoice, TextLogprobs


def _positions() -> defaultdict[int, TextPosition]:
    return defaultdict(TextPosition)


@dataclass(frozen=True)
class TextFormat:
    """One reply; each choice's tokens come in their order."""

    id: str
    created: int
    model: str
    include_usage: bool = False
    logprobs: bool = False
    _position: defaultdict[int, TextPosition] = field(default_factory=_positions)

    def opening(self, index: int) -> None:
        return None

    def more(self, index: int, delta: Delta) -> Completion | None:
        logprobs = self._logprobs(index, delta.logprobs) if delta.logprobs else None
        if not (delta.text or logprobs):
            return None
        return self._chunk((TextChoice(index=index, text=delta.text, logprobs=logprobs),))

    def tool(self, index: int, tool: HobTool) -> None:
        """Plain completions call no tools."""

    def closing(self, index: int, end: Finished) -> Completion:
        choice = TextChoice(
            index=index,
            text="",
            finish_reason=end.reason,
            context_full=end.context_full or UNSET,
        )
        return msgspec.structs.replace(self._chunk((choice,)), timings=timings_of(end))

    def usage(self, usage: CompletionUsage) -> Completion:
        return msgspec.structs.replace(self._chunk(()), usage=usage)

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> Completion:
        choices = tuple(
            TextChoice(
                index=index,
                text=answer.text,
                finish_reason=answer.end.reason,
                logprobs=self._logprobs(index, answer.logprobs),
                context_full=answer.end.context_full or UNSET,
            )
            for index, answer in enumerate(answers)
        )
        return msgspec.structs.replace(
            self._chunk(choices), usage=usage, timings=only_timings(answers)
        )

    def _logprobs(self, index: int, tokens: Sequence[TokenLogprob]) -> TextLogprobs | None:
        return self._position[index].take(tokens) if self.logprobs else None

    def _chunk(self, choices: tuple[TextChoice, ...]) -> Completion:
        return Completion(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=choices,
            usage=None if self.include_usage else UNSET,
        )
