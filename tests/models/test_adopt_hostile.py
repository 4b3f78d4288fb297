"""Stores that are broken, or made to lead Hob astray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.library import ReadLibrary
from fakes.stores import KIND, REGISTRY, OllamaStore, hub_file, put, snapshot, weights
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.files import Budget
from hob.models.adopt.found import Found, Where
from hob.models.adopt.programs import find_all

NAME = f"{REGISTRY}/library/evil/latest"
HEX = "a" * 64


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A model outside of every store, which must never be linked."""
    return put(tmp_path / "secret.gguf", weights("secret"))


@pytest.fixture
def store(home: Path) -> OllamaStore:
    return OllamaStore(home / ".ollama" / "models")


def found_in(home: Path, budget: Budget | None = None) -> Sequence[Found]:
    return find_all(Where({}, home, "linux"), budget)[0]


async def adopt_all(home: Path) -> list[Path]:
    """Adopt whatever there is, and say where links lead."""
    models = home.parent / "models"
    models.mkdir(exist_ok=True)
    before = snapshot(home)
    await Adoption(ReadLibrary([models]), lambda: Where({}, home, "linux")).adopt(())
    assert snapshot(home) == before
    return [path.resolve() for path in models.rglob("*") if path.is_symlink()]


def problem_of(found: Sequence[Found]) -> str:
    (one,) = found
    assert one.problem
    assert one.problem.hint
    return str(one.problem)


@pytest.mark.parametrize(
    "digest",
    [
        "../../etc/passwd",
        "sha256:../../../../secret.gguf",
        f"sha256:{HEX}/../../../../../secret.gguf",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        f"sha256:{HEX}\n",
        f"sha512:{HEX}",
        f"sha256:{HEX}\0",
        "/etc/passwd",
        "",
    ],
)
async def test_a_digest_that_is_none_never_becomes_a_path(
    home: Path, store: OllamaStore, secret: Path, digest: str
) -> None:
    size = len(weights("secret"))
    store.manifest(NAME, [{"mediaType": KIND + "model", "digest": digest, "size": size}])
    assert "no digest" in problem_of(found_in(home))
    assert await adopt_all(home) == []


@pytest.mark.parametrize("kind", ["projector", "adapter", "params", "system", "template"])
async def test_a_bad_digest_of_any_layer_spoils_the_model(
    home: Path, store: OllamaStore, kind: str
) -> None:
    layers = [
        {"mediaType": KIND + "model", "digest": store.blob(weights()), "size": len(weights())},
        {"mediaType": KIND + kind, "digest": "sha256:../../x", "size": 1},
    ]
    store.manifest(NAME, layers)
    assert "no digest" in problem_of(found_in(home))
    assert await adopt_all(home) == []


def layer(store: OllamaStore, **changes: Any) -> list[dict[str, Any]]:
    whole = {"mediaType": KIND + "model", "digest": store.blob(weights()), "size": len(weights())}
    return [whole | changes]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"layers": 5}',
        b'{"layers": [5]}',
        b'{"layers": [{"mediaType": "x"}]}',
        b'{"layers": [{"mediaType": "x", "digest": 5, "size": "1"}]}',
        b'{"layers": ' + b"[" * 100_000,
        b'{"x": ' + b'{"x": ' * 100_000,
        b'{"layers": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"layers": []',
        b"\xff\xfe\x00",
        b" " * (2**20 + 1),
    ],
    ids=range(15),
)
def test_a_manifest_that_is_none_is_one_bad_line(
    home: Path, store: OllamaStore, data: bytes
) -> None:
    store.add()
    store.raw_manifest(NAME, data)
    found = {one.name: one.problem for one in found_in(home)}
    assert found["llama3.2:3b"] is None
    assert found["evil:latest"]


def test_a_model_with_a_layer_for_each_tensor_is_told_as_none(
    home: Path, store: OllamaStore
) -> None:
    store.manifest(NAME, layer(store, mediaType=KIND + "tensor") * 4_000)
    assert "no GGUF file" in problem_of(found_in(home))


@pytest.mark.parametrize("size", [0, -1, 2**63, len(weights()) - 1])
def test_a_file_of_another_size_than_its_manifest_says_is_refused(
    home: Path, store: OllamaStore, size: int
) -> None:
    store.manifest(NAME, layer(store, size=size))
    assert problem_of(found_in(home))


def test_a_model_without_weights_is_told_as_such(home: Path, store: OllamaStore) -> None:
    store.manifest(NAME, [])
    assert "no GGUF file" in problem_of(found_in(home))
    store.manifest(NAME, layer(store) * 2)
    assert "in 2 files" in problem_of(found_in(home))


def test_a_model_that_is_no_gguf_is_told_as_such(home: Path, store: OllamaStore) -> None:
    store.add(NAME, model=b"\x80\x00\x00\x00{safetensors}")
    assert "not a GGUF file" in problem_of(found_in(home))


def test_a_missing_blob_is_told_as_such(home: Path, store: OllamaStore) -> None:
    store.add(NAME)
    for blob in (store.root / "blobs").iterdir():
        blob.unlink()
    assert "not there" in problem_of(found_in(home))


async def test_a_blob_that_is_a_link_out_of_the_store_is_not_followed(
    home: Path, store: OllamaStore, secret: Path
) -> None:
    store.manifest(NAME, layer(store))
    (blob,) = (store.root / "blobs").iterdir()
    blob.unlink()
    blob.symlink_to(secret)
    assert "out of that program's folder" in problem_of(found_in(home))
    assert await adopt_all(home) == []


