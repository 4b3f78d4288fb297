"""From an OpenAI request to generate requests; pure, and the last check before the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from hob.api.keep_alive import keep_alive_of
from hob.api.openai.constraints import constraint_of
from hob.api.openai.messages import messages_of
from hob.api.openai.reasoning import reasoning_of, template_values_of
from hob.api.openai.refusals import refuse_unsupported
from hob.api.openai.sampling import reseeded, sampling_of
from hob.api.openai.tools import choice_of, tools_of, with_hob_tools
from hob.errors import InvalidRequest
from hob.wire.chat import Reasoning, Tool
from hob.wire.generate import (
    MAX_STOP_CHARS,
    MAX_STOP_STRINGS,
    AdapterUse,
    GenerateRequest,
    Overflow,
    Priority,
)
from hob.wire.openai.requests import (
    MAX_CHOICES,
    AdapterChoice,
    ChatCompletionRequest,
    CompletionRequest,
    GenerationRequest,
)

# The file of the LoRA adapter of that name; see ports.Library.
AdapterFinder = Callable[[str], str]


@dataclass(frozen=True)
class Plan:
    """What is to be run, and how the client wants to hear of it.

    `runs_per_prompt` requests in a row have the same prompt; the likeliest `choices_per_prompt` of
    their answers come back. `logprobs`: the client wants to see them. `keep_alive`: how long the
    model stays loaded, in seconds; see ports.Models.
    """

    id: str
    requests: tuple[GenerateRequest, ...]
    choices_per_prompt: int
    runs_per_prompt: int
    stream: bool
    include_usage: bool
    logprobs: bool
    keep_alive: float | None = None


def plan_chat(
    body: ChatCompletionRequest,
    id_: str,
    priority: Priority,
    adapter: AdapterFinder,
    hob_tools: Sequence[Tool] = (),
) -> Plan:
    """`hob_tools` are those of plugins that the model may call beside the client's own. Raises
    InvalidRequest or UnsupportedParameter, and what `adapter` raises."""
    refuse_unsupported(body)
    tools = with_hob_tools(body, tools_of(body), hob_tools)
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    common = _common(body, id_, priority, adapter)
    template = msgspec.structs.replace(
        common,
        messages=messages_of(body.messages),
        max_tokens=limit,
        tools=tools,
        tool_choice=choice_of(body, tools),
        # A reply in the older form has room for one call.
        parallel_tool_calls=body.parallel_tool_calls is not False and not body.functions,
        reasoning=reasoning_of(body),
        logprobs=_chat_logprobs(body),
        template_values=template_values_of(body),
    )
    return _plan(body, [template], body.n or 1, template.logprobs is not None)


def plan_completion(
    body: CompletionRequest, id_: str, priority: Priority, adapter: AdapterFinder
) -> Plan:
    """Raises InvalidRequest or UnsupportedParameter, and what `adapter` raises."""
    choices = body.n or 1
    runs = choices if body.best_of is None else body.best_of
    if runs < choices or (runs > choices and body.stream):
        raise InvalidRequest(
            f"`best_of` is {runs} and `n` is {choices}; the best of several answers are known only "
            "when all of them are.",
            hint="Let `best_of` be at least `n`, and leave out `stream`.",
            param="best_of",
        )
    asked = body.logprobs
    logprobs = (0 if asked else None) if isinstance(asked, bool) else asked
    common = msgspec.structs.replace(
        _common(body, id_, priority, adapter),
        suffix=body.suffix or None,
        echo=bool(body.echo),
        # Choosing among answers goes by their probability.
        logprobs=0 if logprobs is None and runs > choices else logprobs,
        reasoning=Reasoning(separate=False),
    )
    prompts = [msgspec.structs.replace(common, prompt=prompt) for prompt in _prompts(body.prompt)]
    return _plan(body, prompts, runs, logprobs is not None)


def _common(
    body: GenerationRequest, id_: str, priority: Priority, adapter: AdapterFinder
) -> GenerateRequest:
    return GenerateRequest(
        id=id_,
        sampling=sampling_of(body),
        max_tokens=body.max_tokens,
        stop=_stop(body.stop),
        priority=priority,
        constraint=constraint_of(body),
        overflow=_overflow(body),
        adapters=_adapters(body.lora or (), adapter),
    )


def _plan(
    body: GenerationRequest, prompts: Sequence[GenerateRequest], runs: int, logprobs: bool
) -> Plan:
    if runs * len(prompts) > MAX_CHOICES:
        raise InvalidRequest(
            f"{len(prompts)} prompts with {runs} answers each are more than the "
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
        requests=tuple(_runs(prompts, runs)),
        choices_per_prompt=body.n or 1,
        runs_per_prompt=runs,
        stream=bool(body.stream),
        include_usage=include_usage,
        logprobs=logprobs,
        keep_alive=keep_alive_of(body.keep_alive),
    )


def _runs(prompts: Sequence[GenerateRequest], runs: int) -> list[GenerateRequest]:
    """Each prompt `runs` times, with an id of its own and the next seed."""
    if len(prompts) * runs == 1:
        return list(prompts)
    return [
        msgspec.structs.replace(
            prompt,
            id=f"{prompt.id}-{number * runs + run}",
            sampling=reseeded(prompt.sampling, run),
        )
        for number, prompt in enumerate(prompts)
        for run in range(runs)
    ]


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


def _chat_logprobs(body: ChatCompletionRequest) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        raise InvalidRequest(
            "`top_logprobs` asks for more about log probabilities that nobody has asked for.",
            hint="Set `logprobs` to true, or leave it out.",
            param="top_logprobs",
        )
    return None


def _overflow(body: GenerationRequest) -> Overflow:
    names = {body.context_overflow, body.truncation} - {None}
    if len(names) > 1:
        raise InvalidRequest(
            "`context_overflow` and `truncation` mean the same and differ.",
            hint="Keep one of them.",
            param="truncation",
        )
    return body.context_overflow or body.truncation or "error"


def _adapters(given: Sequence[AdapterChoice], find: AdapterFinder) -> tuple[AdapterUse, ...]:
    for number, item in enumerate(given):
        if bool(item.name) == bool(item.path):
            raise InvalidRequest(
                "An adapter is given by its `name`, or by its `path` in the models folder.",
                param=f"lora[{number}]",
            )
    uses = tuple(
        AdapterUse(path=find(item.name or item.path or ""), scale=item.scale) for item in given
    )
    if len({use.path for use in uses}) < len(uses):
        raise InvalidRequest("`lora` names an adapter twice.", hint="Name each once.", param="lora")
    return uses
