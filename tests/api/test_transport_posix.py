"""The UNIX socket keeps everybody else out, and comes back when it is removed."""

# ruff: noqa: ASYNC240 - the tests' own file calls may block

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from fakes.small_app import SmallApp, running
from hob.api.auth import guard
from hob.api.transport_posix import (
    SocketGuard,
    SocketListener,
    bind_socket,
    clear_stale,
    is_own_peer,
    peer_uid,
    prepare_run_dir,
    uid_of_xucred,
)
from hob.errors import AlreadyRunning, StartFailed

NOBODY = 65_534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def path(run_dir: Path) -> Path:
    return run_dir / "hob.sock"


@contextlib.contextmanager
def bound(path: Path) -> Iterator[socket.socket]:
    with contextlib.closing(bind_socket(path)) as sock:
        yield sock


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Somebody else's listener at `path`."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(path))
        sock.listen(0)
        yield sock


async def ask(path: Path, route: str = "/hob/v1/status") -> int:
    connector = aiohttp.UnixConnector(path=os.fspath(path))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"http://hob{route}") as reply,
    ):
        return reply.status


def test_the_folder_is_made_for_the_user_only(run_dir: Path) -> None:
    prepare_run_dir(run_dir)
    assert mode(run_dir) == 0o700


def test_a_folder_that_others_may_read_is_tightened(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o755)
    run_dir.chmod(0o777)
    prepare_run_dir(run_dir)
    assert mode(run_dir) == 0o700


