"""Which of Hob's chat templates a template in another language is, by the marks that it writes."""

from __future__ import annotations

from hob.wire.template import BuiltinTemplate

# All marks of a line must be there; the first line that fits counts, so that the marks of several
# families come before those that they share.
_FAMILIES: tuple[tuple[BuiltinTemplate, tuple[str, ...]], ...] = (
    ("chatml", ("<|im_start|>", "<|im_end|>")),
    ("llama3", ("<|start_header_id|>", "<|end_header_id|>")),
    ("gemma", ("<start_of_turn>", "<end_of_turn>")),
    ("llama2", ("[INST]", "<<SYS>>")),
    ("mistral", ("[INST]", "[/INST]")),
    ("phi", ("<|user|>", "<|end|>", "<|assistant|>")),
    ("alpaca", ("### Instruction:", "### Response:")),
    ("vicuna", ("USER:", "ASSISTANT:")),
)


def family_of(template: str) -> BuiltinTemplate | None:
    """The built-in template that writes the same marks; None when it is none of them."""
    for name, marks in _FAMILIES:
        if all(mark in template for mark in marks):
            return name
    return None


def is_template(text: str) -> bool:
    """It is the text of a template, and no name of one."""
    return "{{" in text or "{%" in text
