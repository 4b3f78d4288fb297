"""A GGUF file from anywhere on the web: its size is the server's word, and its header decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.evil_server import Behaviour, Request, answer, cut, endless, in_turn, serve
from fakes.hub import FakeHub
from fakes.pull_bench import PullBench
from fakes.tiny_gguf import tiny_gguf
from hob.errors import BadModelFile, DownloadError, HubRefused, InvalidRequest
from hob.models.pull.source import WebSource

MODEL = tiny_gguf().bytes()


def tagged(content: bytes, tag: str, after: int | None = None) -> Behaviour:
    """Serve with an ETag, as far as `after`, and honour If-Range."""

    def behave(request: Request) -> None:
        wanted = request.headers.get("Range")
        if wanted and request.headers.get("If-Range", tag) == tag:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else len(content)
            request.start(
                206,
                Content_Length=str(end - start),
                Content_Range=f"bytes {start}-{end - 1}/{len(content)}",
                ETag=tag,
            )
            request.wfile.write(content[start : min(end, after or end)])
        else:
            request.start(200, Content_Length=str(len(content)), ETag=tag)
            request.wfile.write(content[:after])

    return behave


@pytest.fixture
def bench(hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> PullBench:
    source = WebSource(hub.server.url("/files/x.gguf"), "x.gguf")
    monkeypatch.setattr("hob.models.pull.hub_child.parse_source", lambda text, hub: source)
    return PullBench(hub, folder, token="hf_secret")


def test_a_file_is_fetched_and_put_into_the_folder(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"'))
    fetched = bench.pull()
    assert bench.listed() == ["x.gguf"]
    assert (bench.folder / "x.gguf").read_bytes() == MODEL
    assert fetched.source.endswith("/files/x.gguf")


def test_a_server_without_ranges_will_do(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", answer(200, MODEL))
    bench.pull()
    assert (bench.folder / "x.gguf").read_bytes() == MODEL


def test_a_file_that_is_there_is_not_fetched_again(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"'))
    bench.pull()
    assert bench.pull().already_there


def test_another_file_of_that_name_is_never_overwritten(bench: PullBench) -> None:
    bench.folder.mkdir()
    (bench.folder / "x.gguf").write_bytes(b"mine")
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"'))
    with pytest.raises(InvalidRequest, match="another file"):
        bench.pull()
    assert (bench.folder / "x.gguf").read_bytes() == b"mine"


def test_the_rest_is_fetched_while_the_file_is_the_same(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"', after=50_000))
    bench.failure()
    bench.hub.server.seen.clear()
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"'))
    bench.pull()
    ranges = [head.get("Range") for head in bench.hub.asked("/files/x.gguf")]
    assert ranges == ["bytes=0-0", "bytes=50000-"]
    assert (bench.folder / "x.gguf").read_bytes() == MODEL


def test_a_file_that_changed_is_fetched_from_its_beginning(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", tagged(MODEL, '"1"', after=50_000))
    bench.failure()
    other = tiny_gguf({"general.name": "Tiny chat no. 2"}).bytes()
    bench.hub.behave("/files/x.gguf", tagged(other, '"2"'))
    bench.pull()
    assert (bench.folder / "x.gguf").read_bytes() == other


def test_without_a_mark_of_the_content_an_earlier_part_is_not_trusted(bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", in_turn(answer(200, MODEL), cut(MODEL, 50_000), answer(500)))
    bench.failure()
    assert len(bench.parts()) == 1
    bench.hub.server.seen.clear()
    bench.hub.behave("/files/x.gguf", serve(MODEL, ranges=False))
    bench.pull()
    assert bench.hub.asked("/files/x.gguf")[-1].get("Range") is None


@pytest.mark.parametrize(
    "content", [b"<html>" * 500, MODEL[:-1000], b"GGUF" + bytes(3000), b"PK\x03\x04" * 500]
)
def test_what_is_no_model_is_thrown_away(content: bytes, bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", tagged(content, '"1"'))
    assert isinstance(bench.failure(), BadModelFile)
    assert bench.parts() == []


@pytest.mark.parametrize(
    "behaviour",
    [
        endless(),
        answer(200, b"", Content_Length="0"),
        answer(200, b"x", Content_Length="-7"),
        answer(200, b"x", Content_Length="9" * 40),
        answer(206, b"x", Content_Range="bytes 0-0/*"),
        answer(206, b"x", Content_Range="bytes 0-0/99999999999999999999"),
        answer(206, b"x"),
    ],
)
def test_a_server_that_does_not_say_how_much_there_is_gets_nothing_written(
    behaviour: Behaviour, bench: PullBench
) -> None:
    bench.hub.behave("/files/x.gguf", behaviour)
    assert "how large" in bench.failure().message
    assert bench.parts() == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_elsewhere_is_not_ours_to_give(status: int, bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", answer(status))
    error = bench.failure()
    assert isinstance(error, HubRefused)
    assert "browser" in error.hint


@pytest.mark.parametrize("status", [404, 500])
def test_an_address_without_a_file_is_told(status: int, bench: PullBench) -> None:
    bench.hub.behave("/files/x.gguf", answer(status))
    assert isinstance(bench.failure(), DownloadError)
