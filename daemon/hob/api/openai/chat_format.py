"""Chat completions as OpenAI writes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, UnsetType

from hob.api.openai.gather import Answer
from hob.api.openai.logprobs import chat_logprobs
from hob.api.openai.replies import FINGERPRINT, only_timings, timings_of
from hob.wire.chat import HobTool
from hob.wire.generate import CallDelta, Delta, Finished, TokenLogprob
from hob.wire.openai.replies import (
    AnswerMessage,
    AnswerTimings,
    AnswerToolCall,
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatDelta,
    ChatLogprobs,
    ChoiceEnd,
    CompletionUsage,
    FunctionText,
    ToolCallDelta,
)


@dataclass(frozen=True)
class ChatFormat:
    """`tools`: the model may call some, so that its message may have no content at all;
    `functions`: the client knows calls in their older form only."""

    id: str
    created: int
    model: str
    include_usage: bool = False
    logprobs: bool = False
    tools: bool = False
    functions: bool = False

    def opening(self, index: int) -> ChatCompletionChunk:
        content = None if self.tools else ""
        return self._chunk(
            ChatChunkChoice(index=index, delta=ChatDelta(role="assistant", content=content))
        )

    def more(self, index: int, delta: Delta) -> ChatCompletionChunk | None:
        logprobs = self._logprobs(delta.logprobs) if delta.logprobs else None
        if not (delta.text or delta.reasoning or delta.calls or logprobs):
            return None
        body = ChatDelta(content=delta.text or None, reasoning_content=delta.reasoning or None)
        if delta.calls and self.functions:
            body = msgspec.structs.replace(body, function_call=_function(delta.calls))
        elif delta.calls:
            body = msgspec.structs.replace(body, tool_calls=tuple(map(_call_delta, delta.calls)))
        return self._chunk(ChatChunkChoice(index=index, delta=body, logprobs=logprobs))

    def tool(self, index: int, tool: HobTool) -> ChatCompletionChunk:
        return self._chunk(ChatChunkChoice(index=index, delta=ChatDelta(hob_tool=tool)))

    def closing(self, index: int, end: Finished) -> ChatCompletionChunk:
        choice = ChatChunkChoice(
            index=index,
            delta=ChatDelta(),
            finish_reason=self._reason(end),
            context_full=end.context_full or UNSET,
        )
        return self._chunk(choice, timings_of(end))

    def usage(self, usage: CompletionUsage) -> ChatCompletionChunk:
        chunk = self._chunk(ChatChunkChoice(index=0, delta=ChatDelta()))
        return msgspec.structs.replace(chunk, choices=(), usage=usage)

    def whole(self, answers: Sequence[Answer], usage: CompletionUsage) -> ChatCompletion:
        return ChatCompletion(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=tuple(
                ChatChoice(
                    index=index,
                    message=self._message(answer),
                    finish_reason=self._reason(answer.end),
                    logprobs=self._logprobs(answer.logprobs),
                    context_full=answer.end.context_full or UNSET,
                )
                for index, answer in enumerate(answers)
            ),
            usage=usage,
            timings=only_timings(answers),
        )

    def _message(self, answer: Answer) -> AnswerMessage:
        calls = tuple(
            AnswerToolCall(
                id=call.id, function=FunctionText(name=call.name, arguments=call.arguments)
            )
            for call in answer.calls
        )
        return AnswerMessage(
            content=answer.text or (None if calls else ""),
            reasoning_content=answer.reasoning or UNSET,
            tool_calls=calls if calls and not self.functions else UNSET,
            function_call=calls[0].function if calls and self.functions else UNSET,
            hob_tools=answer.hob_tools or UNSET,
        )

    def _reason(self, end: Finished) -> ChoiceEnd:
        if end.reason == "tool_calls" and self.functions:
            return "function_call"
        return end.reason

    def _logprobs(self, tokens: Sequence[TokenLogprob]) -> ChatLogprobs | None:
        return chat_logprobs(tokens) if self.logprobs else None

    def _chunk(
        self, choice: ChatChunkChoice, timings: AnswerTimings | UnsetType = UNSET
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self.id,
            created=self.created,
            model=self.model,
            system_fingerprint=FINGERPRINT,
            choices=(choice,),
            usage=None if self.include_usage else UNSET,
            timings=timings,
        )


def _call_delta(more: CallDelta) -> ToolCallDelta:
    function = FunctionText(name=more.name or UNSET, arguments=more.arguments)
    if not more.name:
        return ToolCallDelta(index=more.index, function=function)
    return ToolCallDelta(index=more.index, function=function, id=more.id, type="function")


def _function(calls: Sequence[CallDelta]) -> FunctionText:
    """More of the one call that the older form has room for."""
    first = [call for call in calls if call.index == 0]
    return FunctionText(
        name="".join(call.name for call in first) or UNSET,
        arguments="".join(call.arguments for call in first),
    )
