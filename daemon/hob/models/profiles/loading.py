"""How a model is loaded and listed because of its profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from hob.models.gguf.checks import clean
from hob.wire.engine import KvType, LoadOptions, WarmPrompt
from hob.wire.models import Capability, ModelInfo
from hob.wire.profiles import Profile

MAX_WARM_PROMPTS = 8
MAX_WARM_CHARS = 65_536


def options_with(profile: Profile | None, options: LoadOptions) -> LoadOptions:
    """`options` as the profile wants the model to be loaded."""
    if profile is None or profile.problem:
        return options
    changes: dict[str, Any] = {}
    if profile.context_length:
        changes["context_length"] = profile.context_length
    if profile.kv_type:
        changes["kv_type"] = cast("KvType", profile.kv_type)
    if profile.template:
        changes["template_override"] = profile.template
        changes["template_from"] = f"the profile {profile.name} in {clean(profile.path)}"
    return msgspec.structs.replace(options, **changes)


def warm_prompts_of(profiles: Iterable[Profile]) -> tuple[WarmPrompt, ...]:
    """The system prompts that are worth reading right after the load of what serves `profiles`; a
    prompt that an adapter reads is another in the cache."""
    found: dict[str, WarmPrompt] = {}
    left = MAX_WARM_CHARS
    for one in profiles:
        text = one.system
        if not text or one.problem or one.adapters or text in found or len(text) > left:
            continue
        if len(found) == MAX_WARM_PROMPTS:
            break
        left -= len(text)
        found[text] = WarmPrompt(text=text, source=f"profile {one.name}")
    return tuple(found.values())


def info_of(profile: Profile, base: ModelInfo | None) -> ModelInfo:
    """A resolved profile that is a model of its own, as it is listed; `base` is its model, None
    for a profile that cannot be used."""
    if base is None or profile.problem:
        return ModelInfo(
            name=profile.name,
            path=clean(profile.path),
            file_bytes=0,
            modified_at=0.0,
            title=profile.description,
            base=profile.model,
            problem=profile.problem,
        )
    capabilities: tuple[Capability, ...] = base.capabilities
    if profile.template and "completion" in capabilities and "chat" not in capabilities:
        capabilities = ("chat", *capabilities)
    return msgspec.structs.replace(
        base,
        name=profile.name,
        title=profile.description or base.title,
        capabilities=capabilities,
        has_chat_template=base.has_chat_template or bool(profile.template),
        aliases=(),
        base=base.name,
        served_by=profile.served_by,
    )
