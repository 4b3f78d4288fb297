"""The library over its life: scans, changed files, events and pulls."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from fakes.tiny_gguf import tiny_gguf, write_split_gguf, write_tiny_gguf
from hob.errors import BadModelFile, ModelAmbiguous, ModelCopying, ModelNotFound, NoModels
from hob.models import looking
from hob.models.registry import Registry
from hob.wire.events import Event, ModelAdded, ModelRemoved, ModelRenamed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


async def opened(folder: Path, events: list[Event] | None = None) -> Registry:
    registry = Registry([folder], (events if events is not None else []).append, lambda: 7.0)
    await registry.rescan()
    return registry


async def test_a_missing_folder_is_made_for_the_user_alone(folder: Path) -> None:
    await opened(folder)
    assert mode_of(folder) == 0o700


async def test_a_folder_that_cannot_be_made_leaves_an_empty_library(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    registry = await opened(tmp_path / "file" / "models")
    assert registry.infos() == ()


async def test_an_empty_library_says_how_to_get_a_model(folder: Path) -> None:
    registry = await opened(folder)
    with pytest.raises(NoModels) as caught:
        registry.resolve("any")
    assert "hob models pull starter" in caught.value.hint
    assert str(folder) in caught.value.hint


async def test_models_are_listed_by_name_with_the_bad_ones(folder: Path) -> None:
    write_tiny_gguf(folder / "b.gguf")
    write_tiny_gguf(folder / "c.gguf")
    (folder / "a.gguf").touch()
    registry = await opened(folder)
    assert [info.name for info in registry.infos()] == ["a", "b:f32", "c:f32"]
    assert [info.problem is None for info in registry.infos()] == [False, True, True]


async def test_every_listing_can_be_sent(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    (folder / os.fsdecode(b"\xff\xfe.gguf")).touch()
    registry = await opened(folder)
    assert len(registry.infos()) == 2
    assert msgspec.json.decode(msgspec.json.encode(registry.infos()))


async def test_several_folders_make_one_library(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "one" / "a.gguf")
    write_tiny_gguf(tmp_path / "two" / "b.gguf")
    registry = Registry([tmp_path / "one", tmp_path / "two"], lambda event: None)
    await registry.rescan()
    assert [info.name for info in registry.infos()] == ["a:f32", "b:f32"]
    assert registry.folder == tmp_path / "one"


async def test_a_rescan_tells_what_came_and_what_went(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    events: list[Event] = []
    registry = await opened(folder, events)
    assert events == [ModelAdded(at=7.0, model="a:f32")]
    (folder / "a.gguf").rename(folder / "b.gguf")
    await registry.rescan()
    write_tiny_gguf(folder / "c.gguf", {"llama.context_length": 512})
    await registry.rescan()
    (folder / "b.gguf").unlink()
    await registry.rescan()
    await registry.rescan()
    assert events[1:] == [
        ModelRenamed(at=7.0, old="a:f32", model="b:f32"),
        ModelAdded(at=7.0, model="c:f32"),
        ModelRemoved(at=7.0, model="b:f32"),
    ]


async def test_rescans_at_the_same_time_tell_each_change_once(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    events: list[Event] = []
    registry = Registry([folder], events.append)
    await asyncio.gather(*(registry.rescan() for _ in range(5)))
    assert len(events) == 1


async def test_a_model_is_found_by_part_of_its_name(folder: Path) -> None:
    write_tiny_gguf(folder / "Tiny-1B-Chat.gguf")
    write_tiny_gguf(folder / "Tiny-2B-Chat.gguf")
    registry = await opened(folder)
    assert registry.resolve("tiny:2b").name == "tiny:2b-chat-f32"
    with pytest.raises(ModelAmbiguous):
        registry.resolve("tiny")
    with pytest.raises(ModelNotFound):
        registry.resolve("../Tiny-1B-Chat")


async def test_a_bad_file_says_why_when_it_is_asked_for(made: Path) -> None:
    (made / "page.gguf").write_bytes(b"<html>")
    registry = await opened(made)
    with pytest.raises(BadModelFile, match="web page"):
        registry.resolve("page")


async def test_a_replaced_file_is_seen_without_a_rescan(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    registry = await opened(folder)
    before = registry.resolve("a")
    write_tiny_gguf(folder / "new", {"llama.context_length": 512, "general.name": "New"})
    (folder / "new").replace(folder / "a.gguf")
    after = registry.resolve("a")
    assert (before.context_length, after.context_length) == (256, 512)
    assert after.file_bytes == (folder / "a.gguf").stat().st_size
    assert registry.infos() == (after,)


async def test_a_file_whose_copy_has_ended_is_usable_without_a_rescan(made: Path) -> None:
    content = tiny_gguf().bytes()
    (made / "a.gguf").write_bytes(content[:9_000])
    registry = await opened(made)
    with pytest.raises(ModelCopying, match="9,000 bytes are there"):
        registry.resolve("a")
    with (made / "a.gguf").open("ab") as file:
        file.write(content[9_000:])
    assert registry.resolve("a").problem is None


async def test_a_file_that_was_cut_after_the_scan_is_refused(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    registry = await opened(folder)
    os.truncate(folder / "a.gguf", 9_000)
    with pytest.raises(ModelCopying):
        registry.resolve("a")
    os.utime(folder / "a.gguf", (0, 0))
    with pytest.raises(BadModelFile, match="cut short"):
        registry.resolve("a")


async def test_a_file_that_is_gone_says_so(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf")
    registry = await opened(folder)
    (folder / "a.gguf").unlink()
    with pytest.raises(ModelNotFound, match="is gone from"):
        registry.resolve("a")


async def test_a_part_that_is_gone_says_so(made: Path) -> None:
    paths = write_split_gguf(made, "Tiny")
    registry = await opened(made)
    assert registry.resolve("tiny").path == str(paths[0])
    paths[2].unlink()
    with pytest.raises(ModelNotFound, match="is gone from"):
        registry.resolve("tiny")


ADAPTER = {"general.type": "adapter", "adapter.type": "lora"}


async def test_an_adapter_is_found_by_its_name_and_by_its_path_in_the_folder(folder: Path) -> None:
    path = write_tiny_gguf(folder / "styles" / "Polite.gguf", ADAPTER)
    write_tiny_gguf(folder / "polite-model.gguf")
    registry = await opened(folder)
    for name in ("polite", "Polite.gguf", "styles/Polite.gguf", str(path)):
        assert registry.resolve_adapter(name) == str(path)


@pytest.mark.parametrize(
    "name", ["tiny", "tiny.gguf", "../secret.gguf", "/etc/passwd", "other/Polite.gguf", "", "x\0"]
)
async def test_only_an_adapter_of_the_folder_can_be_named(folder: Path, name: str) -> None:
    write_tiny_gguf(folder / "tiny.gguf")
    write_tiny_gguf(folder / "Polite.gguf", ADAPTER)
    write_tiny_gguf(folder.parent / "secret.gguf", ADAPTER)
    registry = await opened(folder)
    with pytest.raises(ModelNotFound, match="no LoRA adapter") as caught:
        registry.resolve_adapter(name)
    assert caught.value.param == "lora"


async def test_without_any_adapter_the_error_says_where_to_put_one(folder: Path) -> None:
    registry = await opened(folder)
    with pytest.raises(ModelNotFound) as caught:
        registry.resolve_adapter("polite")
    assert str(folder) in caught.value.hint


async def test_an_adapter_is_no_model_to_answer_with(folder: Path) -> None:
    write_tiny_gguf(folder / "tiny.gguf")
    write_tiny_gguf(folder / "tiny-polite.gguf", ADAPTER)
    registry = await opened(folder)
    assert registry.resolve("tiny").path == str(folder / "tiny.gguf")
    assert [info.name for info in registry.infos() if info.problem is None] == ["tiny:f32"]
    with pytest.raises(BadModelFile, match="adapter"):
        registry.resolve("tiny-polite")


async def test_an_adapter_that_is_gone_or_replaced_is_not_given_out(folder: Path) -> None:
    path = write_tiny_gguf(folder / "polite.gguf", ADAPTER)
    registry = await opened(folder)
    path.unlink()
    with pytest.raises(ModelNotFound, match="gone"):
        registry.resolve_adapter("polite")
    write_tiny_gguf(path)
    with pytest.raises(ModelNotFound, match="no adapter any more"):
        registry.resolve_adapter("polite")


async def test_a_model_is_found_by_the_path_of_any_of_its_files(made: Path) -> None:
    parts = write_split_gguf(made, "big")
    registry = await opened(made)
    assert {registry.at_path(str(part)) for part in parts} == {registry.infos()[0]}
    assert registry.at_path(str(made / "other.gguf")) is None


async def test_the_memory_of_many_files_is_given_back_once_they_are_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(looking, "_MANY", 2)
    monkeypatch.setattr(looking, "_give_memory_back", lambda: given.append(1))
    paths = [write_tiny_gguf(folder / f"m{number}.gguf") for number in range(4)]
    registry = await opened(folder)
    for path in paths:
        path.unlink()
    await registry.rescan()
    assert given == []
    await registry.rescan()
    await registry.rescan()
    assert given == [1]
