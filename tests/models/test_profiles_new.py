"""Writing the file of a new profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hob.errors import InvalidRequest, ModelError, ModelNotFound, NameTaken, ProfileInvalid
from hob.models.names import match
from hob.models.profiles.loading import info_of
from hob.models.profiles.read import read_profiles
from hob.models.profiles.resolve import resolve_profiles
from hob.models.profiles.service import ProfileService
from hob.models.profiles.toml import read_toml
from hob.models.profiles.write import toml_of
from hob.wire.engine import LoadOptions
from hob.wire.models import ModelInfo
from hob.wire.profiles import NewProfile, Profile

BASE = "smollm2:135m"


class Folder:
    """A library of one model, whose profiles are read from a real folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, Profile] = {}
        self.base = ModelInfo(name=BASE, path="/s.gguf", file_bytes=1, modified_at=1.0)

    def infos(self) -> Sequence[ModelInfo]:
        made = [info_of(one, self.base) for one in self.known.values() if one.name != BASE]
        return [self.base, *made]

    def resolve(self, name: str) -> ModelInfo:
        found = match([info.name for info in self.infos()], name)
        return next(info for info in self.infos() if info.name == found)

    def profile(self, name: str) -> Profile | None:
        return self.known.get(name)

    async def rescan(self) -> None:
        found = resolve_profiles(
            read_profiles([self.folder]), [BASE], lambda name: match([BASE], name)
        )
        self.known = {one.name: one for one in found}


@pytest.fixture
def library(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


SYSTEMS = {
    "plain": "You are a writer.",
    "lines": "You are\n\n  a writer.\n",
    "quotes": 'Say "hi", """triple""", and end with "',
    "quotes only": '""""""',
    "backslash": "C:\\new\\table \\",
    "control": "bell \x07, return \r\n, escape \x1b[31m and delete \x7f",
    "letters": "Schreibe schön 🙂 \u2028",
    "toml": '"""\ntemperature = 9\n"""',
    "comment": "# no comment\n[sampling]",
    "break first": "\nYou.",
}


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_new_profile_reads_back_as_it_was_meant(tmp_path: Path, kind: str) -> None:
    text = toml_of("po:et", 'a "model"', SYSTEMS[kind], stem="po-et")
    (tmp_path / "po-et.toml").write_bytes(text.encode())
    (profile,) = read_toml(str(tmp_path / "po-et.toml"))
    assert profile.problem is None
    assert (profile.name, profile.model) == ("po:et", 'a "model"')
    assert profile.system == SYSTEMS[kind]


def test_every_commented_line_of_it_can_be_used(tmp_path: Path) -> None:
    lines = toml_of("poet", "smollm2", "x", stem="poet").splitlines()
    settings = [line.removeprefix("# ") for line in lines if " = " in line or "[[" in line]
    path = tmp_path / "poet.toml"
    path.write_text("\n".join(settings).replace(' = """', ' = """x"""', 1))
    (profile,) = read_toml(str(path))
    assert profile.problem is None
    assert profile.template == "chatml"
    assert len(profile.examples) == 2


async def test_it_is_written_into_the_models_folder_and_known_at_once(library: Folder) -> None:
    service = ProfileService(library)
    made = await service.create(NewProfile(name="writer", model="smol", system="Write."))
    assert made.path == str(library.folder / "writer.toml")
    assert (made.name, made.model, made.system, made.served_by) == ("writer", BASE, "Write.", BASE)
    assert service.profile("writer") == made
    assert service.profiles() == (made,)


async def test_a_name_with_a_colon_gets_a_file_without_one(library: Folder) -> None:
    made = await ProfileService(library).create(NewProfile(name="writer:short", model="smol"))
    assert (made.name, made.path) == ("writer:short", str(library.folder / "writer-short.toml"))


async def test_one_for_a_model_itself_sets_its_defaults(library: Folder) -> None:
    made = await ProfileService(library).create(NewProfile(name="smollm2", model="smollm2"))
    assert made.name == "smollm2"
    assert made.model == BASE


async def test_a_worker_is_loaded_as_its_own_profile_wants_and_reads_what_it_serves(
    library: Folder,
) -> None:
    files = {
        "a-poet": 'model = "smollm2"\nsystem = "poet"',
        "long": 'model = "smollm2"\nsystem = "long"\ncontext_length = 8192',
        "longer": 'model = "long"\nsystem = "longer"',
        "smollm2": 'system = "own"\nkv_type = "q8_0"',
    }
    for name, text in files.items():
        (library.folder / f"{name}.toml").write_text(text)
    await library.rescan()
    service, settings = ProfileService(library), LoadOptions(context_length=512)
    infos = {info.name: info for info in library.infos()}
    told = {
        name: (service.load_options(info, settings), service.warm_prompts(info))
        for name, info in infos.items()
    }
    own, long = told[BASE], told["long"]
    assert (own[0].context_length, own[0].kv_type) == (512, "q8_0")
    assert [prompt.text for prompt in own[1]] == ["own", "poet"]
    assert (long[0].context_length, long[0].kv_type) == (8192, "q8_0")
    assert [prompt.text for prompt in long[1]] == ["long", "longer"]
    assert told["a-poet"] == own
    assert told["longer"] == long


@pytest.mark.parametrize("taken", ["writer", "WRITER", BASE])
async def test_the_name_of_another_model_is_refused(library: Folder, taken: str) -> None:
    service = ProfileService(library)
    await service.create(NewProfile(name="writer", model="smol"))
    with pytest.raises(NameTaken):
        await service.create(NewProfile(name=taken, model="smol"))


async def test_a_file_that_is_there_is_left_as_it_is(library: Folder) -> None:
    (library.folder / "writer.toml").write_text("mine")
    with pytest.raises(NameTaken):
        await ProfileService(library).create(NewProfile(name="writer", model="smol"))
    assert (library.folder / "writer.toml").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "default", "a" * 101, "a\n", "\0"])
async def test_what_cannot_be_a_name_is_refused(library: Folder, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await ProfileService(library).create(NewProfile(name=name, model="smol"))
    assert list(library.folder.iterdir()) == []


async def test_an_unknown_model_is_refused_before_anything_is_written(library: Folder) -> None:
    with pytest.raises(ModelNotFound):
        await ProfileService(library).create(NewProfile(name="writer", model="gemma"))
    assert list(library.folder.iterdir()) == []


async def test_a_very_long_system_prompt_is_refused(library: Folder) -> None:
    wanted = NewProfile(name="writer", model="smol", system="x" * 200_000)
    with pytest.raises(InvalidRequest):
        await ProfileService(library).create(wanted)


async def test_a_folder_that_cannot_be_written_to_is_told(library: Folder) -> None:
    library.folder = library.folder / "gone"
    with pytest.raises(ModelError, match="cannot be written"):
        await ProfileService(library).create(NewProfile(name="writer", model="smol"))


async def test_a_file_that_is_gone_again_is_told(library: Folder) -> None:
    async def remove() -> None:
        (library.folder / "writer.toml").unlink()

    library.rescan = remove  # type: ignore[method-assign]
    with pytest.raises(ProfileInvalid, match="gone again"):
        await ProfileService(library).create(NewProfile(name="writer", model="smol"))
