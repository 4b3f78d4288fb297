"""Real files in real folders, watched by the real watchdog."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import EventDispatcher

from fakes.tiny_gguf import tiny_gguf, write_split_gguf, write_tiny_gguf
from fakes.watched import Library, watching
from hob.models.folder import mounts
from hob.models.folder.watch import native_observer
from hob.wire.events import (
    LibraryWarning,
    ModelAdded,
    ModelChanged,
    ModelCopying,
    ModelRemoved,
    ModelRenamed,
)

WHOLE = tiny_gguf().bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def other(path: Path, length: int = 512) -> Path:
    """Another model than the tiny one."""
    return write_tiny_gguf(path, {"llama.context_length": length})


async def settled(library: Library, folder: Path) -> None:
    """Whatever happened before in the folder has been told."""
    mark = folder / f"mark-{len(library.told.facts)}.gguf"
    other(mark, 64)
    await library.told.added(f"{mark.stem}:f32")
    mark.unlink()
    await library.told.until(lambda: f"{mark.stem}:f32" in library.told.names(ModelRemoved))


async def test_a_file_that_comes_is_added_and_one_that_goes_is_removed(
    tmp_path: Path, folder: Path
) -> None:
    async with watching(tmp_path, folder) as library:
        write_tiny_gguf(folder / "a.gguf")
        await library.told.added("a:f32")
        assert library.registry.resolve("a").problem is None
        (folder / "a.gguf").unlink()
        await library.told.until(lambda: library.told.names(ModelRemoved) == ["a:f32"])
        assert library.names == []
        assert ("removed", "a:f32", None) in library.told.calls


@pytest.mark.parametrize("bring", ["cp", "mv", "ln", "ln -s", "cp --sparse=always", "install"])
async def test_however_a_file_comes_it_is_added_once(
    tmp_path: Path, folder: Path, bring: str
) -> None:
    source = write_tiny_gguf(tmp_path / "elsewhere" / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await asyncio.to_thread(
            subprocess.run, [*bring.split(), str(source), str(folder / "a.gguf")], check=True
        )
        await library.told.added("a:f32")
        await settled(library, folder)
        assert library.told.names(ModelAdded).count("a:f32") == 1
        assert library.names == ["a:f32"]


async def test_a_slow_copy_is_copying_and_then_added_once(tmp_path: Path, folder: Path) -> None:
    async with watching(tmp_path, folder) as library:
        told = library.told
        with (folder / "a.gguf").open("wb", buffering=0) as file:
            done = 0
            for end in (4, 60_000, 120_000, len(WHOLE) - 1):
                file.write(WHOLE[done:end])
                done = end

                def seen(end: int = end) -> bool:
                    ways = [info.copying for info in library.registry.infos()]
                    return any(way and way.done_bytes == end for way in ways)

                await library.registry.rescan()
                assert seen()
                assert told.names(ModelAdded) == []
            (info,) = library.registry.infos()
            assert info.name == "a:f32"
            assert info.problem is not None
            assert info.problem.code == "model_copying"
            assert f"{done:,} of {len(WHOLE):,} bytes" in info.problem.message
            file.write(WHOLE[done:])
            await told.added("a:f32")  # although the writer has it open still
        await settled(library, folder)
        assert told.names(ModelAdded).count("a:f32") == 1
        ways = told.of(ModelCopying)
        assert {way.total_bytes for way in ways} <= {0, len(WHOLE)}
        assert ways


async def test_room_that_is_reserved_first_is_not_a_model(tmp_path: Path, folder: Path) -> None:
    async with watching(tmp_path, folder) as library:
        with (folder / "a.gguf").open("wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, len(WHOLE))
            await library.told.until(lambda: library.told.of(ModelCopying))
            file.write(WHOLE[: len(WHOLE) // 2])
            await library.registry.rescan()
            file.write(WHOLE[len(WHOLE) // 2 :])
            await library.registry.rescan()
            assert library.told.names(ModelAdded) == []
            assert library.registry.infos()[0].copying is not None
        await library.told.added("a:f32")
        assert library.told.names(ModelAdded) == ["a:f32"]


async def test_a_file_that_is_written_over_is_no_model_until_its_writer_is_done(
    tmp_path: Path, folder: Path
) -> None:
    path = write_tiny_gguf(folder / "a.gguf")
    os.utime(path, (0, 0))
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
        with path.open("r+b", buffering=0) as file:
            file.seek(len(WHOLE) - 100)
            file.write(bytes(50))
            await library.told.until(lambda: library.told.of(ModelChanged))
            assert library.registry.infos()[0].copying is not None
        await library.told.until(lambda: library.registry.infos()[0].problem is None)
        assert library.told.names(ModelAdded) == ["a:f32"]
        assert ("changed", "a:f32", True) in library.told.calls


async def test_a_truncated_file_is_told_at_once_as_changed_in_place(
    tmp_path: Path, folder: Path
) -> None:
    path = write_tiny_gguf(folder / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
        os.truncate(path, 60_000)
        await library.told.until(lambda: library.told.of(ModelChanged))
        assert library.told.calls[-1] == ("changed", "a:f32", True)


async def test_a_file_that_takes_the_place_of_another_is_changed_and_not_in_place(
    tmp_path: Path, folder: Path
) -> None:
    path = write_tiny_gguf(folder / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
        other(tmp_path / "new.gguf").replace(path)
        await library.told.until(lambda: library.told.of(ModelChanged))
        assert library.told.calls == [("changed", "a:f32", False)]
        assert library.registry.resolve("a").context_length == 512


async def test_a_copy_that_was_given_up_says_what_it_lacks(tmp_path: Path, folder: Path) -> None:
    async with watching(tmp_path, folder, patience_s=0.2) as library:
        (folder / "a.gguf").write_bytes(WHOLE[:100_000])
        await library.told.until(lambda: library.told.of(ModelChanged))
        (info,) = library.registry.infos()
        assert info.copying is None
        assert info.problem is not None
        assert info.problem.code == "bad_model_file"
        assert f"{len(WHOLE):,} bytes and has 100,000" in info.problem.message
        (folder / "a.gguf").write_bytes(WHOLE)
        await library.told.added("a:f32")


async def test_partial_names_cost_no_look_and_a_rename_ends_them(
    tmp_path: Path, folder: Path
) -> None:
    async with watching(tmp_path, folder) as library:
        for end in (".part", ".crdownload", ".download", ".incomplete", ".tmp", "~", ".partial"):
            (folder / f"a.gguf{end}").write_bytes(WHOLE)
        (folder / ".a.gguf").write_bytes(WHOLE)
        await settled(library, folder)
        assert library.names == []
        (folder / "a.gguf.part").rename(folder / "a.gguf")
        await library.told.added("a:f32")


async def test_a_rename_and_a_move_keep_what_the_model_is(tmp_path: Path, folder: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    write_tiny_gguf(folder / "a.gguf")
    async with watching(tmp_path, folder, second) as library:
        await library.told.added("a:f32")
        library.registry.set_alias("mine", "a")
        mark = library.registry.resolve("a").id
        (folder / "a.gguf").rename(folder / "b.gguf")
        await library.told.until(lambda: library.told.of(ModelRenamed))
        (folder / "b.gguf").rename(second / "c.gguf")
        await library.told.until(lambda: len(library.told.of(ModelRenamed)) == 2)
        info = library.registry.resolve("mine")
        assert (info.name, info.id, info.aliases) == ("c:f32", mark, ("mine",))
        assert library.registry.resolve("a:f32") is info
        assert library.registry.resolve("b:f32") is info
        assert [call for call in library.told.calls if call[0] == "renamed"] == [
            ("renamed", "a:f32", "b:f32"),
            ("renamed", "b:f32", "c:f32"),
        ]
        assert library.told.names(ModelRemoved) == []
        assert library.told.names(ModelAdded) == ["a:f32"]


async def test_a_whole_folder_that_is_moved_in_and_renamed_keeps_its_models(
    tmp_path: Path, folder: Path
) -> None:
    write_tiny_gguf(tmp_path / "deep" / "er" / "a.gguf")
    other(tmp_path / "deep" / "b.gguf")
    async with watching(tmp_path, folder) as library:
        (tmp_path / "deep").rename(folder / "deep")
        await library.told.added("a:f32")
        await library.told.added("b:f32")
        (folder / "deep").rename(folder / "down")
        path = str(folder / "down" / "b.gguf")
        await library.told.until(lambda: path in [info.path for info in library.registry.infos()])
        assert library.told.names(ModelRemoved) == []
        shutil.rmtree(folder / "down")
        await library.told.until(lambda: len(library.told.names(ModelRemoved)) == 2)


async def test_a_folder_behind_a_link_is_watched(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "far").mkdir()
    async with watching(tmp_path, folder) as library:
        (folder / "link").symlink_to(tmp_path / "far")
        await settled(library, folder)
        write_tiny_gguf(tmp_path / "far" / "a.gguf")
        await library.told.added("a:f32")
        (tmp_path / "far" / "a.gguf").unlink()
        await library.told.until(lambda: "a:f32" in library.told.names(ModelRemoved))


async def test_the_file_behind_a_link_is_watched(tmp_path: Path, folder: Path) -> None:
    blob = tmp_path / "blobs" / "sha256-abc"
    write_tiny_gguf(blob)
    async with watching(tmp_path, folder) as library:
        (folder / "a.gguf").symlink_to(blob)
        await library.told.added("a:f32")
        await settled(library, folder)
        os.truncate(blob, 60_000)
        await library.told.until(lambda: "a:f32" in library.told.names(ModelChanged))


async def test_links_that_form_a_ring_are_walked_once(tmp_path: Path, folder: Path) -> None:
    async with watching(tmp_path, folder) as library:
        (folder / "sub").mkdir()
        (folder / "sub" / "up").symlink_to(folder)
        write_tiny_gguf(folder / "sub" / "a.gguf")
        await library.told.added("a:f32")
        assert library.names == ["a:f32"]


async def test_a_folder_may_come_go_and_come_back(tmp_path: Path, folder: Path) -> None:
    drive = tmp_path / "drive" / "models"
    async with watching(tmp_path, folder, drive) as library:
        assert [str(drive) in warning.message for warning in library.registry.warnings] == [True]
        for count in (1, 2):
            write_tiny_gguf(drive / "a.gguf")
            await library.told.times(ModelAdded, count)
            assert library.registry.warnings == ()
            shutil.rmtree(tmp_path / "drive")
            await library.told.times(ModelRemoved, count)
        assert not drive.exists()


async def test_the_folder_that_becomes_a_link_to_itself_is_an_empty_one(
    tmp_path: Path, folder: Path
) -> None:
    write_tiny_gguf(folder / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
        shutil.rmtree(folder)
        os.symlink(folder, folder)  # noqa: PTH211 (the disk is what is tested)
        await library.told.until(lambda: library.told.of(ModelRemoved))
        os.unlink(folder)  # noqa: PTH108
        write_tiny_gguf(folder / "b.gguf")
        await library.told.added("b:f32")


async def test_a_split_model_is_one_copy_until_its_last_part_is_there(
    tmp_path: Path, folder: Path
) -> None:
    parts = write_split_gguf(tmp_path, "Tiny")
    async with watching(tmp_path, folder) as library:
        for count, part in enumerate(parts[:-1], 1):
            shutil.copy(part, folder)
            while [len(info.files) for info in library.registry.infos()] != [count]:
                await library.registry.rescan()
            await library.registry.rescan()
            (info,) = library.registry.infos()
            assert info.copying is not None
            assert info.copying.done_bytes == sum(path.stat().st_size for path in parts[:count])
            assert info.problem is not None
            assert "missing" in info.problem.message
        shutil.copy(parts[-1], folder)
        await library.told.added("tiny:f32")
        assert library.told.names(ModelAdded) == ["tiny:f32"]


async def test_a_part_that_never_comes_is_named(tmp_path: Path, folder: Path) -> None:
    parts = write_split_gguf(tmp_path, "Tiny")
    async with watching(tmp_path, folder, patience_s=0.2) as library:
        for part in parts[:2]:
            shutil.copy(part, folder)
        await library.told.until(
            lambda: any(
                info.problem and info.problem.message.startswith("Part 3 of 3 is missing")
                for info in library.registry.infos()
            )
        )
        assert library.told.of(ModelAdded) == []


async def test_a_name_that_is_not_utf_8_is_listed_as_bad(tmp_path: Path, folder: Path) -> None:
    async with watching(tmp_path, folder) as library:
        write_tiny_gguf(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.gguf")))
        await library.told.until(lambda: library.names)
        (info,) = library.registry.infos()
        assert info.problem is not None
        assert "not valid UTF-8" in info.problem.message


async def test_what_the_index_says_is_believed_only_of_the_same_file(
    tmp_path: Path, folder: Path
) -> None:
    write_tiny_gguf(folder / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
    other(folder / "a.gguf")
    async with watching(tmp_path, folder) as library:
        await library.told.added("a:f32")
        assert library.registry.resolve("a").context_length == 512


async def test_lost_events_are_made_up_for_once_the_loss_is_told(
    tmp_path: Path, folder: Path
) -> None:
    def deaf() -> Any:
        observer = native_observer()
        put = observer.event_queue.put

        def only_the_end(item: Any, *args: Any, **options: Any) -> None:
            if item is EventDispatcher.stop_event:
                put(item, *args, **options)

        observer.event_queue.put = only_the_end  # type: ignore[method-assign]
        return observer

    async with watching(tmp_path, folder, observer=deaf) as library:
        write_tiny_gguf(folder / "a.gguf")
        logging.getLogger("watchdog.observers.inotify_c").warning("the queue has overflowed")
        await library.told.added("a:f32")


async def test_without_watches_the_folder_is_looked_at_and_says_so(
    tmp_path: Path, folder: Path
) -> None:
    def none_left() -> Any:
        raise OSError(24, "inotify instance limit reached")

    async with watching(tmp_path, folder, observer=none_left) as library:
        await library.told.until(lambda: library.told.of(LibraryWarning))
        (warning,) = library.registry.warnings
        assert "no watches left" in warning.message
        assert "max_user_watches" in warning.hint
        write_tiny_gguf(folder / "a.gguf")
        await library.told.added("a:f32")


async def test_watches_that_run_out_below_a_folder_are_noticed(
    tmp_path: Path, folder: Path
) -> None:
    def little_room() -> Any:
        observer = native_observer()
        schedule = observer.schedule

        def limited(handler: Any, path: str, **options: Any) -> Any:
            if path == "/":
                raise OSError(28, "inotify watch limit reached")
            return schedule(handler, path, **options)

        observer.schedule = limited  # type: ignore[method-assign, assignment]
        return observer

    async with watching(tmp_path, folder, observer=little_room) as library:
        await library.told.until(lambda: library.told.of(LibraryWarning))
        assert "no watches left" in library.registry.warnings[0].message


async def test_a_network_drive_is_looked_at_and_says_so(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "_mounts", lambda: [("/", "ext4"), (str(tmp_path), "nfs4")])
    async with watching(tmp_path, folder) as library:
        await library.told.until(lambda: library.told.of(LibraryWarning))
        assert "network drive" in library.registry.warnings[0].message
        write_tiny_gguf(folder / "a.gguf")
        await library.told.added("a:f32")


async def test_watches_that_end_by_themselves_are_made_anew(tmp_path: Path, folder: Path) -> None:
    made: list[Any] = []

    def kept() -> Any:
        made.append(native_observer())
        return made[-1]

    async with watching(tmp_path, folder, observer=kept) as library:
        await asyncio.to_thread(made[0].stop)
        await asyncio.to_thread(made[0].join)
        write_tiny_gguf(folder / "a.gguf")
        await library.told.added("a:f32")
        await settled(library, folder)
        assert len(made) == 2


async def test_an_observer_that_fails_strangely_costs_no_model(
    tmp_path: Path, folder: Path
) -> None:
    def strange() -> Any:
        raise RuntimeError("can't start new thread")

    async with watching(tmp_path, folder, observer=strange) as library:
        await library.told.until(lambda: library.told.of(LibraryWarning))
        write_tiny_gguf(folder / "a.gguf")
        await library.told.added("a:f32")
