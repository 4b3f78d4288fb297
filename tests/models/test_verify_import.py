"""Checking a model's digest, and taking files in."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import pytest

from fakes.library import ReadLibrary
from fakes.stores import ADAPTER, PROJECTOR, OllamaStore, hub_file, put, snapshot, weights
from fakes.tiny_gguf import write_split_gguf
from hob.errors import DownloadError
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.found import Where
from hob.models.care import importing, moving
from hob.models.care.care import Care
from hob.models.care.hub import ListedDigests
from hob.models.care.verify import HubDigests
from hob.wire.library import (
    Imported,
    ImportEvent,
    ImportFailed,
    ImportProgress,
    ImportRequest,
    Verified,
    VerifyFailed,
    VerifyProgress,
)
from hob.wire.models import ModelInfo

GOOD = hashlib.sha256(weights()).hexdigest()


def spoil(link: str, data: bytearray) -> None:
    """Write over what a link leads to."""
    Path(link).write_bytes(data)


class Hub:
    """Knows the digests it is given, or fails."""

    def __init__(self, told: Mapping[str, str], problem: DownloadError | None = None) -> None:
        self._told = told
        self._problem = problem
        self.asked: list[str] = []

    async def digests(self, info: ModelInfo, paths: Sequence[str]) -> Mapping[str, str]:
        self.asked += [info.name, *(Path(path).name for path in paths)]
        if self._problem:
            raise self._problem
        return {
            path: self._told[Path(path).name] for path in paths if Path(path).name in self._told
        }


class Bench:
    def __init__(self, folder: Path) -> None:
        self.home, self.models, self.outside = (folder / name for name in ("h", "m", "o"))
        for one in (self.home, self.models, self.outside):
            one.mkdir()
        self.library = ReadLibrary([self.models])
        self.free = 10**12

    def care(self, hub: HubDigests | None = None) -> Care:
        return Care(
            self.library,
            self._unload,
            self.where,
            hub=hub,
            free_bytes=lambda _: self.free,
        )

    def where(self) -> Where:
        return Where({}, self.home, "linux")

    async def _unload(self, name: str) -> None:
        raise AssertionError(f"nobody unloads {name} for this")

    async def verify(self, name: str, hub: HubDigests | None = None, online: bool = False) -> Any:
        """The last event."""
        await self.library.rescan()
        return [event async for event in self.care(hub).verify(name, online=online)][-1]

    async def take_in(self, path: Path | str, how: Literal["copy", "link", "move"] = "copy") -> Any:
        """The last event."""
        await self.library.rescan()
        return [event async for event in self.importing(path, how)][-1]

    def importing(
        self, path: Path | str, how: Literal["copy", "link", "move"] = "copy"
    ) -> AsyncIterator[ImportEvent]:
        return self.care().take_in(ImportRequest(path=str(path), how=how))

    def files(self) -> list[str]:
        return sorted(path.name for path in self.models.rglob("*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# ---- verify ----


async def test_a_file_nobody_knows_is_read_with_progress_and_its_digest_is_told(
    bench: Bench,
) -> None:
    put(bench.models / "tiny.gguf", weights())
    await bench.library.rescan()
    events = [event async for event in bench.care().verify("tiny")]
    progress = [event for event in events if isinstance(event, VerifyProgress)]
    assert progress[-1].done_bytes == progress[-1].total_bytes == len(weights())
    (last,) = events[len(progress) :]
    assert isinstance(last, Verified)
    assert (last.good, last.sha256, last.expected) == (None, GOOD, "")
    assert last.hint


async def test_a_file_whose_bytes_go_bad_after_its_verification_is_told_the_next_time(
    bench: Bench,
) -> None:
    file = put(bench.models / "tiny.gguf", weights())
    at = file.stat().st_mtime_ns
    await bench.verify("tiny")
    again = await bench.verify("tiny")
    assert (again.good, again.source) == (True, "verification")
    data = bytearray(weights())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(at, at))
    bad = await bench.verify("tiny")
    assert bad.good is False
    assert "last verified" in bad.hint


async def test_what_a_download_noted_decides(bench: Bench) -> None:
    file = put(bench.models / "tiny.gguf", weights())
    bench.library.note_digest(file, GOOD, "hub")
    assert (await bench.verify("tiny")).good is True
    bench.library.note_digest(file, "0" * 64, "hub")
    bad = await bench.verify("tiny")
    assert (bad.good, bad.expected, bad.source) == (False, "0" * 64, "hub")
    assert "fetch it again" in bad.hint


@pytest.mark.parametrize("program", ["ollama", "huggingface"])
async def test_an_adopted_model_is_known_by_the_name_of_its_blob(
    bench: Bench, program: str
) -> None:
    if program == "ollama":
        OllamaStore(bench.home / ".ollama" / "models").add()
    else:
        hub_file(bench.home / ".cache/huggingface/hub", "o/r", "tiny.gguf", weights())
    (info,) = (await Adoption(bench.library, bench.where).adopt(())).models
    bench.library.note_digest(info.path, "0" * 64, "hub")
    good = await bench.verify(info.name)
    assert (good.good, good.source) == (True, program)
    data = bytearray(weights())
    data[-1] ^= 1
    spoil(info.path, data)
    assert (await bench.verify(info.name)).good is False


async def test_every_part_and_the_projector_are_read_and_one_bad_one_decides(
    bench: Bench,
) -> None:
    parts = write_split_gguf(bench.models, "tiny-f32")
    put(bench.models / "mmproj-tiny.gguf", PROJECTOR)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in parts}
    digests["mmproj-tiny.gguf"] = hashlib.sha256(PROJECTOR).hexdigest()
    hub = Hub(digests)
    good = await bench.verify("tiny:f32", hub, online=True)
    assert (good.good, len(good.files), good.source) == (True, 4, "hub")
    assert hub.asked[0] == "tiny:f32"
    bad = await bench.verify("tiny:f32", Hub(digests | {parts[1].name: "0" * 64}), online=True)
    assert (bad.good, bad.expected) == (False, "0" * 64)
    assert [file.good for file in bad.files] == [True, False, True, True]


async def test_the_hub_is_asked_only_when_it_is_wanted(bench: Bench) -> None:
    put(bench.models / "tiny.gguf", weights())
    hub = Hub({"tiny.gguf": GOOD})
    assert "--online" in (await bench.verify("tiny", hub)).hint
    assert hub.asked == []
    assert (await bench.verify("tiny", hub, online=True)).source == "hub"


async def test_the_hub_is_not_asked_for_what_is_known(bench: Bench) -> None:
    file = put(bench.models / "tiny.gguf", weights())
    await bench.library.rescan()
    bench.library.note_digest(file, GOOD, "hub")
    hub = Hub({}, DownloadError("The hub is away."))
    assert (await bench.verify("tiny", hub, online=True)).good is True
    assert hub.asked == []


async def test_a_hub_that_cannot_be_asked_is_told(bench: Bench) -> None:
    put(bench.models / "tiny.gguf", weights())
    failed = await bench.verify("tiny", Hub({}, DownloadError("The hub is away.")), online=True)
    assert isinstance(failed, VerifyFailed)
    assert failed.error.message == "The hub is away."
    without = await bench.verify("tiny", online=True)
    assert isinstance(without, VerifyFailed)
    assert without.error.param == "online"


async def test_a_file_that_cannot_be_read_or_is_unknown_is_told(bench: Bench) -> None:
    file = put(bench.models / "tiny.gguf", weights())
    await bench.library.rescan()
    file.unlink()
    for name in ("tiny:f32", "nonsense"):
        last = [event async for event in bench.care().verify(name)][-1]
        assert isinstance(last, VerifyFailed)
        assert last.error.code == "model_not_found"


async def test_leaving_stops_the_reading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hob.models.care.verify._CHUNK_BYTES", 16)
    monkeypatch.setattr("hob.models.care.steps._REPORT_EVERY_S", 0)
    put(bench.models / "tiny.gguf", weights())
    await bench.library.rescan()
    async with aclosing(bench.care().verify("tiny")) as events:
        first = await anext(events)
        assert isinstance(first, VerifyProgress)
    # It is not remembered as verified, since it was not read to its end.
    assert bench.library.digest("tiny:f32") is None


@pytest.mark.parametrize(
    ("store", "file", "asked"),
    [
        ("m", "org/tiny-GGUF/tiny.gguf", ["org/tiny-GGUF"]),
        ("m", "org/tiny-GGUF/Q4/tiny.gguf", ["org/tiny-GGUF"]),
        ("h/.lmstudio/models", "org/tiny-GGUF/tiny.gguf", ["org/tiny-GGUF"]),
        ("m", "tiny.gguf", []),
        ("m", "org/tiny.gguf", []),
        ("m", "-x/tiny GGUF/tiny.gguf", []),
    ],
)
async def test_the_hub_is_asked_for_the_repository_that_the_files_place_tells(
    bench: Bench, tmp_path: Path, store: str, file: str, asked: list[str]
) -> None:
    path = put(tmp_path / store / file, weights())
    repositories: list[str] = []

    async def list_files(repository: str) -> Mapping[str, str]:
        repositories.append(repository)
        return {"deep/tiny.gguf": GOOD, "other.gguf": "0" * 64}

    if store != "m":
        await Adoption(bench.library, bench.where).adopt(())
    hub = ListedDigests(list_files, bench.where, bench.library.folders)
    last = await bench.verify("tiny", hub, online=True)
    assert repositories == asked
    assert path.exists()
    if asked:
        assert (last.good, last.source) == (True, "hub")
    else:
        assert (last.error.code, last.error.param) == ("not_on_hub", "online")


@pytest.mark.parametrize(
    "listing",
    [{}, {"a/tiny.gguf": "0" * 64, "b/tiny.gguf": "1" * 64}, {"tiny.gguf": "not a digest"}],
)
async def test_a_listing_that_does_not_tell_the_digest_leaves_it_unknown(
    bench: Bench, listing: dict[str, str]
) -> None:
    put(bench.models / "org/tiny-GGUF/tiny.gguf", weights())

    async def list_files(_: str) -> Mapping[str, str]:
        return listing

    hub = ListedDigests(list_files, bench.where, bench.library.folders)
    assert (await bench.verify("tiny", hub, online=True)).good is None


# ---- import ----


async def test_a_copy_is_whole_listed_and_leaves_its_source(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    before = snapshot(bench.outside)
    last = await bench.take_in(source)
    assert isinstance(last, Imported)
    assert last.model.name == "tiny:f32"
    assert (bench.models / "tiny.gguf").read_bytes() == weights()
    assert bench.files() == ["tiny.gguf"]
    assert snapshot(bench.outside) == before


async def test_a_copy_tells_its_progress(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    await bench.library.rescan()
    events = [event async for event in bench.importing(source)]
    progress = [event for event in events if isinstance(event, ImportProgress)]
    assert progress[-1].done_bytes == progress[-1].total_bytes == len(weights())


async def test_a_link_leaves_the_file_and_takes_no_room(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    bench.free = 0
    assert isinstance(await bench.take_in(source, "link"), Imported)
    assert (bench.models / "tiny.gguf").readlink() == source


async def test_a_move_takes_the_file(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    assert isinstance(await bench.take_in(source, "move"), Imported)
    assert not source.exists()
    assert bench.files() == ["tiny.gguf"]


def across_disks(monkeypatch: pytest.MonkeyPatch, outside: Path) -> None:
    """Let nothing be moved out of `outside` in one step."""
    real = moving.move

    def move(old: Path, new: Path) -> None:
        if old.is_relative_to(outside):
            raise OSError(errno.EXDEV, "another disk")
        real(old, new)

    monkeypatch.setattr(importing, "move", move)


async def test_a_move_between_disks_copies_and_then_removes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    across_disks(monkeypatch, bench.outside)
    parts = write_split_gguf(bench.outside, "tiny-f32")
    assert isinstance(await bench.take_in(parts[1], "move"), Imported)
    assert not any(part.exists() for part in parts)
    assert len(bench.files()) == 3


async def test_a_move_between_disks_that_fails_leaves_the_files_where_they_were(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    across_disks(monkeypatch, bench.outside)
    parts = write_split_gguf(bench.outside, "tiny-f32")
    before = snapshot(bench.outside)
    fill_disk(monkeypatch, "00002-of")
    last = await bench.take_in(parts[0], "move")
    assert last.error.code == "disk_full"
    assert snapshot(bench.outside) == before
    assert bench.files() == []


def fill_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the disk be full when a file of that name is made durable."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if name in Path(f"/proc/self/fd/{fd}").readlink().name:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)


async def test_all_parts_come_along_whichever_is_named(bench: Bench) -> None:
    parts = write_split_gguf(bench.outside, "tiny-f32")
    last = await bench.take_in(parts[2])
    assert isinstance(last, Imported)
    assert last.model.problem is None
    assert len(bench.files()) == 3


async def test_a_split_model_that_lacks_a_part_is_not_taken_in(bench: Bench) -> None:
    parts = write_split_gguf(bench.outside, "tiny-f32")
    parts[1].unlink()
    last = await bench.take_in(parts[0])
    assert "Part 2 of 3 is missing" in last.error.message
    assert bench.files() == []


@pytest.mark.parametrize("data", [PROJECTOR, ADAPTER], ids=["projector", "adapter"])
async def test_projectors_and_adapters_can_be_taken_in(bench: Bench, data: bytes) -> None:
    put(bench.models / "tiny.gguf", weights())
    last = await bench.take_in(put(bench.outside / "mmproj-tiny.gguf", data))
    assert isinstance(last, Imported)
    assert "mmproj-tiny.gguf" in bench.files()


async def test_what_is_no_model_is_not_taken_in(bench: Bench) -> None:
    cases: dict[Path | str, str] = {
        put(bench.outside / "html.gguf", b"<html>"): "bad_model_file",
        put(bench.outside / "empty.gguf", b""): "bad_model_file",
        put(bench.outside / "cut.gguf", weights()[:-500]): "bad_model_file",
        put(bench.outside / "text.txt", b"x"): "invalid_request",
        bench.outside / "nowhere.gguf": "model_not_found",
        "relative.gguf": "invalid_request",
        f"{bench.outside}/nul\0.gguf": "invalid_request",
    }
    for path, code in cases.items():
        last = await bench.take_in(path)
        assert isinstance(last, ImportFailed), path
        assert last.error.code == code, path
        assert last.error.hint
    os.mkfifo(bench.outside / "pipe.gguf")
    (bench.outside / "dir.gguf").mkdir()
    for name in ("pipe.gguf", "dir.gguf"):
        assert (await bench.take_in(bench.outside / name)).error.code == "bad_model_file"
    assert bench.files() == []


async def test_a_file_of_that_name_is_never_overwritten(bench: Bench) -> None:
    put(bench.models / "tiny.gguf", weights("mine"))
    for how in ("copy", "link", "move"):
        source = put(bench.outside / "tiny.gguf", weights("other"))
        last = await bench.take_in(source, how)
        assert last.error.code == "name_taken"
        assert source.exists()
    assert (bench.models / "tiny.gguf").read_bytes() == weights("mine")


async def test_a_file_that_comes_while_copying_is_not_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    real = os.fsync

    def somebody_else_first(fd: int) -> None:
        (bench.models / "tiny.gguf").write_bytes(b"theirs")
        real(fd)

    monkeypatch.setattr(os, "fsync", somebody_else_first)
    assert (await bench.take_in(source)).error.code == "name_taken"
    assert (bench.models / "tiny.gguf").read_bytes() == b"theirs"
    assert bench.files() == ["tiny.gguf"]


async def test_a_file_of_the_library_is_there_already(bench: Bench) -> None:
    file = put(bench.models / "tiny.gguf", weights())
    for how in ("copy", "move", "link"):
        last = await bench.take_in(file, how)
        assert isinstance(last, Imported)
    assert file.read_bytes() == weights()
    assert bench.files() == ["tiny.gguf"]


async def test_too_little_room_is_told_before_anything_is_written(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    bench.free = 1000
    last = await bench.take_in(source)
    assert last.error.code == "disk_full"
    assert last.error.details["free_bytes"] == 1000
    assert "--link" in last.error.hint
    assert bench.files() == []


async def test_a_disk_that_fills_while_copying_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = write_split_gguf(bench.outside, "tiny-f32")
    fill_disk(monkeypatch, "00002-of")
    last = await bench.take_in(parts[0])
    assert last.error.code == "disk_full"
    assert bench.files() == []


async def test_a_file_that_changes_while_it_is_copied_is_not_taken_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    real = os.fsync

    def append(fd: int) -> None:
        with source.open("ab") as file:
            file.write(b"more")
        real(fd)

    monkeypatch.setattr(os, "fsync", append)
    last = await bench.take_in(source)
    assert "changed while it was copied" in last.error.message
    assert bench.files() == []


async def test_a_link_and_a_file_of_another_program_are_not_moved(bench: Bench) -> None:
    link = bench.outside / "link.gguf"
    link.symlink_to(put(bench.outside / "tiny.gguf", weights()))
    assert "--link" in (await bench.take_in(link, "move")).error.hint
    theirs = put(bench.home / ".lmstudio/models/p/r/tiny.gguf", weights())
    assert "LM Studio" in (await bench.take_in(theirs, "move")).error.message
    assert theirs.exists()


async def test_leaving_takes_the_copy_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    real: Callable[..., None] = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        real(self, missing_ok=missing_ok)
        if self.name.endswith(importing.PARTIAL_ENDING):
            loop.call_soon_threadsafe(gone.set)

    left = threading.Event()
    sync = os.fsync

    def fsync(fd: int) -> None:
        assert left.wait(30)
        sync(fd)

    monkeypatch.setattr(Path, "unlink", unlink)
    monkeypatch.setattr(os, "fsync", fsync)
    source = put(bench.outside / "tiny.gguf", weights())
    await bench.library.rescan()
    events = bench.care().take_in(ImportRequest(path=str(source)))
    async with aclosing(events):
        assert isinstance(await anext(events), ImportProgress)
    left.set()
    await asyncio.wait_for(gone.wait(), 30)
    assert bench.files() == []


async def test_two_imports_of_one_file_at_once_make_one_model(bench: Bench) -> None:
    source = put(bench.outside / "tiny.gguf", weights())
    await bench.library.rescan()
    care = bench.care()

    async def last() -> ImportEvent:
        return [event async for event in care.take_in(ImportRequest(path=str(source)))][-1]

    ends = await asyncio.gather(*(last() for _ in range(4)))
    assert any(isinstance(end, Imported) for end in ends)
    for end in ends:
        assert isinstance(end, Imported) or end.error.code == "name_taken"  # type: ignore[union-attr]
    assert (bench.models / "tiny.gguf").read_bytes() == weights()
    assert bench.files() == ["tiny.gguf"]


async def test_imports_of_several_files_at_once_do_not_hurt_each_other(bench: Bench) -> None:
    sources = [put(bench.outside / f"m{n}.gguf", weights(str(n))) for n in range(6)]
    await bench.library.rescan()
    care = bench.care()

    async def last(path: Path) -> ImportEvent:
        return [event async for event in care.take_in(ImportRequest(path=str(path)))][-1]

    ends = await asyncio.gather(*map(last, sources))
    assert all(isinstance(end, Imported) for end in ends)
    assert len(bench.files()) == 6


async def test_what_an_import_left_that_was_killed_is_cleared_by_the_next(bench: Bench) -> None:
    put(bench.models / f".other.gguf{importing.PARTIAL_ENDING}", b"half")
    assert isinstance(await bench.take_in(put(bench.outside / "tiny.gguf", weights())), Imported)
    assert bench.files() == ["tiny.gguf"]
