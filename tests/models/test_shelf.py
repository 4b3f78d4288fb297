"""Profiles as models, and who is told when what changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from fakes.watched import Library
from hob.errors import BadModelFile, ProfileInvalid
from hob.wire.base import ErrorInfo
from hob.wire.events import ModelAdded, ModelChanged, ModelRemoved
from hob.wire.profiles import Profile


class Written:
    """Profiles as if they were read from files."""

    def __init__(self, *profiles: Profile) -> None:
        self.profiles: list[Profile] = list(profiles)
        self.reads = 0
        self.folders: Sequence[Path] = ()
        self.fails = False

    def __call__(self, folders: Sequence[Path]) -> Sequence[Profile]:
        self.reads += 1
        self.folders = folders
        if self.fails:
            raise RuntimeError("a strange file")
        return tuple(self.profiles)


WRITER = Profile(name="writer", model="a", system="You write.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write_tiny_gguf(folder / "a.gguf")
    return folder


async def opened(tmp_path: Path, folder: Path, written: Written) -> Library:
    library = Library(tmp_path, folder, read_profiles=written)
    await library.registry.rescan()
    return library


async def test_a_profile_is_a_model_that_its_base_answers_for(tmp_path: Path, folder: Path) -> None:
    library = await opened(tmp_path, folder, Written(WRITER))
    info = library.registry.resolve("writer")
    assert (info.name, info.base, info.served_by) == ("writer", "a:f32", "a:f32")
    assert info.worker == "a:f32"
    assert info.path == library.registry.resolve("a:f32").path
    profile = library.registry.profile("writer")
    assert profile is not None
    assert (profile.model, profile.system) == ("a:f32", WRITER.system)
    assert library.registry.profile("a:f32") is None
    assert sorted(library.told.names(ModelAdded)) == ["a:f32", "writer"]


async def test_a_profile_that_loads_otherwise_has_a_worker_of_its_own(
    tmp_path: Path, folder: Path
) -> None:
    long = Profile(name="long", model="a", context_length=4096)
    registry = (await opened(tmp_path, folder, Written(long))).registry
    assert registry.resolve("long").worker == "long"


async def test_a_profile_with_the_name_of_a_model_sets_that_up(
    tmp_path: Path, folder: Path
) -> None:
    own = Profile(name="a:f32", model="a:f32", system="Be brief.")
    library = await opened(tmp_path, folder, Written(own))
    assert library.names == ["a:f32"]
    assert library.registry.profile("a:f32") == own


async def test_a_profile_without_its_model_says_so(tmp_path: Path, folder: Path) -> None:
    lost = Profile(name="lost", model="nowhere", path="/lost.toml")
    library = await opened(tmp_path, folder, Written(lost))
    with pytest.raises(ProfileInvalid, match="nowhere"):
        library.registry.resolve("lost")
    assert library.told.names(ModelAdded) == ["a:f32"]
    assert library.told.names(ModelChanged) == ["lost"]


async def test_a_broken_profile_is_a_model_that_says_why(tmp_path: Path, folder: Path) -> None:
    problem = ErrorInfo.of(ProfileInvalid("Line 3 is wrong.", hint="Look at it."))
    broken = Profile(name="broken", model="a", problem=problem)
    library = await opened(tmp_path, folder, Written(broken))
    with pytest.raises(ProfileInvalid, match="Line 3"):
        library.registry.resolve("broken")
    (info,) = [info for info in library.registry.infos() if info.name == "broken"]
    assert info.problem == problem


async def test_profiles_are_read_when_their_files_change(tmp_path: Path, folder: Path) -> None:
    written = Written()
    library = await opened(tmp_path, folder, written)
    look = library.registry._look
    await look(False)
    assert written.reads == 1
    (folder / "writer.toml").write_text("x")
    written.profiles.append(WRITER)
    await look(False)
    assert written.reads == 2
    assert library.names == ["a:f32", "writer"]
    (folder / "Modelfile").write_text("FROM a")
    await look(False)
    assert written.reads == 3
    assert written.folders == [folder]


async def test_a_reader_that_fails_costs_no_model(tmp_path: Path, folder: Path) -> None:
    written = Written(WRITER)
    library = await opened(tmp_path, folder, written)
    written.fails = True
    await library.registry.rescan()
    assert library.names == ["a:f32", "writer"]


async def test_another_text_changes_the_profile_and_not_what_is_loaded(
    tmp_path: Path, folder: Path
) -> None:
    written = Written(WRITER)
    library = await opened(tmp_path, folder, written)
    written.profiles = [Profile(name="writer", model="a", system="You write well.")]
    await library.registry.rescan()
    assert library.told.names(ModelChanged) == ["writer"]
    assert library.told.calls == []
    written.profiles = [Profile(name="writer", model="a", context_length=512)]
    await library.registry.rescan()
    assert library.told.calls == [("changed", "writer", False)]
    written.profiles = []
    await library.registry.rescan()
    assert library.told.names(ModelRemoved) == ["writer"]
    assert library.told.calls[-1] == ("removed", "writer", None)


async def test_what_happens_to_the_base_happens_to_the_profiles_of_it(
    tmp_path: Path, folder: Path
) -> None:
    long = Profile(name="long", model="a", context_length=4096)
    library = await opened(tmp_path, folder, Written(WRITER, long))
    (folder / "a.gguf").rename(folder / "b.gguf")
    await library.registry.rescan()
    assert library.registry.resolve("writer").served_by == "b:f32"
    path = write_tiny_gguf(tmp_path / "new.gguf", {"llama.context_length": 64})
    path.replace(folder / "b.gguf")
    await library.registry.rescan()
    changed = [call for call in library.told.calls if call[0] == "changed"]
    assert changed == [("changed", "b:f32", False), ("changed", "long", False)]
    assert library.registry.resolve("writer").context_length == 64
    (folder / "b.gguf").write_bytes(b"<html>")
    with pytest.raises(BadModelFile):
        library.registry.resolve("writer")


async def test_exact_names_and_paths_lead_to_models(tmp_path: Path, folder: Path) -> None:
    (folder / "link.gguf").symlink_to(folder / "a.gguf")
    registry = (await opened(tmp_path, folder, Written(WRITER))).registry
    assert registry.model("a") is None
    found = registry.model("a:f32")
    assert found is not None
    assert found.files[0].path == str(folder / "a.gguf")
    for path in (folder / "a.gguf", str(folder / "link.gguf")):
        info = registry.at_path(path)
        assert info is not None
        assert info.name == "a:f32"
    assert registry.at_path(folder / "none.gguf") is None
    assert registry.folders == (folder,)
