"""Filling what a request leaves out from the profile of the model that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from hob.api.services import Services, resolve_model
from hob.errors import HobError
from hob.wire.generate import MAX_STOP_STRINGS, Priority
from hob.wire.openai.messages import Message
from hob.wire.openai.requests import AdapterChoice, ChatCompletionRequest, GenerationRequest
from hob.wire.profiles import Profile

B = TypeVar("B", bound=GenerationRequest)

_INSTRUCTIONS = frozenset({"system", "developer"})


def profiled(services: Services, body: B) -> B:
    """`body` with what its model's profile says, for the chosen model when it names none."""
    profile = profile_of(services, body.model)
    return body if profile is None else with_profile(body, profile)


def profile_of(services: Services, asked: str | None) -> Profile | None:
    """The profile of the model that is meant. None as well where no model is: whoever is to answer
    says so."""
    try:
        return services.profiles.profile(resolve_model(services, asked))
    except HobError:
        return None


def usual_priority(services: Services, asked: str | None) -> Priority:
    """The priority of requests that name `asked` and say nothing of it themselves."""
    profile = profile_of(services, asked) if asked else None
    return (profile and profile.priority) or "normal"


def usual_keep_alive(services: Services, asked: str | None) -> float | None:
    """For how long `asked` stays loaded after requests that name it and say nothing of that."""
    profile = profile_of(services, asked) if asked else None
    return profile.keep_alive if profile else None


def with_profile(body: B, profile: Profile) -> B:
    """What the request says goes before what the profile says.

    Stop strings add up, unless the request says that there are none by an empty list. A chat gets
    the system prompt unless it brings instructions of its own, and the examples after these.
    """
    wanted: dict[str, Any] = {
        **profile.sampling,
        "priority": profile.priority,
        "keep_alive": profile.keep_alive,
        "lora": [_adapter(one.name, one.scale) for one in profile.adapters] or None,
    }
    changes = {
        name: value
        for name, value in wanted.items()
        if value is not None and getattr(body, name, value) is None
    }
    if profile.stop:
        changes["stop"] = _stop(body.stop, profile.stop)
    if isinstance(body, ChatCompletionRequest):
        changes |= _chat(body, profile)
    elif profile.max_tokens and body.max_tokens is None:
        changes["max_tokens"] = profile.max_tokens
    return msgspec.structs.replace(body, **changes)


def _chat(body: ChatCompletionRequest, profile: Profile) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if profile.max_tokens and body.max_tokens is None and body.max_completion_tokens is None:
        changes["max_tokens"] = profile.max_tokens
    asked = body.reasoning or body.reasoning_effort
    if profile.reasoning_effort and not (
        asked or "enable_thinking" in (body.chat_template_kwargs or {})
    ):
        changes["reasoning_effort"] = profile.reasoning_effort
    # A chat without messages stays one, since there is nothing to answer.
    if body.messages and (profile.system or profile.examples):
        changes["messages"] = _messages(body.messages, profile)
    return changes


def _messages(given: Sequence[Message], profile: Profile) -> list[Message]:
    if profile.system and not any(message.role in _INSTRUCTIONS for message in given):
        given = [Message(role="system", content=profile.system), *given]
    start = next(
        (n for n, message in enumerate(given) if message.role not in _INSTRUCTIONS), len(given)
    )
    examples = [Message(role=one.role, content=one.content) for one in profile.examples]
    return [*given[:start], *examples, *given[start:]]


def _stop(given: str | list[str] | None, usual: Sequence[str]) -> list[str]:
    if given is None:
        return list(usual)
    own = [given] if isinstance(given, str) else given
    if not own or len(own) > MAX_STOP_STRINGS:
        return own
    return list(dict.fromkeys((*own, *usual)))[:MAX_STOP_STRINGS]


def _adapter(name: str, scale: float) -> AdapterChoice:
    return AdapterChoice(name=name, scale=scale)
