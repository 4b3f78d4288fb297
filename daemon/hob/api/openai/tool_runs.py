"""Answers for which Hob itself runs what the model calls.

The model answers in rounds: when it calls tools of plugins, these run, what they say is added to
the conversation, and it goes on. All rounds are one answer to the client: their text and their
tokens add up. A call of one of the client's own tools ends the answer, as ever; what the model
calls of plugins' beside it is not run then, since the client has no place for the result, and the
model can call it again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from hob.api.openai.gather import Answer, Gathering
from hob.api.ports import Models
from hob.errors import HobError
from hob.wire.base import Value
from hob.wire.calls import Tokenize
from hob.wire.chat import ChatMessage, HobTool, ToolCall, ToolChoice
from hob.wire.generate import (
    CallDelta,
    Delta,
    Finished,
    GenerateEvent,
    GenerateRequest,
    Started,
    Timings,
    Usage,
)

MAX_ROUNDS = 8
MAX_CALLS = 32
MAX_RESULT_BYTES = 64 * 2**10
# A tool may take its time, and its model must still be there afterwards.
_BETWEEN_ROUNDS_S = 300.0

logger = logging.getLogger(__name__)
V = TypeVar("V", bound=Value)


class ToolRunner(Protocol):
    """Who runs a tool; `arguments` is JSON. Raises HobError."""

    async def call_tool(self, name: str, arguments: str) -> str: ...


@dataclass(frozen=True)
class Toolbox:
    """The names of the tools among a request's that Hob runs, and who runs them."""

    runner: ToolRunner
    names: frozenset[str]


@dataclass(frozen=True)
class ToolRun:
    """One answer to be made."""

    models: Models
    toolbox: Toolbox
    model: str
    request: GenerateRequest
    keep_alive: float | None = None


Shown = tuple[int, GenerateEvent | HobTool]


@contextlib.asynccontextmanager
async def run_with_tools(run: ToolRun) -> AsyncIterator[AsyncIterator[Shown]]:
    """The events of the answer, each with index 0; see `runs.run_all`."""
    async with contextlib.aclosing(_answer(run)) as events:
        yield ((0, event) async for event in events)


async def _answer(run: ToolRun) -> AsyncGenerator[GenerateEvent | HobTool, None]:
    clients = frozenset(tool.name for tool in run.request.tools) - run.toolbox.names
    request = run.request
    ends: list[Finished] = []
    calls_left = MAX_CALLS
    spoken = thought = False
    for number in range(1, MAX_ROUNDS + 1):
        part = _Round(clients, spoken=spoken, thought=thought)
        keep = _keep_between(run.keep_alive)
        async with run.models.generate(run.model, request, keep_alive=keep) as events:
            async for event in events:
                if (shown := part.hear(event, first=number == 1)) is not None:
                    yield shown
        if part.end is None:
            return
        ends.append(part.end)
        said = part.said.finish(part.end)
        if not _goes_on(said, clients):
            break
        results: list[HobTool] = []
        for call in said.calls:
            yield HobTool(id=call.id, name=call.name, arguments=call.arguments)
            results.append(await _result(run, call, calls_left))
            calls_left -= 1
            yield results[-1]
        spoken, thought = spoken or bool(said.text), thought or bool(said.reasoning)
        request = _next(run, request, said, results, number + 1)
    if run.keep_alive is not None and run.keep_alive != _keep_between(run.keep_alive):
        # Nothing is asked of the model but to stay no longer than the client has said.
        asked = Tokenize(id=f"{run.request.id}-end", text="")
        await run.models.call(run.model, asked, keep_alive=run.keep_alive)
    yield msgspec.structs.replace(
        ends[-1],
        id=run.request.id,
        usage=_sum(Usage, [end.usage for end in ends]),
        timings=_sum(Timings, [end.timings for end in ends]),
    )


