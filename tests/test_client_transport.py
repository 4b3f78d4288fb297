from __future__ import annotations

import os
from pathlib import Path

import pytest

from hob.client.transport_windows import PipeTransport, connect_pipe
from hob.errors import DaemonUnreachable, ForbiddenPeer, NotRunning


def test_a_pipe_that_is_not_there_means_that_hob_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        connect_pipe(tmp_path / "none")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (PermissionError(13, "Access is denied"), ForbiddenPeer),
        (OSError(5, "Bad"), DaemonUnreachable),
    ],
)
def test_trouble_with_a_pipe_is_typed(
    monkeypatch: pytest.MonkeyPatch, trouble: OSError, error: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr("hob.client.transport_windows.FileIO", fail)
    with pytest.raises(error):
        connect_pipe(Path("hob"))


def test_a_busy_pipe_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def busy(*_: object) -> None:
        tries.append(1)
        error = OSError(22, "All pipe instances are busy")
        error.winerror = 231  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr("hob.client.transport_windows.FileIO", busy)
    monkeypatch.setattr("hob.client.transport_windows.time.sleep", lambda _: None)
    with pytest.raises(DaemonUnreachable, match="no more connections"):
        connect_pipe(Path("hob"))
    assert len(tries) > 1


def test_bytes_go_through_a_pipe_and_its_end_is_the_end(tmp_path: Path) -> None:
    # A FIFO opened for both reads back what was written, which is enough to see bytes go through.
    os.mkfifo(tmp_path / "pipe")
    transport = connect_pipe(tmp_path / "pipe")
    transport.send(b"hello")
    assert transport.receive() == b"hello"
    transport.close()


def test_the_other_end_closing_a_pipe_is_the_end_of_the_stream() -> None:
    class Closed:
        def read(self, _: int) -> bytes:
            raise BrokenPipeError

    assert PipeTransport(Closed()).receive() == b""  # type: ignore[arg-type]


def test_a_pipe_that_was_closed_meanwhile_fails_like_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    path.write_bytes(b"")
    transport = connect_pipe(path)
    transport.close()
    with pytest.raises(OSError, match="closed"):
        transport.receive()
    with pytest.raises(OSError, match="closed"):
        transport.send(b"late")