def test_a_link_in_the_folder_s_place_is_refused(run_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    run_dir.symlink_to(elsewhere)
    with pytest.raises(StartFailed, match="real folder") as caught:
        prepare_run_dir(run_dir)
    assert caught.value.hint
    assert mode(elsewhere) == 0o755


def test_a_file_in_the_folder_s_place_is_refused(run_dir: Path) -> None:
    run_dir.write_text("mine")
    with pytest.raises(StartFailed, match="real folder"):
        prepare_run_dir(run_dir)
    assert run_dir.read_text() == "mine"


def test_a_folder_of_another_user_is_refused(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir.mkdir()
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(StartFailed, match="belongs to another user"):
        prepare_run_dir(run_dir)


def test_a_folder_that_others_could_swap_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(StartFailed, match="Other users can replace"):
        prepare_run_dir(open_to_all / "run")
    open_to_all.chmod(0o1777)  # as /tmp is: nobody can rename what is another's
    prepare_run_dir(open_to_all / "run")


def test_the_socket_is_0600_from_its_first_instant(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    bind = socket.socket.bind

    def bind_and_look(sock: socket.socket, address: str) -> None:
        bind(sock, address)
        seen.append(mode(Path(address)))

    monkeypatch.setattr(socket.socket, "bind", bind_and_look)
    old = os.umask(0)
    try:
        with bound(path):
            assert seen == [0o600]
            assert os.umask(0) == 0, "the process's own mask is as it was"
    finally:
        os.umask(old)


def test_a_stale_socket_is_cleared(path: Path) -> None:
    with bound(path):
        pass
    assert path.is_socket()
    with bound(path) as sock:
        sock.listen()
        assert path.is_socket()


def test_a_live_socket_is_never_taken(path: Path) -> None:
    prepare_run_dir(path.parent)
    with listening(path) as live:
        before = path.lstat().st_ino
        with pytest.raises(AlreadyRunning) as caught:
            bind_socket(path)
        assert "hob status" in caught.value.hint
        assert path.lstat().st_ino == before
        live.accept()[0].close()


def test_a_live_socket_with_a_full_backlog_is_never_taken(path: Path) -> None:
    prepare_run_dir(path.parent)
    with listening(path), contextlib.ExitStack() as stack:
        while True:
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            if waiting.connect_ex(os.fspath(path)):
                break
        with pytest.raises(AlreadyRunning):
            clear_stale(path)
        assert path.is_socket()


@pytest.mark.parametrize("plant", ["file", "folder", "link", "dangling link", "fifo"])
def test_what_is_not_a_socket_is_refused_and_left_alone(path: Path, plant: str) -> None:
    prepare_run_dir(path.parent)
    target = path.parent / "target"
    match plant:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            target.write_text("precious")
            path.symlink_to(target)
        case "dangling link":
            path.symlink_to(target)
        case "fifo":
            os.mkfifo(path)
    before = path.lstat()
    with pytest.raises(StartFailed, match="not a socket of yours"):
        bind_socket(path)
    assert path.lstat() == before


def test_a_link_to_a_dead_socket_is_not_followed(path: Path) -> None:
    prepare_run_dir(path.parent)
    target = path.parent / "target.sock"
    with listening(target):
        pass
    path.symlink_to(target)
    with pytest.raises(StartFailed):
        bind_socket(path)
    assert target.is_socket()


def test_a_path_that_is_too_long_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="cannot be made") as caught:
        bind_socket(tmp_path / ("x" * 120) / "hob.sock")
    assert "HOB_HOME" in caught.value.hint


def test_the_kernel_tells_who_connects() -> None:
    class Transport(asyncio.BaseTransport):
        pass

    left, right = socket.socketpair()
    with left, right:
        transport = Transport({"socket": left})
        assert peer_uid(transport) == os.geteuid()
        assert is_own_peer(transport)
    assert peer_uid(transport) is None, "a closed connection vouches for nobody"
    assert not is_own_peer(transport)
    assert peer_uid(Transport({})) is None


def test_macos_credentials_are_read() -> None:
    version_0 = struct.pack("=IIh2x16I", 0, 501, 1, *[20] * 16)
    assert len(version_0) == 76
    assert uid_of_xucred(version_0) == 501
    assert uid_of_xucred(struct.pack("=IIh2x16I", 9, 501, 1, *[20] * 16)) is None
    assert uid_of_xucred(version_0[:8]) is None


def connect_as_nobody(path: Path) -> str:
    """What another user gets who asks for the status: an error's name, or a status line."""
    program = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(20)
    try:
        s.connect(sys.argv[1])
    except OSError as e:
        print(type(e).__name__)
    else:
        s.sendall(b"GET /hob/v1/status HTTP/1.1\\r\\nHost: hob\\r\\nConnection: close\\r\\n\\r\\n")
        print(s.makefile("rb").read().decode())
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, os.fspath(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[Path]:
    """A path for the socket of which every folder above lets every user through."""
    opened: list[tuple[Path, int]] = []
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not mode(folder) & 0o001:
            opened.append((folder, mode(folder)))
            folder.chmod(mode(folder) | 0o011)
    yield tmp_path / "run" / "hob.sock"
    for folder, before in opened:
        folder.chmod(before)


async def test_another_user_is_kept_out(reachable: Path) -> None:
    """As root with a real second user; otherwise the kernel's answer stands in for one."""
    small = SmallApp()
    if os.geteuid() != 0:
        app = small.build(guard(lambda: None, own_peer=lambda _: False))
        async with running(app) as runner:
            listener = SocketListener(runner, reachable)
            await listener.start()
            assert await ask(reachable) == 403
            await listener.close()
        assert small.effects == []
        return
    async with running(small.build(guard(lambda: None))) as runner:
        listener = SocketListener(runner, reachable)
        await listener.start()
        refused = await asyncio.to_thread(connect_as_nobody, reachable)
        assert refused.strip() == "PermissionError", "the folder keeps them out"
        reachable.parent.chmod(0o777)
        refused = await asyncio.to_thread(connect_as_nobody, reachable)
        assert refused.strip() == "PermissionError", "the socket's mode keeps them out"
        reachable.chmod(0o777)
        refused = await asyncio.to_thread(connect_as_nobody, reachable)
        assert refused.startswith("HTTP/1.1 403"), "the uid check keeps them out"
        assert "forbidden_peer" in refused
        assert small.effects == []
        assert await ask(reachable) == 200
        await listener.close()


async def test_the_socket_serves_and_is_removed_at_the_end(path: Path) -> None:
    small = SmallApp()
    async with running(small.build(guard(lambda: None))) as runner:
        listener = SocketListener(runner, path)
        await listener.start()
        assert mode(path) == 0o600
        assert await ask(path) == 200
        await listener.close()
        assert not path.exists()
    assert small.effects == ["GET /hob/v1/status socket"]


async def test_closing_leaves_another_s_socket_alone(path: Path) -> None:
    async with running(SmallApp().build(guard(lambda: None))) as runner:
        listener = SocketListener(runner, path)
        await listener.start()
        path.unlink()
        with listening(path):
            await listener.close()
            assert path.is_socket()


class Ticks:
    """A wait that returns when the test says so, and tells when the watcher waits again."""

    def __init__(self) -> None:
        self._go = asyncio.Semaphore(0)
        self._waiting = asyncio.Semaphore(0)

    async def wait(self) -> None:
        self._waiting.release()
        await self._go.acquire()

    async def one(self) -> None:
        """Let one look happen, from its start to its end."""
        await self._waiting.acquire()
        self._go.release()
        await self._waiting.acquire()
        self._waiting.release()


@pytest.mark.parametrize("how", ["removed", "replaced", "folder removed"])
async def test_a_socket_that_is_gone_is_made_again(path: Path, how: str) -> None:
    small = SmallApp()
    ticks = Ticks()
    async with running(small.build(guard(lambda: None))) as runner, asyncio.TaskGroup() as tasks:
        listener = SocketListener(runner, path)
        await listener.start()
        watch = tasks.create_task(listener.watch(ticks.wait))
        await ticks.one()
        path.unlink()
        if how == "replaced":
            with listening(path):
                pass
        if how == "folder removed":
            path.parent.rmdir()
        await ticks.one()
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700
        assert await ask(path) == 200
        watch.cancel()
        await listener.close()
        assert not path.exists()


async def test_a_connection_that_is_open_outlives_a_new_socket(path: Path) -> None:
    async with running(SmallApp().build(guard(lambda: None))) as runner:
        listener = SocketListener(runner, path)
        await listener.start()
        connector = aiohttp.UnixConnector(path=os.fspath(path), limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get("http://hob/v1/models") as reply:
                await reply.read()
            path.unlink()
            await listener.start()
            path.unlink()  # a new connection would find nothing
            async with session.get("http://hob/v1/models") as reply:
                assert reply.status == 200
        await listener.close()


async def test_another_daemon_in_our_place_ends_the_watch(path: Path) -> None:
    ticks = Ticks()
    async with running(SmallApp().build(guard(lambda: None))) as runner:
        listener = SocketListener(runner, path)
        await listener.start()
        path.unlink()
        with listening(path):
            watch = asyncio.ensure_future(listener.watch(ticks.wait))
            ticks._go.release()
            with pytest.raises(AlreadyRunning):
                await watch
        await listener.close()


async def test_what_cannot_be_put_right_is_logged_once_and_tried_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticks = Ticks()
    there = False
    tries = 0

    async def remake() -> None:
        nonlocal tries, there
        tries += 1
        if tries < 4:
            raise StartFailed("a folder is in the way")
        there = True

    watch = asyncio.ensure_future(SocketGuard(lambda: there, remake, ticks.wait).run())
    for _ in range(6):
        await ticks.one()
    watch.cancel()
    assert tries == 4
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING"]
