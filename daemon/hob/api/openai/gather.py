"""Whole answers, put together from what a worker has said. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hob.wire.chat import HobTool, ToolCall
from hob.wire.generate import Delta, Finished, GenerateRequest, TokenLogprob


@dataclass(frozen=True)
class Answer:
    """One finished choice."""

    text: str
    end: Finished
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    hob_tools: tuple[HobTool, ...] = ()


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Gathering:
    """An answer while it comes."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._logprobs: list[TokenLogprob] = []
        self._hob_tools: list[HobTool] = []

    def ran(self, tool: HobTool) -> None:
        """A tool that Hob has run, when its result is there."""
        if tool.result is not None:
            self._hob_tools.append(tool)

    def add(self, delta: Delta) -> None:
        self._text.append(delta.text)
        self._reasoning.append(delta.reasoning)
        self._logprobs += delta.logprobs
        for more in delta.calls:
            call = self._calls.setdefault(more.index, _Call())
            call.id = call.id or more.id
            call.name = call.name or more.name
            call.arguments.append(more.arguments)

    def finish(self, end: Finished) -> Answer:
        return Answer(
            text="".join(self._text),
            end=end,
            reasoning="".join(self._reasoning),
            calls=tuple(
                ToolCall(id=call.id, name=call.name, arguments="".join(call.arguments))
                for _, call in sorted(self._calls.items())
            ),
            logprobs=tuple(self._logprobs),
            hob_tools=tuple(self._hob_tools),
        )


def likeliest(
    answers: Sequence[Answer], requests: Sequence[GenerateRequest], runs: int, choices: int
) -> list[Answer]:
    """Of each prompt's `runs` answers the `choices` likeliest, likeliest first; all of them in
    their order when there is nothing to choose."""
    if runs == choices:
        return list(answers)
    best: list[Answer] = []
    for first in range(0, len(answers), runs):
        echo = requests[first].echo
        of_prompt = answers[first : first + runs]
        best += sorted(of_prompt, key=lambda answer: _likelihood(answer, echo), reverse=True)[
            :choices
        ]
    return best


def _likelihood(answer: Answer, echo: bool) -> float:
    """The mean log probability of the answer's own tokens; an empty answer is the last choice."""
    own = answer.logprobs[answer.end.usage.prompt_tokens if echo else 0 :]
    known = [token.logprob for token in own if token.logprob is not None]
    return sum(known) / len(known) if known else -math.inf
