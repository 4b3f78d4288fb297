"""What a Modelfile means: a profile, with warnings for what means nothing here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from hob.errors import ProfileInvalid
from hob.models.gguf.checks import clean
from hob.models.profiles.beside import beside, file_beside, is_file
from hob.models.profiles.fields import MAX_EXAMPLES, Place, fields_of, sampling_fields
from hob.models.profiles.files import read_text
from hob.models.profiles.modelfile import Instruction, parse_modelfile
from hob.models.profiles.naming import bad_profile, check_name, plain_name
from hob.models.profiles.templates import family_of, is_template
from hob.wire.base import Value
from hob.wire.chat import ChatMessage, Role
from hob.wire.generate import MAX_STOP_CHARS, MAX_STOP_STRINGS
from hob.wire.openai.requests import MAX_ADAPTERS, AnswerTokens
from hob.wire.profiles import Profile, ProfileAdapter

MAX_WARNINGS = 20
MAX_MODEL_CHARS = 4_096

_SAMPLING = frozenset(
    {
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "repeat_penalty",
        "repeat_last_n",
        "presence_penalty",
        "frequency_penalty",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
        "seed",
    }
)
# What Ollama sets for a model and Hob for the machine, with the setting that does it.
_SETTINGS: Mapping[str, str] = {
    "num_gpu": "engine.gpu_layers",
    "main_gpu": "engine.main_gpu",
    "num_thread": "engine.threads",
    "num_batch": "engine.batch_tokens",
    "use_mmap": "engine.mmap",
    "use_mlock": "engine.mlock",
}
# What Hob does by itself, or what no longer does anything in Ollama either.
_IDLE = frozenset(
    {
        "num_keep",
        "numa",
        "low_vram",
        "f16_kv",
        "vocab_only",
        "logits_all",
        "embedding_only",
        "rope_frequency_base",
        "rope_frequency_scale",
        "num_gqa",
        "tfs_z",
        "penalize_newline",
        "draft_num_predict",
    }
)
_SEPARATORS = ("/", "\\")


def read_modelfile(path: str, *, in_root: bool = False) -> Profile:
    """The profile that the Modelfile at `path` makes, or what is wrong with it.

    It is called by its ending or its folder: `Modelfile.NAME`, `NAME.modelfile`, `NAME/Modelfile`;
    `in_root` says that its folder is a models folder, and gives no name.
    """
    name = plain_name(_name_of(Path(path), in_root=in_root))
    try:
        text = read_text(path, "Modelfile", any_encoding=True)
        check_name(name, Place(path))
        return _made(name, path, parse_modelfile(text, path))
    except ProfileInvalid as problem:
        return bad_profile(name, path, problem)


def _name_of(path: Path, *, in_root: bool) -> str:
    name = path.name
    if name.lower().startswith("modelfile."):
        return name.partition(".")[2]
    if name.lower().endswith(".modelfile"):
        return path.stem
    return name if in_root else path.parent.name


class _Limits(Value, frozen=True):
    num_ctx: Annotated[int, Meta(ge=1, le=2**24)] | None = None
    num_predict: AnswerTokens | None = None


@dataclass
class _Reading:
    """What has been found so far."""

    path: str
    model: str = ""
    system: str = ""
    template: str = ""
    max_tokens: int | None = None
    context_length: int | None = None
    stop: list[str] = field(default_factory=list)
    sampling: dict[str, object] = field(default_factory=dict)
    adapters: list[ProfileAdapter] = field(default_factory=list)
    system_messages: int = 0
    examples: list[ChatMessage] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def warn(self, line: int, what: str) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(f"Line {line}: {what}")

    def place(self, one: Instruction, key: str) -> Place:
        return Place(self.path, {key: one.line})


def _made(name: str, path: str, instructions: Sequence[Instruction]) -> Profile:
    """Raises ProfileInvalid."""
    reading = _Reading(path)
    for one in instructions:
        _READERS[one.word](reading, one)
    if not reading.model:
        raise ProfileInvalid(
            f"{clean(path)} does not say FROM which model it is made.",
            hint="Begin it with a line like: FROM smollm2",
            file=path,
        )
    return Profile(
        name=name,
        model=reading.model,
        path=path,
        system=reading.system,
        examples=tuple(reading.examples),
        sampling=reading.sampling,
        max_tokens=reading.max_tokens,
        stop=tuple(dict.fromkeys(reading.stop)),
        context_length=reading.context_length,
        template=reading.template,
        adapters=tuple(reading.adapters),
        warnings=tuple(reading.warnings),
    )


def _from(reading: _Reading, one: Instruction) -> None:
    given = one.value.strip()
    if reading.model:
        reading.warn(
            one.line, "a second FROM counts for nothing; projectors belong beside a model."
        )
        return
    there = file_beside(reading.path, given)
    looks_like_path = given.startswith((".", "/", "~", "\\")) or given[1:3] in (":\\", ":/")
    if there and given.lower().endswith(".gguf") and (looks_like_path or is_file(there)):
        reading.model = there
    elif looks_like_path or len(given) > MAX_MODEL_CHARS:
        raise ProfileInvalid(
            f"FROM {clean(given)} in {clean(reading.path)}, line {one.line}, is no GGUF file.",
            hint="Name a .gguf file or a model of the library (`hob models`).",
            file=reading.path,
            line=one.line,
        )
    else:
        reading.model = given


def _parameter(reading: _Reading, one: Instruction) -> None:
    name, given = one.name, one.value
    if name == "stop":
        _stop(reading, one)
    elif name in _SAMPLING:
        value = _number(name, given, reading, one)
        if name != "seed" or value >= 0:
            reading.sampling |= sampling_fields({name: value}, reading.place(one, name))
    elif name in ("num_ctx", "num_predict"):
        # Nothing and less leave it to the model; -1 is without an end, -2 until the context is
        # full, and Hob's own limit then.
        value = _number(name, given, reading, one)
        said = {name: value} if value > 0 else {}
        limits = fields_of(said, _Limits, reading.place(one, name))
        if name == "num_ctx":
            reading.context_length = limits.num_ctx
        else:
            reading.max_tokens = limits.num_predict
    elif name in _SETTINGS:
        reading.warn(one.line, f"{name} is set for all models, as {_SETTINGS[name]}.")
    elif name in _IDLE:
        reading.warn(one.line, f"{name} has no effect here.")
    else:
        reading.warn(one.line, f"{clean(name)[:40]} is not a parameter that Hob knows.")


def _number(name: str, given: str, reading: _Reading, one: Instruction) -> int | float:
    """A number as Ollama takes it. Raises ProfileInvalid."""
    text = given.strip()
    try:
        if len(text) > 40:
            raise ValueError
        value = float(text)
        return int(value) if value.is_integer() else value
    except (ValueError, OverflowError):
        raise ProfileInvalid(
            f"PARAMETER {name} {clean(text)[:40]} in {clean(reading.path)}, line {one.line}, is"
            " no number.",
            hint="Correct that line.",
            param=name,
            file=reading.path,
            line=one.line,
        ) from None


def _stop(reading: _Reading, one: Instruction) -> None:
    text = one.value
    if len(text) > MAX_STOP_CHARS:
        reading.warn(one.line, f"a stop string of over {MAX_STOP_CHARS} characters is left out.")
    elif text in reading.stop:
        return
    elif len(reading.stop) == MAX_STOP_STRINGS:
        reading.warn(one.line, f"only {MAX_STOP_STRINGS} stop strings are possible.")
    elif text:
        reading.stop.append(text)


def _template(reading: _Reading, one: Instruction) -> None:
    """Ollama's templates are in Go's language; the built-in one that writes the same marks is
    taken, unless the model's own turns out to do that too."""
    if "{%" in one.value and is_template(one.value):
        reading.template = one.value  # Jinja, which some write by mistake, and Hob can read
        return
    reading.template = family_of(one.value) or ""
    if not reading.template:
        reading.warn(
            one.line, "the template is none that Hob knows, so the model's own takes its place."
        )