async def test_a_folder_of_blobs_that_is_a_link_out_is_not_followed(
    home: Path, store: OllamaStore, tmp_path: Path
) -> None:
    store.manifest(NAME, layer(store))
    (store.root / "blobs").rename(tmp_path / "moved")
    (store.root / "blobs").symlink_to(tmp_path / "moved")
    assert "out of that program's folder" in problem_of(found_in(home))
    assert await adopt_all(home) == []


def test_a_store_that_is_itself_a_link_to_another_disk_is_read(home: Path, tmp_path: Path) -> None:
    OllamaStore(tmp_path / "disk" / "models").add()
    (home / ".ollama").mkdir()
    (home / ".ollama" / "models").symlink_to(tmp_path / "disk" / "models")
    (one,) = found_in(home)
    assert one.problem is None


def test_links_that_form_a_ring_are_one_bad_line(home: Path, store: OllamaStore) -> None:
    store.manifest(NAME, layer(store))
    (blob,) = (store.root / "blobs").iterdir()
    blob.unlink()
    blob.symlink_to(blob)
    assert problem_of(found_in(home))


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file_is_never_opened(home: Path, store: OllamaStore, kind: str) -> None:
    store.manifest(NAME, layer(store))
    (blob,) = (store.root / "blobs").iterdir()
    blob.unlink()
    blob.mkdir() if kind == "folder" else os.mkfifo(blob)
    assert "not a file" in problem_of(found_in(home))


def test_a_manifest_that_is_a_pipe_or_a_link_out_is_not_read(
    home: Path, store: OllamaStore, tmp_path: Path
) -> None:
    real = store.add()
    os.mkfifo(real.with_name("pipe"))
    outside = put(tmp_path / "outside", real.read_bytes())
    real.with_name("link").symlink_to(outside)
    found = {one.name: one.problem for one in found_in(home)}
    assert found["llama3.2:3b"] is None
    assert found["llama3.2:pipe"]
    assert found["llama3.2:link"]


def test_files_at_the_wrong_depth_are_no_models(home: Path, store: OllamaStore) -> None:
    store.raw_manifest("stray", b"{}")
    store.raw_manifest(f"{REGISTRY}/stray", b"{}")
    store.raw_manifest(f"{REGISTRY}/library/m/t/deeper/still", b"{}")
    assert found_in(home) == []


def test_a_hundred_thousand_entries_cost_a_bounded_look(home: Path, store: OllamaStore) -> None:
    store.add()
    folder = home / ".lmstudio" / "models" / "p" / "r"
    folder.mkdir(parents=True)
    for number in range(100_000):
        os.close(os.open(folder / f"{number}.gguf", os.O_CREAT | os.O_WRONLY))
    found, problems = find_all(Where({}, home, "linux"), Budget(2_000))
    assert len(found) <= 2_000
    assert [one.name for one in found if one.problem is None] == ["llama3.2:3b"]
    assert ["too many files" in problem.message for problem in problems] == [True]


def test_very_many_manifests_cost_a_bounded_look(home: Path, store: OllamaStore) -> None:
    for number in range(300):
        store.raw_manifest(f"{REGISTRY}/library/m/{number}", b"{}")
    found, problems = find_all(Where({}, home, "linux"), Budget(1_000))
    assert len(found) < 100
    assert len(problems) == 1


def test_a_ring_of_folders_ends(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "p" / "r"
    put(folder / "tiny.gguf", weights())
    (folder / "again").symlink_to(folder.parent)
    (one,) = found_in(home)
    assert one.name == "p/r/tiny"


async def test_a_snapshot_that_leads_out_of_its_repository_is_not_linked(
    home: Path, secret: Path
) -> None:
    hub = home / ".cache" / "huggingface" / "hub"
    link = hub_file(hub, "org/tiny", "tiny.gguf", weights())
    other = hub_file(hub, "org/other", "other.gguf", weights("other")).resolve()
    for target in (secret, other):
        link.unlink()
        link.symlink_to(target)
        problems = [one.problem for one in found_in(home) if one.name == "org/tiny/tiny"]
        assert ["out of that program's folder" in str(problem) for problem in problems] == [True]
    assert secret not in await adopt_all(home)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"nonsense", b'{"downloadsFolder": 5}', b'{"downloadsFolder": "../../x"}', b"["],
)
def test_settings_of_lm_studio_that_are_none_are_passed_over(home: Path, text: bytes) -> None:
    put(home / ".lmstudio" / "settings.json", text)
    put(home / ".lmstudio" / "models" / "p" / "r" / "tiny.gguf", weights())
    assert len(found_in(home)) == 1


def test_a_file_whose_name_is_no_text_is_passed_over(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "p" / "r"
    put(folder / "tiny.gguf", weights())
    put(folder / os.fsdecode(b"\xff.gguf"), weights("other"))
    assert [one.name for one in found_in(home)] == ["p/r/tiny"]


def test_a_store_that_may_not_be_read_is_told_with_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home / ".lmstudio" / "models" / "p" / "r" / "tiny.gguf", weights())
    OllamaStore(home / ".ollama" / "models").add()
    real = os.scandir

    def refuse(path: Any) -> Any:
        if "manifests" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, problems = find_all(Where({}, home, "linux"))
    assert [one.name for one in found] == ["p/r/tiny"]
    (problem,) = problems
    assert "Ollama" in problem.message
    assert "Permission denied" in problem.message
