"""Profiles in TOML: one a file, or several as tables.

A file that holds anything but tables is one profile, whose name is the file's without the ending;
else each table is one, of the table's name. Without `model` a profile sets the defaults of the
model that has its name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from hob.errors import ProfileInvalid
from hob.models.gguf.checks import clean
from hob.models.profiles.beside import beside
from hob.models.profiles.fields import (
    Place,
    Written,
    WrittenAdapter,
    WrittenExample,
    fields_of,
    kinds_of,
    refusal,
    sampling_fields,
    seconds_of,
    unknown_key,
)
from hob.models.profiles.files import read_text
from hob.models.profiles.lines import endless_key, lines_of
from hob.models.profiles.naming import bad_profile, check_name, plain_name
from hob.models.profiles.templates import is_template
from hob.wire.chat import ChatMessage
from hob.wire.openai.sampling import SamplingFields
from hob.wire.profiles import Profile, ProfileAdapter
from hob.wire.template import MAX_TEMPLATE_CHARS, BuiltinTemplate

MAX_PROFILES = 256

_TABLES = frozenset({"sampling", "examples", "adapters"})
_LINE = re.compile(r"line (\d+)")
_KNOWN = frozenset({*kinds_of(Written), "sampling", *kinds_of(SamplingFields)})


def read_toml(path: str) -> list[Profile]:
    """The profiles of the file at `path`; a wrong one says in `problem` what is wrong with it."""
    name = plain_name(Path(path).stem)
    place = Place(path)
    try:
        text = read_text(path)
        place = Place(path, lines_of(text))
        data = _parse(text, place)
        tables = dict(_profiles_in(data, name, place))
    except ProfileInvalid as problem:
        return [bad_profile(name, path, problem)]
    return [_profile(one, table) for one, table in tables.items()]


@dataclass(frozen=True)
class _Table:
    """One profile as it was written; `prefix` goes before its keys in the lines of the file."""

    data: Mapping[str, object]
    place: Place
    prefix: str = ""

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"


def _parse(text: str, place: Place) -> dict[str, object]:
    if line := endless_key(text):
        at = Place(place.path, {"": line})
        raise ProfileInvalid(
            f"A key {at.words()} consists of too many parts.",
            hint="Correct that line.",
            param="",
            **at.details(),
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError is TOMLDecodeError and what Python says of a number with thousands of digits.
        found = _LINE.search(str(error))
        line = int(found[1]) if found else 0
        if "end of document" in str(error):
            line = len(text.splitlines())
        at = Place(place.path, {"": line} if line else {})
        raise ProfileInvalid(
            f"{clean(place.path)} is not valid TOML: {clean(str(error))}.",
            hint="Correct that line. Text of several lines stands between two times three quotes.",
            param="",
            **at.details(),
        ) from error


def _profiles_in(
    data: Mapping[str, object], name: str, place: Place
) -> Iterator[tuple[str, _Table]]:
    if not data:
        raise ProfileInvalid(
            f"{clean(place.path)} holds nothing but comments.",
            hint='A profile says at least: model = "NAME".',
            file=place.path,
        )
    tables = {
        key: value for key, value in data.items() if isinstance(value, dict) and key not in _TABLES
    }
    if len(tables) < len(data):
        yield name, _Table(data, place)
        return
    if len(tables) > MAX_PROFILES:
        raise ProfileInvalid(
            f"{clean(place.path)} holds {len(data)} profiles, and at most {MAX_PROFILES} are read.",
            hint="Divide it into several files.",
        )
    for key, table in tables.items():
        yield key, _Table(table, place, f"{key}.")


def _profile(name: str, table: _Table) -> Profile:
    """The profile, or what is wrong with it under the best name that is known."""
    try:
        if (given := table.data.get("name")) and isinstance(given, str):
            name = given
        return _made(check_name(name, table.place, table.key("name")), table)
    except ProfileInvalid as problem:
        model = table.data.get("model")
        said = clean(model) if isinstance(model, str) else ""
        return bad_profile(plain_name(name), table.place.path, problem, said)


def _made(name: str, table: _Table) -> Profile:
    """Raises ProfileInvalid for the first thing that is wrong."""
    place = table.place
    for key, value in table.data.items():
        if key not in _KNOWN:
            raise _unknown(key, value, table)
    written = fields_of(table.data, Written, place, table.prefix)
    keep_alive = written.keep_alive
    return Profile(
        name=name,
        model=written.model or name,
        path=place.path,
        description=written.description,
        system=written.system,
        examples=examples_of(written.examples, place, table.key("examples")),
        sampling=_sampling(table),
        max_tokens=written.max_tokens,
        stop=(written.stop,) if isinstance(written.stop, str) else tuple(written.stop),
        context_length=written.context_length,
        kv_type=written.kv_type or "",
        template=_template(written, table),
        adapters=_adapters(written, place),
        priority=written.priority,
        keep_alive=None
        if keep_alive is None
        else seconds_of(keep_alive, place, table.key("keep_alive")),
        reasoning_effort=written.reasoning_effort or "",
    )


def _unknown(key: str, value: object, table: _Table) -> ProfileInvalid:
    if not isinstance(value, dict) or table.prefix:
        return unknown_key(key, table.place, table.key(key))
    return ProfileInvalid(
        f"{clean(key)} {table.place.words(key)} is a table beside settings that are in none.",
        hint="A file holds one profile, or several of which each is a table.",
        param=clean(key),
        **table.place.details(key),
    )


def _sampling(table: _Table) -> dict[str, object]:
    """What is said of sampling, in [sampling] and beside the other fields."""
    inside = table.data.get("sampling", {})
    place = table.place
    if not isinstance(inside, dict):
        raise refusal("sampling", inside, place, table.key("sampling"), allowed="a table")
    for name in inside:
        key = table.key(f"sampling.{name}")
        if name not in kinds_of(SamplingFields):
            raise unknown_key(name, place, key, kinds_of(SamplingFields))
        if name in table.data:
            raise ProfileInvalid(
                f"{name} is said twice {place.words(key)} in [sampling] and before it.",
                hint="Keep one of them.",
                param=name,
                **place.details(key),
            )
    return sampling_fields(table.data, place, table.prefix) | sampling_fields(
        inside, place, table.key("sampling.")
    )


def examples_of(
    given: Iterable[WrittenExample], place: Place, key: str = "examples"
) -> tuple[ChatMessage, ...]:
    """The example conversation. Raises ProfileInvalid for messages that cannot be one."""
    found = tuple(ChatMessage(role=one.role, content=one.content) for one in given)
    for one in found:
        if one.role not in ("user", "assistant"):
            raise ProfileInvalid(
                f"An example {place.words(key)} has the role {one.role!r}.",
                hint="Examples are of the roles user and assistant; instructions are the `system`.",
                param="examples",
                **place.details(key),
            )
    return found


def _template(written: Written, table: _Table) -> str:
    text, file, place = written.template, written.template_file, table.place
    if text and file:
        raise ProfileInvalid(
            f"There are both template and template_file {place.words(table.key('template_file'))}"
            " and only one can be used.",
            hint="Keep one of them.",
            param="template_file",
            **place.details(table.key("template_file")),
        )
    if file:
        return _template_file(file, table)
    if text and not is_template(text) and text not in get_args(BuiltinTemplate):
        allowed = (
            f"the text of a template in Jinja, or one of {', '.join(get_args(BuiltinTemplate))}"
        )
        raise refusal("template", text, place, table.key("template"), allowed=allowed)
    return text or ""


def _template_file(name: str, table: _Table) -> str:
    key = table.key("template_file")
    if Path(name).name != name:
        allowed = "the name of a file in the folder of the profile"
        raise refusal("template_file", name, table.place, key, allowed=allowed)
    text = read_text(str(Path(table.place.path).parent / name), "template")
    if not is_template(text) or len(text) > MAX_TEMPLATE_CHARS:
        raise ProfileInvalid(
            f"{clean(name)}, the template_file {table.place.words(key)} is no template in Jinja"
            f" of up to {MAX_TEMPLATE_CHARS} characters.",
            hint="It writes the messages with {{ ... }} and {% ... %}.",
            param="template_file",
            **table.place.details(key),
        )
    return text


def _adapters(written: Written, place: Place) -> tuple[ProfileAdapter, ...]:
    found = [
        one if isinstance(one, WrittenAdapter) else WrittenAdapter(name=one)
        for one in written.adapters
    ]
    return tuple(
        ProfileAdapter(name=beside(place.path, one.name), scale=one.scale) for one in found
    )