def _adapter(reading: _Reading, one: Instruction) -> None:
    if len(reading.adapters) == MAX_ADAPTERS:
        raise _too_many("ADAPTER", MAX_ADAPTERS, reading, one)
    given = one.value.strip()
    name = beside(reading.path, given)
    # One that is not there is asked of the library, by the name of its file.
    if name == given and any(sign in given for sign in _SEPARATORS):
        name = Path(given.replace("\\", "/")).name
    reading.adapters.append(ProfileAdapter(name=name))


def _too_many(word: str, most: int, reading: _Reading, one: Instruction) -> ProfileInvalid:
    return ProfileInvalid(
        f"{clean(reading.path)}, line {one.line}, is one {word} too many: there may be {most}.",
        hint="Leave some out.",
        file=reading.path,
        line=one.line,
    )


def _system(reading: _Reading, one: Instruction) -> None:
    reading.system = one.value


def _message(reading: _Reading, one: Instruction) -> None:
    if len(reading.examples) + reading.system_messages >= MAX_EXAMPLES:
        raise _too_many("MESSAGE", MAX_EXAMPLES, reading, one)
    if one.name == "system":
        reading.system = "\n\n".join(filter(None, (reading.system, one.value)))
        reading.system_messages += 1
        return
    if one.name not in ("user", "assistant"):
        raise ProfileInvalid(
            f"MESSAGE {clean(one.name)[:40]} in {clean(reading.path)}, line {one.line}, is of no"
            " role that a message can have.",
            hint="The roles are system, user and assistant.",
            file=reading.path,
            line=one.line,
        )
    role: Role = "user" if one.name == "user" else "assistant"
    reading.examples.append(ChatMessage(role=role, content=one.value))


def _other(reading: _Reading, one: Instruction) -> None:
    if one.word != "license":
        reading.warn(one.line, f"{one.word.upper()} has no effect here.")


_READERS: Mapping[str, Callable[[_Reading, Instruction], None]] = {
    "from": _from,
    "parameter": _parameter,
    "template": _template,
    "adapter": _adapter,
    "system": _system,
    "message": _message,
    "license": _other,
    "parser": _other,
    "renderer": _other,
    "requires": _other,
}