class _Round:
    """What the model says in one round, and what of it the client is shown: the text, and the calls
    of its own tools. `spoken` and `thought`: rounds before have said something already."""

    def __init__(self, clients: frozenset[str], *, spoken: bool, thought: bool) -> None:
        self.said = Gathering()
        self.end: Finished | None = None
        self._clients = clients
        self._text_gap = "\n\n" if spoken else ""
        self._thought_gap = "\n\n" if thought else ""
        # The client's number of each of its calls, by the model's.
        self._numbers: dict[int, int] = {}

    def hear(self, event: GenerateEvent, *, first: bool) -> GenerateEvent | None:
        match event:
            case Started():
                return event if first else None
            case Finished():
                self.end = event
                return None
            case Delta():
                self.said.add(event)
                return self._shown(event)

    def _shown(self, delta: Delta) -> Delta:
        text, reasoning = delta.text, delta.reasoning
        if text and self._text_gap:
            text, self._text_gap = self._text_gap + text.lstrip("\n"), ""
        if reasoning and self._thought_gap:
            reasoning, self._thought_gap = self._thought_gap + reasoning, ""
        calls = tuple(call for more in delta.calls if (call := self._clients_call(more)))
        return msgspec.structs.replace(delta, text=text, reasoning=reasoning, calls=calls)

    def _clients_call(self, more: CallDelta) -> CallDelta | None:
        if more.name in self._clients:
            self._numbers.setdefault(more.index, len(self._numbers))
        number = self._numbers.get(more.index)
        return None if number is None else msgspec.structs.replace(more, index=number)


def _goes_on(said: Answer, clients: frozenset[str]) -> bool:
    """Whether there is something for Hob to run. Calls that a limit has cut off are not whole."""
    calls = said.calls if said.end.reason == "tool_calls" else ()
    return bool(calls) and not any(call.name in clients for call in calls)


def _next(
    run: ToolRun,
    request: GenerateRequest,
    said: Answer,
    results: Sequence[HobTool],
    number: int,
) -> GenerateRequest:
    """The request of the next round. Whoever had to call something has done so; in the last round
    nothing can be called, so that there is an answer."""
    told = [
        ChatMessage(role="tool", content=one.result or "", tool_call_id=one.id, name=one.name)
        for one in results
    ]
    model = ChatMessage(
        role="assistant", content=said.text, reasoning=said.reasoning, tool_calls=said.calls
    )
    return msgspec.structs.replace(
        request,
        id=f"{run.request.id}-round{number}",
        messages=(*request.messages, model, *told),
        tool_choice=ToolChoice(mode="none" if number == MAX_ROUNDS else "auto"),
    )


async def _result(run: ToolRun, call: ToolCall, calls_left: int) -> HobTool:
    """Run one call; what goes wrong is told to the model, which can often do something about it."""
    failed = True
    box = run.toolbox
    if call.name not in box.names:
        known = ", ".join(sorted(box.names))
        text = f"Error: there is no tool {call.name!r}. There is: {known}."
    elif calls_left <= 0:
        text = f"Error: not run, since one answer may call at most {MAX_CALLS} tools."
    else:
        try:
            text = await box.runner.call_tool(call.name, call.arguments or "{}")
            failed = False
        except HobError as error:
            logger.info("the tool %s, called by a model, failed: %s", call.name, error)
            # What a person is to do about it only leads a model astray.
            text = f"Error: {error.message}"
    return HobTool(
        id=call.id,
        name=call.name,
        arguments=call.arguments,
        result=bounded(text),
        failed=failed,
    )


def bounded(text: str) -> str:
    """As much of a result as a model is told."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_RESULT_BYTES:
        return data.decode()
    more = len(data) - MAX_RESULT_BYTES
    return data[:MAX_RESULT_BYTES].decode("utf-8", "ignore") + f"\n[cut: {more} bytes more]"


def _keep_between(keep_alive: float | None) -> float | None:
    """How long the model must stay while tools run, when the client wants it gone soon."""
    if keep_alive is None or keep_alive < 0:
        return keep_alive
    return max(keep_alive, _BETWEEN_ROUNDS_S)


def _sum(kind: type[V], values: Sequence[V]) -> V:
    names = kind.__struct_fields__
    return kind(**{name: sum(getattr(value, name) for value in values) for name in names})
