"""Whatever lies in the folders, reading and resolving it ends, and tells instead of raising."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hob.models.names import match
from hob.models.profiles.fields import Written, kinds_of
from hob.models.profiles.files import MAX_FILE_BYTES
from hob.models.profiles.modelfile import INSTRUCTIONS
from hob.models.profiles.read import read_profiles
from hob.models.profiles.resolve import resolve_profiles
from hob.wire.openai.sampling import SamplingFields
from hob.wire.profiles import Profile, ProfileList

NAMES = ("smollm2:135m", "gemma-3:270m")
KEYS = [*kinds_of(Written), "sampling", *kinds_of(SamplingFields), "nonsense"]
VALUES = [
    "1",
    "-1",
    "0.5",
    "nan",
    "1e400",
    "true",
    '""',
    '"x"',
    "[]",
    '["a"]',
    "[1]",
    "{}",
    "1979-05-27",
]
VALUES += ["9" * 400, '"\\u0000"', '"/\\u0000.gguf"', '"~nobody/x.gguf"', f'"{"a" * 300}.gguf"']
VALUES += ['[{name = "x.gguf"}]', '[{role = "user", content = ""}]', '"""\n\n"""', "[[[]]]"]
SAID = ["", "1", "nan", "1e400", '"', '"""', '"x"', "/\0.gguf", "~nobody/x.gguf", "./x.gguf", "a b"]
SAID += ["temperature", "temperature inf", "top_k 99999999999", "stop ", 'stop "', "user hi", "  "]
SAID += ["a" * 300 + ".gguf", "{{ .Prompt }}", "{% x", "hf.co/a/b", "9" * 400]

toml_lines = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.sampled_from(["[sampling]", "[[examples]]", "[writer]", "[default]", "#", '"""', "[[["]),
)
modelfile_lines = st.builds("{} {}".format, st.sampled_from(INSTRUCTIONS), st.sampled_from(SAID))


def told(data: bytes, name: str) -> list[Profile]:
    """All profiles of one file, resolved and through the wire."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(data)
        read = read_profiles([Path(folder)])
        found = resolve_profiles(read, NAMES, lambda wanted: match(NAMES, wanted))
    again = msgspec.json.decode(
        msgspec.json.encode(ProfileList(profiles=tuple(found))), type=ProfileList
    )
    assert len({one.name for one in again.profiles}) == len(found)
    return list(again.profiles)


@settings(max_examples=150, deadline=None)
@given(st.lists(toml_lines, max_size=8))
def test_any_toml_is_read_or_told(lines: list[str]) -> None:
    told("\n".join(['model = "smollm2"', *lines]).encode(), "a.toml")
    told("\n".join(lines).encode(), "a.toml")


@settings(max_examples=150, deadline=None)
@given(st.lists(modelfile_lines, max_size=8))
def test_any_modelfile_is_read_or_told(lines: list[str]) -> None:
    told("\n".join(["FROM smollm2", *lines]).encode(), "Modelfile")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.toml", "Modelfile.a"]))
def test_any_bytes_are_told(data: bytes, name: str) -> None:
    told(data, name)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", "A", "c", *NAMES, "smol", "x y"])] * 2)))
def test_any_net_of_profiles_is_resolved_or_told(net: list[tuple[str, str]]) -> None:
    profiles = [
        Profile(name=name, model=model, path=f"/m/{number}/{name}.toml")
        for number, (name, model) in enumerate(net)
    ]
    found = resolve_profiles(profiles, NAMES, lambda wanted: match(NAMES, wanted))
    assert len({one.name for one in found}) == len(net)
    for one in found:
        assert one.problem or one.model in NAMES


LONG = {
    "dotted key": (".".join("a" * (MAX_FILE_BYTES // 2)) + "=1").encode()[:MAX_FILE_BYTES],
    "spaced key": (" . ".join("a" * (MAX_FILE_BYTES // 5)) + "=1").encode(),
    "inline key": b"a = {" + b"b." * (MAX_FILE_BYTES // 2 - 9) + b"c = 1}",
    "quoted key": b'"a".' * (MAX_FILE_BYTES // 4 - 2) + b"b = 1",
    "word": b"a" * MAX_FILE_BYTES,
    "dots": b"." * MAX_FILE_BYTES,
    "quotes": b'"' * MAX_FILE_BYTES,
    "apostrophes": b"'." * (MAX_FILE_BYTES // 2),
    "brackets": b"[" * MAX_FILE_BYTES,
    "unknown key": b"a" * (MAX_FILE_BYTES - 4) + b" = 1",
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("name", ["a.toml", "Modelfile"])
def test_a_file_made_to_take_long_is_told(kind: str, name: str) -> None:
    (found,) = told(LONG[kind], name)
    assert found.problem is not None
    assert len(str(found.problem.error())) < 2_000


def test_prose_with_many_dots_is_no_endless_key() -> None:
    prose = "Wait ... " * 500 + "e.g. 1.2.3.4 and a.b.c " * 100 + "." * 1_000
    (found,) = told(f'model = "smollm2"\nsystem = "{prose}"'.encode(), "a.toml")
    assert (found.problem, found.system) == (None, prose)


@pytest.mark.parametrize("line", ["MESSAGE user hi", "MESSAGE system hi", "ADAPTER x"])
def test_a_modelfile_with_very_much_of_something_is_told(line: str) -> None:
    (found,) = told(f"FROM smollm2\n{chr(10).join([line] * 300)}".encode(), "Modelfile")
    assert found.problem is not None
    assert "too many" in found.problem.message


def test_a_file_name_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.toml"
    with open(path, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b'model = "a"')
    (found,) = read_profiles([tmp_path])
    assert found.problem is not None
    assert "is not valid UTF-8" in found.problem.message
    assert msgspec.json.encode(found)
