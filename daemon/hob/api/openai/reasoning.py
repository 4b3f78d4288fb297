"""How much the model may think, and what its chat template is told. Pure."""

from __future__ import annotations

from typing import Any

from hob.api.openai.free_values import check_free
from hob.errors import InvalidRequest
from hob.wire.chat import Reasoning
from hob.wire.openai.requests import ChatCompletionRequest, ReasoningOptions

MAX_TEMPLATE_VALUES_BYTES = 65_536
# What the request itself gives to the template.
_TAKEN = frozenset({"messages", "tools", "add_generation_prompt"})


def reasoning_of(body: ChatCompletionRequest) -> Reasoning:
    """Raises InvalidRequest for two budgets that differ."""
    options = body.reasoning or ReasoningOptions()
    stated = body.reasoning_effort
    effort = options.effort if stated is None else stated
    enabled = options.enabled if stated is None else None
    if enabled is None and effort is not None:
        enabled = effort != "none"
    asked = (body.chat_template_kwargs or {}).get("enable_thinking")
    if enabled is None and isinstance(asked, bool):
        enabled = asked
    return Reasoning(
        enabled=enabled,
        effort=effort,
        budget=_budget(body, options),
        separate=body.reasoning_format != "none",
    )


def template_values_of(body: ChatCompletionRequest) -> dict[str, Any]:
    """Raises InvalidRequest."""
    values, where = body.chat_template_kwargs or {}, "chat_template_kwargs"
    check_free(values, where, MAX_TEMPLATE_VALUES_BYTES)
    for name in values:
        if name in _TAKEN or not name.isidentifier():
            raise InvalidRequest(
                f"`{where}` has the name {name[:40]!r}, which a chat template cannot be given.",
                param=where,
            )
    return values


def _budget(body: ChatCompletionRequest, options: ReasoningOptions) -> int | None:
    given = {
        name: budget
        for name, budget in (
            ("reasoning_budget", body.reasoning_budget),
            ("thinking_budget", body.thinking_budget),
            ("reasoning.max_tokens", options.max_tokens),
        )
        if budget is not None
    }
    if len(set(given.values())) > 1:
        raise InvalidRequest(
            f"{' and '.join(f'`{name}`' for name in given)} mean the same and differ.",
            hint="Keep one of them.",
            param=next(iter(given)),
        )
    budget = next(iter(given.values()), -1)
    return None if budget == -1 else budget
