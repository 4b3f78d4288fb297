"""A chat template that somebody asks for in the place of the model's own."""

from __future__ import annotations

from hob.engine.prompts.templates_builtin import chosen_by_name
from hob.errors import TemplateFailed


def check_wished(override: str, wish: str) -> None:
    """Whether the template that `wish` asks for can be used, before a model is loaded with it.

    It is compiled, and writes one message, in the sandbox that the model's own runs in. Raises
    TemplateFailed that names `wish`.
    """
    if not override or chosen_by_name(override, wish):
        return
    from hob.engine.prompts.template import why_broken

    if reason := why_broken(override):
        raise TemplateFailed(
            f"The chat template asked for by {wish} cannot be used: {reason}.",
            hint="Correct it, name a built-in one such as chatml, or leave it out for the model's"
            " own.",
        )
