"""Putting models away, renaming them, and aliases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.library import ReadLibrary
from fakes.stores import ADAPTER, PROJECTOR, OllamaStore, put, snapshot, weights
from fakes.tiny_gguf import write_split_gguf
from hob.errors import (
    DownloadError,
    HobError,
    InvalidRequest,
    ModelAmbiguous,
    ModelNotFound,
    NameTaken,
)
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.found import Where
from hob.models.care.care import Care
from hob.wire.profiles import Profile


@dataclass
class Bench:
    """A models folder, a trash, and what was done with workers before."""

    home: Path
    models: Path
    log: list[str] = field(default_factory=list)
    trash_problem: OSError | None = None
    unload_problem: HobError | None = None

    def __post_init__(self) -> None:
        self.library = ReadLibrary([self.models])
        self.trash = self.home / "trash"
        self.care = Care(self.library, self._unload, self.where, trash=self._to_trash)

    def where(self) -> Where:
        return Where({}, self.home, "linux")

    async def holding(self, **files: bytes) -> Bench:
        """With these files (`__` for a folder), and read."""
        for name, data in files.items():
            put(self.models / f"{name.replace('__', '/')}.gguf", data)
        await self.library.rescan()
        return self

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.models))
            for path in self.models.rglob("*")
            if not path.is_dir()
        )

    def names(self) -> list[str]:
        return [info.name for info in self.library.infos()]

    async def _unload(self, name: str) -> None:
        self.log.append(f"unload {name}")
        if self.unload_problem:
            raise self.unload_problem

    def _to_trash(self, path: str) -> None:
        if self.trash_problem:
            raise self.trash_problem
        self.log.append(f"trash {Path(path).name}")
        self.trash.mkdir(exist_ok=True)
        Path(path).rename(self.trash / Path(path).name)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "home").mkdir()
    (tmp_path / "models").mkdir()
    return Bench(tmp_path / "home", tmp_path / "models")


# ---- rm ----


async def test_a_removed_model_is_unloaded_and_then_put_into_the_trash(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    removed = await bench.care.remove("tiny")
    assert (removed.model, removed.trash) == ("tiny:f32", True)
    assert removed.files == (str(bench.models / "tiny.gguf"),)
    assert bench.log == ["unload tiny:f32", "trash tiny.gguf"]
    assert bench.names() == []
    assert (bench.trash / "tiny.gguf").read_bytes() == weights()


async def test_for_good_takes_no_trash_and_tells_what_it_freed(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    removed = await bench.care.remove("tiny:f32", for_good=True)
    assert (removed.trash, removed.freed_bytes) == (False, len(weights()))
    assert bench.files() == []
    assert not bench.trash.exists()


async def test_all_parts_of_a_split_model_go(bench: Bench) -> None:
    write_split_gguf(bench.models, "tiny-f32")
    await bench.library.rescan()
    removed = await bench.care.remove("tiny")
    assert len(removed.files) == 3
    assert bench.files() == []


async def test_the_projector_goes_with_the_last_model_that_sees_by_it(bench: Bench) -> None:
    await bench.holding(a_Q4_0=weights("a"), a_Q8_0=weights("b"), **{"mmproj-a-F16": PROJECTOR})
    await bench.care.remove(bench.names()[0], for_good=True)
    assert "mmproj-a-F16.gguf" in bench.files()
    await bench.care.remove(bench.names()[0], for_good=True)
    assert bench.files() == []


async def test_of_a_link_only_the_link_goes(bench: Bench, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.gguf", weights())
    (bench.models / "tiny.gguf").symlink_to(outside)
    await bench.library.rescan()
    removed = await bench.care.remove("tiny")
    assert (removed.trash, removed.freed_bytes) == (False, 0)
    assert outside.exists()
    assert bench.files() == []


async def test_an_adopted_model_goes_with_its_modelfile_and_adapter_and_ollama_keeps_everything(
    bench: Bench,
) -> None:
    OllamaStore(bench.home / ".ollama" / "models").add(system="Be brief.", adapter=ADAPTER)
    before = snapshot(bench.home)
    (info,) = (await Adoption(bench.library, bench.where).adopt(())).models
    assert len(bench.files()) == 3
    await bench.care.remove(info.name)
    assert bench.files() == []
    assert snapshot(bench.home) == before


async def test_a_link_that_leads_nowhere_can_be_removed(bench: Bench, tmp_path: Path) -> None:
    (bench.models / "tiny.gguf").symlink_to(tmp_path / "gone.gguf")
    await bench.library.rescan()
    await bench.care.remove("tiny")
    assert bench.files() == []


async def test_a_bad_file_can_be_removed(bench: Bench) -> None:
    await bench.holding(bad=b"no gguf")
    await bench.care.remove("bad")
    assert bench.files() == []


async def test_a_file_in_a_linked_folder_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    file = put(tmp_path / "elsewhere" / "tiny.gguf", weights())
    (bench.models / "linked").symlink_to(file.parent)
    await bench.library.rescan()
    with pytest.raises(InvalidRequest, match="not in a models folder"):
        await bench.care.remove("tiny", for_good=True)
    assert file.exists()
    assert bench.log == []


async def test_a_file_in_another_programs_folder_is_left_alone(bench: Bench) -> None:
    store = bench.home / ".lmstudio" / "models"
    file = put(store / "p" / "r" / "tiny.gguf", weights())
    library = ReadLibrary([bench.models, store])
    await library.rescan()
    care = Care(library, bench._unload, bench.where)
    for call in (care.remove("tiny", for_good=True), care.rename("tiny", "other")):
        with pytest.raises(InvalidRequest, match="belongs to LM Studio"):
            await call
    assert file.exists()


async def test_a_store_that_was_made_hobs_own_folder_is_hobs(bench: Bench) -> None:
    store = bench.home / ".lmstudio" / "models"
    file = put(store / "p" / "r" / "tiny.gguf", weights())
    library = ReadLibrary([store])
    await library.rescan()
    await Care(library, bench._unload, bench.where).remove("tiny", for_good=True)
    assert not file.exists()


async def test_a_profile_is_not_removed_as_a_model(bench: Bench) -> None:
    bench.library.profiles.append(Profile(name="writer", model="tiny:f32", system="Write."))
    await bench.holding(tiny=weights())
    with pytest.raises(InvalidRequest, match=r"profile of tiny:f32"):
        await bench.care.remove("writer")
    await bench.care.remove("tiny:f32")
    assert bench.log[:2] == ["unload tiny:f32", "unload writer"]


async def test_where_there_is_no_trash_nothing_is_removed_and_the_way_is_told(
    bench: Bench,
) -> None:
    await bench.holding(tiny=weights())
    bench.trash_problem = PermissionError(13, "Permission denied")
    with pytest.raises(DownloadError) as caught:
        await bench.care.remove("tiny")
    assert "--for-good" in caught.value.hint
    assert bench.files() == ["tiny.gguf"]


async def test_a_part_that_stays_is_told_with_those_that_went(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_split_gguf(bench.models, "tiny-f32")
    await bench.library.rescan()
    real: Callable[..., None] = Path.unlink

    def refuse_second(self: Path, missing_ok: bool = False) -> None:
        if "00002" in self.name:
            raise PermissionError(13, "Permission denied")
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse_second)
    with pytest.raises(DownloadError, match=r"Removed already: .*00001-of-00003"):
        await bench.care.remove("tiny", for_good=True)
    assert len(bench.files()) == 2


async def test_a_model_that_somebody_else_removed_first_is_no_error(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    (bench.models / "tiny.gguf").unlink()
    # Its name no longer resolves, and it is known all the same until the folder is read again.
    assert (await bench.care.remove("tiny:f32")).files == ()


async def test_two_removals_at_once_remove_it_once(bench: Bench) -> None:
    await bench.holding(tiny=weights(), other=weights("other"))
    results = await asyncio.gather(
        bench.care.remove("tiny"), bench.care.remove("tiny"), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["Removed", "ModelNotFound"]
    assert bench.files() == ["other.gguf"]


@pytest.mark.parametrize(("name", "error"), [("nonsense", ModelNotFound), ("tiny", ModelAmbiguous)])
async def test_what_names_no_single_model_removes_nothing(
    bench: Bench, name: str, error: type[HobError]
) -> None:
    await bench.holding(**{"tiny-1b": weights("a"), "tiny-2b": weights("b")})
    with pytest.raises(error):
        await bench.care.remove(name)
    assert len(bench.files()) == 2


async def test_a_worker_that_cannot_be_ended_keeps_the_file(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    bench.unload_problem = HobError("The worker does not end.")
    with pytest.raises(HobError, match="does not end"):
        await bench.care.remove("tiny")
    assert bench.files() == ["tiny.gguf"]


async def test_the_trash_of_the_desktop_takes_a_model(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from send2trash import plat_other

    from hob.models.care import remove as removing

    monkeypatch.setattr("send2trash.send2trash", plat_other.send2trash)
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "Trash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    await bench.holding(tiny=weights())
    care = Care(bench.library, bench._unload, bench.where, trash=removing.to_trash)
    assert (await care.remove("tiny")).trash
    assert (tmp_path / "Trash" / "files" / "tiny.gguf").read_bytes() == weights()
    info = (tmp_path / "Trash" / "info" / "tiny.gguf.trashinfo").read_text()
    assert "tiny.gguf" in info


# ---- rename ----


@pytest.mark.parametrize(
    ("to", "file", "name"),
    [
        ("cat", "cat.gguf", "cat:f32"),
        ("cat:2b-f32", "cat-2b-f32.gguf", "cat:2b-f32"),
        ("Cat-2B.gguf", "Cat-2B.gguf", "cat:2b-f32"),
        ("Cat:2B-F32", "Cat-2B-F32.gguf", "cat:2b-f32"),
    ],
)
async def test_a_renamed_model_has_that_name_and_its_file_too(
    bench: Bench, to: str, file: str, name: str
) -> None:
    await bench.holding(tiny=weights())
    info = await bench.care.rename("tiny", to)
    assert (info.name, bench.files()) == (name, [file])
    assert bench.library.resolve(to).name == name


async def test_the_parts_of_a_split_model_keep_their_numbers(bench: Bench) -> None:
    write_split_gguf(bench.models, "tiny-f32")
    await bench.library.rescan()
    info = await bench.care.rename("tiny", "cat")
    assert info.problem is None
    assert bench.files() == [f"cat-0000{number}-of-00003.gguf" for number in (1, 2, 3)]


async def test_a_projector_follows_its_model(bench: Bench) -> None:
    await bench.holding(tiny=weights(), other=weights("b"), **{"mmproj-tiny": PROJECTOR})
    info = await bench.care.rename("tiny", "cat")
    assert info.projector.endswith("mmproj-cat.gguf")


async def test_a_projector_of_two_models_keeps_them_from_being_named_apart(bench: Bench) -> None:
    await bench.holding(a_Q4_0=weights("a"), a_Q8_0=weights("b"), **{"mmproj-a": PROJECTOR})
    before = bench.files()
    with pytest.raises(InvalidRequest, match="sees by the same file"):
        await bench.care.rename(bench.names()[0], "cat")
    assert bench.files() == before


@pytest.mark.parametrize(
    "to",
    ["", ".", "..", "../up", "a/b", "/abs", "a\\b", "a\0b", "-x", ".hidden", "a..b", "x" * 101,
     "default", "ä", "a b", "x\n", "tiny-00001-of-00002"],
)  # fmt: skip
async def test_a_name_that_is_none_is_refused(bench: Bench, to: str) -> None:
    await bench.holding(tiny=weights())
    with pytest.raises(InvalidRequest) as caught:
        await bench.care.rename("tiny", to)
    assert caught.value.param == "to"
    assert bench.files() == ["tiny.gguf"]


async def test_the_name_of_another_model_or_file_is_refused(bench: Bench) -> None:
    await bench.holding(tiny=weights("a"), other=weights("b"))
    (bench.models / "half.gguf").symlink_to("nowhere")
    for to in ("other", "other:f32", "half"):
        with pytest.raises(NameTaken):
            await bench.care.rename("tiny", to)
    assert (bench.models / "tiny.gguf").read_bytes() == weights("a")
    assert (bench.models / "other.gguf").read_bytes() == weights("b")


async def test_a_file_that_comes_in_between_is_not_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_split_gguf(bench.models, "tiny-f32")
    await bench.library.rescan()
    before = bench.files()
    real = os.link

    def somebody_else_first(old: Path, new: Path, *, follow_symlinks: bool) -> None:
        if new.name.startswith("cat-00003") and not new.exists():
            new.write_bytes(b"theirs")
        real(old, new, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", somebody_else_first)
    with pytest.raises(NameTaken):
        await bench.care.rename("tiny", "cat")
    theirs = bench.models / "cat-00003-of-00003.gguf"
    assert theirs.read_bytes() == b"theirs"
    assert bench.files() == sorted([*before, theirs.name])


@pytest.mark.parametrize("code", [1, 95, 38])
async def test_a_disk_without_hard_links_renames_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await bench.holding(tiny=weights(), other=weights("other"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    await bench.care.rename("tiny", "cat")
    assert bench.files() == ["cat.gguf", "other.gguf"]
    (bench.models / "dog.gguf").write_bytes(b"theirs")
    with pytest.raises(NameTaken):
        await bench.care.rename("cat", "dog")
    assert (bench.models / "dog.gguf").read_bytes() == b"theirs"


async def test_an_adopted_model_is_renamed_with_what_ollama_set_for_it(bench: Bench) -> None:
    OllamaStore(bench.home / ".ollama" / "models").add(system="Be brief.")
    before = snapshot(bench.home)
    (info,) = (await Adoption(bench.library, bench.where).adopt(())).models
    await bench.care.rename(info.name, "cat")
    assert bench.files() == ["adopted/ollama/cat.gguf", "adopted/ollama/cat:f32.modelfile"]
    text = (bench.models / "adopted/ollama/cat:f32.modelfile").read_text()
    assert "FROM ./cat.gguf\n" in text
    assert snapshot(bench.home) == before


# ---- alias ----


async def test_an_alias_means_a_model_until_it_is_taken_away(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    assert await bench.care.alias("writer", "tiny") == "tiny:f32"
    assert bench.library.resolve("writer").name == "tiny:f32"
    assert await bench.care.alias("writer", "") == ""
    with pytest.raises(ModelNotFound):
        bench.library.resolve("writer")
    with pytest.raises(ModelNotFound, match="no alias writer"):
        await bench.care.alias("writer", "")


async def test_an_alias_may_be_given_again_to_the_same_model(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    await bench.care.alias("writer", "tiny")
    assert await bench.care.alias("writer", "tiny") == "tiny:f32"


async def test_an_alias_never_hides_a_model_or_another_alias(bench: Bench) -> None:
    await bench.holding(tiny=weights("a"), other=weights("b"))
    await bench.care.alias("writer", "tiny")
    for alias, model in (("other:f32", "tiny"), ("tiny:F32", "tiny"), ("writer", "other")):
        with pytest.raises(NameTaken):
            await bench.care.alias(alias, model)
    assert bench.library.aliases == {"writer": "tiny:f32"}


@pytest.mark.parametrize("alias", ["", "../x", "a/b", "default", "x" * 200])
async def test_an_alias_that_is_no_name_is_refused(bench: Bench, alias: str) -> None:
    await bench.holding(tiny=weights())
    with pytest.raises(InvalidRequest):
        await bench.care.alias(alias, "tiny")


async def test_an_alias_of_an_unknown_model_is_refused(bench: Bench) -> None:
    await bench.holding(tiny=weights())
    with pytest.raises(ModelNotFound):
        await bench.care.alias("writer", "nonsense")
    assert bench.library.aliases == {}
