"""The token's file is private or not used at all; a token is long, random and fit for a header."""

# ruff: noqa: ASYNC240 - the tests' own file calls may block

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hob.api.token_store import FileStore, new_token, usable, username_for
from hob.errors import SecretStoreError


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "state")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "api-token"


def plant(file: Path) -> Path:
    file.parent.mkdir(mode=0o700)
    return file


def test_tokens_are_unlike_and_fit_into_a_header() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert token.startswith("hob-")
        assert len(token) == 47
        assert usable(token)


@pytest.mark.parametrize(
    "token", ["", "short", "with space in it 0123", "line\nbreak0123456789", "\xe9" * 20, "x" * 300]
)
def test_a_damaged_token_is_not_usable(token: str) -> None:
    assert not usable(token)


def test_each_home_has_its_own_name() -> None:
    assert username_for() == "api-token"
    assert username_for("a1b2") == "api-token-a1b2"


async def test_what_is_kept_is_read_again_and_replaced_and_removed(store: FileStore) -> None:
    assert await store.get(may_prompt=False) is None
    for token in (new_token(), new_token()):
        await store.set(token, may_prompt=False)
        assert await store.get(may_prompt=False) == token
    await store.delete(may_prompt=False)
    assert await store.get(may_prompt=False) is None
    await store.delete(may_prompt=False)


async def test_the_file_is_for_the_user_only(store: FileStore, file: Path) -> None:
    old = os.umask(0)
    try:
        await store.set(new_token(), may_prompt=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file], "nothing is left over"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
async def test_a_file_that_others_may_read_is_refused(
    store: FileStore, file: Path, mode: int
) -> None:
    await store.set(new_token(), may_prompt=False)
    file.chmod(mode)
    with pytest.raises(SecretStoreError, match="read by others") as caught:
        await store.get(may_prompt=False)
    assert "--token-file" in caught.value.hint


async def test_a_file_of_another_user_is_refused(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.set(new_token(), may_prompt=False)
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(SecretStoreError, match="another user"):
        await store.get(may_prompt=False)


async def test_a_link_is_not_followed(store: FileStore, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("hob-of-somebody-else-0123456789")
    target.chmod(0o600)
    plant(file).symlink_to(target)
    with pytest.raises(SecretStoreError, match="cannot be read"):
        await store.get(may_prompt=False)
    await store.set(new_token(), may_prompt=False)
    assert target.read_text() == "hob-of-somebody-else-0123456789"
    assert not file.is_symlink()


async def test_a_pipe_or_a_folder_in_its_place_does_not_hang(store: FileStore, file: Path) -> None:
    os.mkfifo(plant(file), 0o600)
    with pytest.raises(SecretStoreError, match="not a file"):
        await store.get(may_prompt=False)
    file.unlink()
    file.mkdir()
    with pytest.raises(SecretStoreError):
        await store.get(may_prompt=False)
    with pytest.raises(SecretStoreError, match="cannot be written"):
        await store.set(new_token(), may_prompt=False)
    assert list(file.parent.iterdir()) == [file], "nothing is left over"


async def test_bytes_that_are_no_text_are_refused(store: FileStore, file: Path) -> None:
    plant(file).write_bytes(b"\xff\xfe\x00")
    file.chmod(0o600)
    with pytest.raises(SecretStoreError, match="cannot be read"):
        await store.get(may_prompt=False)
