"""The file of a new profile, as a person goes on writing it. Pure."""

from __future__ import annotations

import re

# Quotes that could be taken for the closing ones.
_QUOTES = re.compile(r'"{3,}|"+\Z')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_REST = """\

# What requests leave out is taken from here. Take away the # of what you want to set.
# description = "What it is good for"
# temperature = 0.8
# top_p = 0.95
# max_tokens = 2048
# stop = ["THE END"]
# reasoning_effort = "low"        # none, minimal, low, medium, high
# priority = "normal"             # interactive, normal, background
# keep_alive = "10min"            # 0 unloads after the answer, "forever" keeps it
# adapters = [{ name = "my-lora", scale = 1.0 }]

# These load the model a second time, in another way.
# context_length = 8192
# kv_type = "q8_0"                # f16, q8_0, q4_0
# template = "chatml"             # or the text of a template; template_file = "chat.jinja"

# Examples come before the conversation.
# [[examples]]
# role = "user"
# content = "Hello"
# [[examples]]
# role = "assistant"
# content = "Good evening."
"""


def toml_of(name: str, model: str, system: str, *, stem: str) -> str:
    """The text of a profile's file; `stem` is the file's name, which gives the profile its own."""
    lines = [f"# {name} is a model of Hob's: ask it with `hob ask -m {name} ...`."]
    if name != stem:
        lines.append(f"name = {_quoted(name)}")
    lines.append(f"model = {_quoted(model)}")
    if system:
        lines.append(f"system = {_several_lines(system)}")
    else:
        lines.append('# system = """\n# You are ...\n# """')
    return "\n".join(lines) + "\n" + _REST


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"').replace("\n", "\\n") + '"'


def _several_lines(text: str) -> str:
    """Between three quotes; a line break after the first ones is no part of the text."""
    escaped = _QUOTES.sub(lambda found: '\\"' * len(found[0]), _escaped(text))
    return f'"""\n{escaped}"""'


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\\", "\\\\"))
