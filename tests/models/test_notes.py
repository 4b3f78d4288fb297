"""What is remembered of models: it survives restarts, renames and half-written files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from fakes.watched import Library
from hob.errors import InvalidRequest, ModelNotFound, ModelQuarantined, NameTaken, WorkerDied
from hob.models.notes import MAX_FORMER, Notes, Target
from hob.wire.base import ErrorInfo
from hob.wire.events import ModelAdded, ModelChanged

CRASH = ErrorInfo.of(WorkerDied("The process ended with signal 11."))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write_tiny_gguf(folder / "a.gguf")
    write_tiny_gguf(folder / "b.gguf", {"llama.context_length": 512})
    return folder


async def opened(tmp_path: Path, folder: Path) -> Library:
    library = Library(tmp_path, folder)
    await library.registry.rescan()
    return library


async def test_an_alias_names_its_model_everywhere_and_after_a_restart(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    library.registry.set_alias("writer", "a")
    assert library.registry.resolve("writer").aliases == ("writer",)
    assert library.told.names(ModelChanged) == ["a:f32"]
    await library.registry.rescan()
    again = (await opened(tmp_path, folder)).registry
    assert again.resolve("writer").name == "a:f32"
    assert again.resolve("wri").name == "a:f32"


async def test_an_alias_belongs_to_one_model_and_can_be_taken_away(
    tmp_path: Path, folder: Path
) -> None:
    registry = (await opened(tmp_path, folder)).registry
    registry.set_alias("writer", "a")
    registry.set_alias("writer", "b")
    assert [info.aliases for info in registry.infos()] == [(), ("writer",)]
    registry.set_alias("writer", "")
    assert [info.aliases for info in registry.infos()] == [(), ()]
    with pytest.raises(ModelNotFound):
        registry.resolve("writer")
    with pytest.raises(ModelNotFound):
        registry.set_alias("writer", "")


@pytest.mark.parametrize(
    ("alias", "error"),
    [
        ("b:f32", NameTaken),
        ("B:F32", NameTaken),
        ("", InvalidRequest),
        ("a b", InvalidRequest),
        ("../x", InvalidRequest),
        ("x\x1b[31m", InvalidRequest),
        ("x" * 101, InvalidRequest),
    ],
)
async def test_what_cannot_be_an_alias_is_refused(
    tmp_path: Path, folder: Path, alias: str, error: type[Exception]
) -> None:
    registry = (await opened(tmp_path, folder)).registry
    with pytest.raises(error):
        registry.set_alias(alias, "a")


async def test_an_alias_follows_a_file_that_was_renamed_while_hob_was_away(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    library.registry.set_alias("writer", "a")
    await library.registry.rescan()
    (folder / "a.gguf").rename(folder / "other.gguf")
    registry = (await opened(tmp_path, folder)).registry
    assert registry.resolve("writer").path == str(folder / "other.gguf")


async def test_an_alias_stays_with_the_name_when_the_file_is_a_newer_one(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    library.registry.set_alias("writer", "a")
    write_tiny_gguf(folder / "a.gguf", {"llama.context_length": 1024})
    await library.registry.rescan()
    assert library.registry.resolve("writer").context_length == 1024


async def test_a_former_name_leads_on_until_another_model_takes_it(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    (folder / "a.gguf").rename(folder / "c.gguf")
    await library.registry.rescan()
    assert library.registry.resolve("a:f32").name == "c:f32"
    assert (await opened(tmp_path, folder)).registry.resolve("a:f32").name == "c:f32"
    write_tiny_gguf(folder / "a.gguf", {"llama.context_length": 64})
    await library.registry.rescan()
    assert library.registry.resolve("a:f32").context_length == 64
    (folder / "a.gguf").unlink()
    await library.registry.rescan()
    with pytest.raises(ModelNotFound):
        library.registry.resolve("a:f32")


async def test_a_copy_is_a_model_of_its_own_with_the_same_identity(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    library.registry.set_alias("writer", "a")
    shutil.copy(folder / "a.gguf", folder / "copy.gguf")
    await library.registry.rescan()
    first, second = library.registry.resolve("a:f32"), library.registry.resolve("copy")
    assert first.id == second.id != ""
    assert (first.aliases, second.aliases) == (("writer",), ())
    (folder / "a.gguf").unlink()
    await library.registry.rescan()
    assert library.registry.resolve("writer").name == "copy:f32"


async def test_a_model_that_crashed_is_not_loaded_until_it_is_forgiven(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    registry = library.registry
    registry.quarantine(registry.resolve("a"), CRASH)
    with pytest.raises(ModelQuarantined, match="signal 11") as caught:
        registry.resolve("a")
    assert "hob models forgive a:f32" in caught.value.hint
    await registry.rescan()
    again = (await opened(tmp_path, folder)).registry
    with pytest.raises(ModelQuarantined):
        again.resolve("a")
    assert again.forgive("a").problem is None
    assert again.resolve("a").problem is None
    assert registry.forgive("b").name == "b:f32"


async def test_a_crash_is_held_against_the_file_under_another_name_and_not_another_file(
    tmp_path: Path, folder: Path
) -> None:
    library = await opened(tmp_path, folder)
    registry = library.registry
    registry.quarantine(registry.resolve("a"), CRASH)
    (folder / "a.gguf").rename(folder / "c.gguf")
    await registry.rescan()
    with pytest.raises(ModelQuarantined):
        registry.resolve("c")
    write_tiny_gguf(folder / "c.gguf")
    assert registry.resolve("c").problem is None
    assert library.told.names(ModelAdded) == ["a:f32", "b:f32"]


async def test_a_digest_holds_until_the_file_changes_and_follows_its_name(
    tmp_path: Path, folder: Path
) -> None:
    registry = (await opened(tmp_path, folder)).registry
    registry.note_digest(str(folder / "a.gguf"), "ab" * 32, "hf:org/repo")
    registry.note_digest(str(folder / "none.gguf"), "cd" * 32, "nobody")
    assert registry.digest("a:f32") == ("ab" * 32, "hf:org/repo")
    assert registry.digest("b:f32") is None
    assert registry.digest("none") is None
    (folder / "a.gguf").rename(folder / "c.gguf")
    await registry.rescan()
    assert (await opened(tmp_path, folder)).registry.digest("c:f32") is not None
    write_tiny_gguf(folder / "c.gguf", {"llama.context_length": 64})
    await registry.rescan()
    assert registry.digest("c:f32") is None


@pytest.mark.parametrize("content", [b"", b'{"aliases": {"wri', b"[]", b"\xff", b"{" * 5_000_000])
async def test_broken_notes_cost_the_notes_and_nothing_else(
    tmp_path: Path, folder: Path, content: bytes
) -> None:
    notes = tmp_path / "state" / "models.json"
    notes.parent.mkdir()
    notes.write_bytes(content)
    registry = (await opened(tmp_path, folder)).registry
    registry.set_alias("writer", "a")
    await registry.rescan()
    assert (await opened(tmp_path, folder)).registry.resolve("writer").name == "a:f32"


async def test_notes_that_cannot_be_written_are_kept_in_mind(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    registry = (await opened(tmp_path, folder)).registry
    registry.set_alias("writer", "a")
    await registry.rescan()
    assert registry.resolve("writer").name == "a:f32"


async def test_without_notes_no_file_is_made(tmp_path: Path, folder: Path) -> None:
    await opened(tmp_path, folder)
    assert not (tmp_path / "state").exists()


def test_former_names_are_bounded() -> None:
    notes = Notes()
    for number in range(MAX_FORMER + 50):
        notes.renamed(f"old-{number}", Target(name="new"))
    assert len(notes.former) == MAX_FORMER
    assert "old-0" not in notes.former
