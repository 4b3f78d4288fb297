"""From an OpenAI request to generate requests; pure, and the last check before the worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hob.api.openai.refusals import CHAT, COMPLETION, refuse_unsupported
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.generate import (
    MAX_STOP_CHARS,
    MAX_STOP_STRINGS,
    ChatMessage,
    GenerateRequest,
    Priority,
    Role,
    Sampling,
)
from hob.wire.openai import (
    MAX_CHOICES,
    MAX_LOGIT_BIAS,
    MAX_TOKEN_ID,
    ChatCompletionRequest,
    CompletionRequest,
    ContentPart,
    GenerationRequest,
    Message,
)

_SEED_MASK = 2**32 - 1
_LONGEST_PENALTY_WINDOW = 65_536

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True)
class Plan:
    """What is to be run: one generate request per choice, `choices_per_prompt` in a row each with
    the same prompt, and how the client wants to hear of it."""

    id: str
    requests: tuple[GenerateRequest, ...]
    choices_per_prompt: int
    stream: bool
    include_usage: bool


def plan_chat(body: ChatCompletionRequest, id_: str, priority: Priority) -> Plan:
    """Raises InvalidRequest or UnsupportedParameter."""
    refuse_unsupported(body, CHAT)
    if not body.messages:
        raise InvalidRequest(
            "`messages` is empty, so there is nothing to answer.", param="messages"
        )
    messages = tuple(_message(message, index) for index, message in enumerate(body.messages))
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    template = GenerateRequest(
        id=id_,
        messages=messages,
        sampling=_sampling(body),
        max_tokens=limit,
        stop=_stop(body.stop),
        priority=priority,
    )
    return _plan(body, [template])


def plan_completion(body: CompletionRequest, id_: str, priority: Priority) -> Plan:
    """Raises InvalidRequest or UnsupportedParameter."""
    refuse_unsupported(body, COMPLETION)
    if body.best_of not in (None, 1, body.n):
        raise UnsupportedParameter(
            "`best_of` asks for choosing among answers, which this version of Hob does not do.",
            hint="Leave it out; `n` gives several answers.",
            param="best_of",
        )
    sampling, stop = _sampling(body), _stop(body.stop)
    return _plan(
        body,
        [
            GenerateRequest(
                id=id_,
                prompt=prompt,
                sampling=sampling,
                max_tokens=body.max_tokens,
                stop=stop,
                priority=priority,
            )
            for prompt in _prompts(body.prompt)
        ],
    )


def _plan(body: GenerationRequest, prompts: Sequence[GenerateRequest]) -> Plan:
    choices = body.n or 1
    if choices * len(prompts) > MAX_CHOICES:
        raise InvalidRequest(
            f"{len(prompts)} prompts with {choices} choices each are more than the "
            f"{MAX_CHOICES} answers that one request may ask for.",
            hint="Send several requests.",
            param="prompt",
        )
    include_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    if include_usage and not body.stream:
        raise InvalidRequest(
            "`stream_options` is only for streams.",
            hint="Set `stream` to true, or leave it out.",
            param="stream_options",
        )
    return Plan(
        id=prompts[0].id,
        requests=tuple(_choices(prompts, choices)),
        choices_per_prompt=choices,
        stream=bool(body.stream),
        include_usage=include_usage,
    )


def _choices(prompts: Sequence[GenerateRequest], choices: int) -> list[GenerateRequest]:
    """Each prompt `choices` times, with an id of its own and the next seed."""
    if len(prompts) * choices == 1:
        return list(prompts)
    return [
        msgspec.structs.replace(
            prompt,
            id=f"{prompt.id}-{number * choices + choice}",
            sampling=_reseeded(prompt, choice),
        )
        for number, prompt in enumerate(prompts)
        for choice in range(choices)
    ]


def _reseeded(request: GenerateRequest, choice: int) -> Sampling:
    sampling = request.sampling
    if sampling.seed is None:
        return sampling
    return msgspec.structs.replace(sampling, seed=(sampling.seed + choice) & _SEED_MASK)


def _message(message: Message, index: int) -> ChatMessage:
    where = f"messages[{index}]"
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(
            f"{message.role!r} is not a role that a message can have.",
            hint=f"The roles are {', '.join(_ROLES)}.",
            param=f"{where}.role",
        )
    if message.tool_calls or message.function_call:
        raise UnsupportedParameter(
            "The conversation has tool calls in it, which this version of Hob does not do.",
            hint="Leave them out.",
            param=f"{where}.{'tool_calls' if message.tool_calls else 'function_call'}",
        )
    if message.content is None:
        raise InvalidRequest("A message has no content.", param=f"{where}.content")
    return ChatMessage(role=role, content=_text(message.content, f"{where}.content"))


def _text(content: str | list[ContentPart], where: str) -> str:
    """The text of all parts, a line break between them."""
    if isinstance(content, str):
        return content
    return "\n".join(_part(part, f"{where}[{number}]") for number, part in enumerate(content))


def _part(part: ContentPart, where: str) -> str:
    if part.type != "text":
        raise UnsupportedParameter(
            f"A message has a part of type {part.type!r}; this version of Hob reads only text.",
            hint="Send text parts only.",
            param=f"{where}.type",
        )
    if part.text is None:
        raise InvalidRequest("A text part has no text.", param=f"{where}.text")
    return part.text


def _prompts(prompt: str | list[str | int | list[int]]) -> list[str | tuple[int, ...]]:
    """One prompt or several, each as text or as tokens."""
    if isinstance(prompt, str):
        return [prompt]
    tokens = [item for item in prompt if isinstance(item, int)]
    if tokens and len(tokens) == len(prompt):
        return [tuple(tokens)]
    prompts = [tuple(item) if isinstance(item, list) else item for item in prompt]
    if tokens or not prompts or () in prompts:
        raise InvalidRequest(
            "`prompt` must be text, tokens, or a list of such, and nothing in it may be empty.",
            param="prompt",
        )
    return [item for item in prompts if not isinstance(item, int)]


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    """The stop strings; empty ones can stop nothing and are left out."""
    given = [stop] if isinstance(stop, str) else stop or []
    if len(given) > MAX_STOP_STRINGS:
        raise InvalidRequest(
            f"`stop` holds {len(given)} strings, and at most {MAX_STOP_STRINGS} are possible.",
            param="stop",
        )
    if any(len(text) > MAX_STOP_CHARS for text in given):
        raise InvalidRequest(
            f"`stop` holds a string of more than {MAX_STOP_CHARS} characters.", param="stop"
        )
    return tuple(text for text in given if text)


def _sampling(body: GenerationRequest) -> Sampling:
    """What the request says of sampling; llama.cpp's defaults for the rest."""
    top_k, window = body.top_k, body.repeat_last_n
    stated: dict[str, Any] = {
        "temperature": body.temperature,
        "top_k": max(top_k, 0) if top_k is not None else None,
        "top_p": body.top_p,
        "min_p": body.min_p,
        "repeat_penalty": body.repeat_penalty,
        "repeat_last_n": _LONGEST_PENALTY_WINDOW if window == -1 else window,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
        "seed": body.seed & _SEED_MASK if body.seed is not None else None,
        "logit_bias": _logit_bias(body.logit_bias or {}),
    }
    return Sampling(**{name: value for name, value in stated.items() if value is not None})


def _logit_bias(given: Mapping[str, float]) -> dict[int, float]:
    if len(given) > MAX_LOGIT_BIAS:
        raise InvalidRequest(
            f"`logit_bias` names {len(given)} tokens, and at most {MAX_LOGIT_BIAS} are possible.",
            param="logit_bias",
        )
    return {_token_id(key): bias for key, bias in given.items()}


def _token_id(key: str) -> int:
    # No longer than the largest id: turning a huge number's digits into an int takes long.
    if key.isascii() and key.isdigit() and len(key) <= len(str(MAX_TOKEN_ID)):
        token = int(key)
        if token <= MAX_TOKEN_ID:
            return token
    raise InvalidRequest(
        f"`logit_bias` has the key {key[:40]!r}, which is not a token's number.", param="logit_bias"
    )
