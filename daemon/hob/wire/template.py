"""Chat templates by name. Light, since the settings know them as well."""

from __future__ import annotations

from typing import Literal

# The chat templates that Hob brings for models without one.
BuiltinTemplate = Literal[
    "chatml", "llama2", "llama3", "mistral", "gemma", "phi", "vicuna", "alpaca"
]
MAX_TEMPLATE_CHARS = 2**18
