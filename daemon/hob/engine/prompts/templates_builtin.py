"""Chat templates for models whose file brings none, and the choice among them.

They are written without BOS at the start: the tokenizer adds it where the model wants one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hob.errors import TemplateFailed
from hob.wire.template import MAX_TEMPLATE_CHARS

CHATML = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif -%}
"""

LLAMA_2 = """\
{%- set ns = namespace(system='', first=true) -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = '<<SYS>>\n' + message.content + '\n<</SYS>>\n\n' -%}
{%- elif message.role == 'assistant' -%}
{{ ' ' + message.content + ' ' + eos_token }}
{%- else -%}
{{ ('' if ns.first else bos_token) + '[INST] ' + ns.system + message.content + ' [/INST]' }}
{%- set ns.system = '' -%}{%- set ns.first = false -%}
{%- endif -%}
{%- endfor -%}
"""

LLAMA_3 = """\
{%- for message in messages -%}
{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}
{{- message.content | trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif -%}
"""

MISTRAL = """\
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- elif message.role == 'assistant' -%}
{{ ' ' + message.content | trim + eos_token }}
{%- else -%}
{{ '[INST] ' + ns.system + message.content + ' [/INST]' }}
{%- set ns.system = '' -%}
{%- endif -%}
{%- endfor -%}
"""

GEMMA = """\
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- else -%}
{%- set role = 'model' if message.role == 'assistant' else 'user' -%}
{{ '<start_of_turn>' + role + '\n' + ns.system + message.content | trim + '<end_of_turn>\n' }}
{%- set ns.system = '' -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif -%}
"""

PHI = """\
{%- for message in messages -%}
{{ '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif -%}
"""

VICUNA = """\
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content + '\n\n' }}
{%- elif message.role == 'assistant' -%}{{ 'ASSISTANT: ' + message.content + eos_token + '\n' }}
{%- else -%}{{ 'USER: ' + message.content + '\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif -%}
"""

ALPACA = """\
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content + '\n\n' }}
{%- elif message.role == 'assistant' -%}
{{ '### Response:\n' + message.content + eos_token + '\n\n' }}
{%- else -%}{{ '### Instruction:\n' + message.content + '\n\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '### Response:\n' }}{% endif -%}
"""

# By the names of hob.wire.template.
BUILTIN: dict[str, str] = {
    "chatml": CHATML,
    "llama2": LLAMA_2,
    "llama3": LLAMA_3,
    "mistral": MISTRAL,
    "gemma": GEMMA,
    "phi": PHI,
    "vicuna": VICUNA,
    "alpaca": ALPACA,
}

# A control token says most surely how a model was trained; then its name; then its architecture.
_BY_TOKEN = (
    ("<|im_start|>", "chatml"),
    ("<|start_header_id|>", "llama3"),
    ("<start_of_turn>", "gemma"),
    ("[INST]", "mistral"),
    ("<|assistant|>", "phi"),
)
_BY_NAME = (
    ("vicuna", "vicuna"),
    ("alpaca", "alpaca"),
    ("mixtral", "mistral"),
    ("mistral", "mistral"),
    ("llama-3", "llama3"),
    ("llama-2", "llama2"),
    ("phi", "phi"),
)
_BY_ARCHITECTURE = (("gemma", "gemma"), ("phi3", "phi"))
_CHAT_WORDS = ("chat", "instruct", "-it", "assistant")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the choice looks at; `has_token` tells whether a text is one control token."""

    template: str
    name: str
    architecture: str
    has_token: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """`name`: `model` for the file's own, `override` for the user's, a built-in's name, or empty
    when the model cannot chat; `source` is Jinja."""

    name: str
    source: str


def choose_template(facts: ModelFacts, override: str = "", wish: str = "") -> TemplateChoice:
    """The chat template of a model. `override` is a built-in's name or a template itself, and
    `wish` says who asks for it.

    Raises TemplateFailed for a name that there is not, or too long a text.
    """
    if override:
        return chosen_by_name(override, wish) or TemplateChoice("override", override)
    if facts.template:
        return TemplateChoice("model", facts.template)
    name = _guess(facts)
    return TemplateChoice(name, BUILTIN[name]) if name else TemplateChoice("", "")


def chosen_by_name(override: str, wish: str) -> TemplateChoice | None:
    """The built-in template that `override` names; None when it is the text of one, which writes
    messages by `{{` or `{%`. Raises TemplateFailed when it is neither."""
    if override in BUILTIN:
        return TemplateChoice(override, BUILTIN[override])
    if "{{" not in override and "{%" not in override:
        raise TemplateFailed(
            f"There is no built-in chat template {override[:40]!r}, which is asked for by {wish}.",
            hint=f"There are {', '.join(BUILTIN)}; or write the text of a template in Jinja.",
        )
    if len(override) > MAX_TEMPLATE_CHARS:
        raise TemplateFailed(
            f"The chat template asked for by {wish} is longer than {MAX_TEMPLATE_CHARS}"
            " characters.",
            hint="Write a shorter one.",
        )
    return None


def _guess(facts: ModelFacts) -> str:
    for token, template in _BY_TOKEN:
        if facts.has_token(token):
            return template
    title = facts.name.lower().replace(" ", "-").replace("_", "-").replace("llama2", "llama-2")
    chats = any(word in title for word in _CHAT_WORDS)
    for word, template in _BY_NAME:
        if word in title and (chats or template in ("vicuna", "alpaca")):
            return template
    for start, template in _BY_ARCHITECTURE:
        if facts.architecture.startswith(start):
            return template
    return "chatml" if chats else ""
