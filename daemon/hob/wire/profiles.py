"""Profiles: what is set for a model, or a model under a name of its own with other settings."""

from __future__ import annotations

from typing import Any

from hob.wire.base import Body, ErrorInfo, Value
from hob.wire.chat import ChatMessage
from hob.wire.generate import Priority


class ProfileAdapter(Value, frozen=True):
    """A LoRA adapter by its name in the library, or its file beside the profile."""

    name: str
    scale: float = 1.0


class Profile(Value, frozen=True):
    """`model` is any name of the library. With the same name as that model it sets the model's own
    defaults; with another it is a model of its own.

    What a request says goes before what the profile says. `sampling` holds fields of an OpenAI
    request. `template` is a built-in chat template's name, or the text of one. `examples` come
    before the conversation. `keep_alive` is in seconds, negative for good. `path` is the file that
    it was read from; `problem` says why it cannot be used, and `warnings` what of the file counts
    for nothing. `served_by` is the model whose worker answers for it, or the profile whose; empty
    when it has a worker of its own.
    """

    name: str
    model: str
    path: str = ""
    description: str = ""
    system: str = ""
    examples: tuple[ChatMessage, ...] = ()
    sampling: dict[str, Any] = {}
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    context_length: int | None = None
    kv_type: str = ""
    template: str = ""
    adapters: tuple[ProfileAdapter, ...] = ()
    priority: Priority | None = None
    keep_alive: float | None = None
    reasoning_effort: str = ""
    problem: ErrorInfo | None = None
    warnings: tuple[str, ...] = ()
    served_by: str = ""

    @property
    def changes_load(self) -> bool:
        """Its model must be loaded in another way than without it, or than that which serves it."""
        return not self.served_by and bool(self.context_length or self.kv_type or self.template)


class ProfileList(Body, frozen=True):
    profiles: tuple[Profile, ...]


class NewProfile(Value, frozen=True):
    """The body of POST /hob/v1/models/profiles/new: a file for it is written."""

    name: str
    model: str
    system: str = ""
