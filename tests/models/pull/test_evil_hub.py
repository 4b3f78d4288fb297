"""A hub that is broken or hostile, in every way that was thought of: whatever it does, nothing bad
is listed, nothing is written outside of the hidden folder, and a person is told."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.evil_server import (
    Behaviour,
    Request,
    answer,
    cut,
    endless,
    hang,
    in_turn,
    serve,
    trickle,
)
from fakes.hub import COMMIT, REPO, FakeHub, answer_json, fake_hub, listed_file, listing
from fakes.pull_bench import LIMITS, PullBench
from fakes.tiny_gguf import tiny_gguf
from hob.errors import BadModelFile, DownloadError, NotOnHub
from hob.models.pull.hub_child import Worker
from hob.models.pull.orders import Order, PullOrder, SearchOrder

MODEL = tiny_gguf().bytes()
NAME = "tiny-Q4_K_M.gguf"


@pytest.fixture
def bench(hub: FakeHub, folder: Path) -> PullBench:
    hub.add({NAME: MODEL})
    return PullBench(hub, folder, token="hf_secret")


def nonsense(request: Request) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def silent(request: Request) -> None:
    """Close without a word."""


def slow_head(request: Request) -> None:
    """The head of an answer that never ends."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not request.server.released.wait(0.05):
        request.wfile.write(b"X-More: yes\r\n")
        request.wfile.flush()


def endless_json(request: Request) -> None:
    request.start(200, Content_Type="application/json")
    request.wfile.write(b'{"id": "org/x", "siblings": [')
    while not request.server.released.is_set():
        request.wfile.write(b'{"rfilename": "a"},' * 4000)


def packed_json(request: Request) -> None:
    body = gzip.compress(json.dumps(listing({NAME: MODEL})).encode())
    answer(200, body, Content_Encoding="gzip")(request)


def lying(**lies: object) -> Behaviour:
    """A listing whose file is another than it says."""
    return answer_json(listing({}) | {"siblings": [listed_file(NAME, MODEL, **lies)]})


BAD_LISTINGS: dict[str, Behaviour] = {
    "nothing": silent,
    "nonsense": nonsense,
    "html": answer(200, b"<html>Please log in to this network</html>"),
    "not json": answer(200, b"{"),
    "a list": answer_json([]),
    "null": answer_json(None),
    "no fields": answer_json({}),
    "deep": answer(200, b"[" * 200_000),
    "wrong types": answer_json({"id": 7, "sha": [], "siblings": "many"}),
    "siblings of siblings": answer_json(listing({}) | {"siblings": [[[]], 7, None]}),
    "no commit": answer_json(listing({NAME: MODEL}) | {"sha": None}),
    "a commit that is a path": answer_json(listing({NAME: MODEL}) | {"sha": "../" * 13 + "x"}),
    "no files": answer_json(listing({})),
    "no digest": answer_json(listing({}) | {"siblings": [{"rfilename": NAME, "size": len(MODEL)}]}),
    "a digest that is a path": lying(sha256="../../../../etc/passwd"),
    "a digest that is no text": lying(sha256=7),
    "a negative size": lying(size=-1),
    "no size": lying(size=None),
    "a size of 2^70": lying(size=2**70),
    "a size that is text": lying(size="5"),
    "packed": packed_json,
    "cut": cut(json.dumps(listing({NAME: MODEL})).encode(), 50),
    "hanging": hang(b"{}" * 100, 10),
    "trickling": trickle(json.dumps(listing({NAME: MODEL})).encode()),
    "endless": endless_json,
    "a head that never ends": slow_head,
    "huge": answer(200, b'{"id": "' + b"x" * 20_000_000 + b'"}'),
    "401": answer(401),
    "403": answer(403),
    "404": answer(404),
    "429": answer(429, Retry_After="86400"),
    "429 with a rate limit": answer(429, RateLimit='"api";r=0;t=86400'),
    "500": answer(500),
    "503": answer(503),
    "to file": answer(302, Location="file:///etc/passwd"),
    "to http elsewhere": answer(302, Location="http://127.0.0.1:1/x"),
    "to a private network": answer(302, Location="https://10.0.0.1/x"),
    "to the cloud's own data": answer(307, Location="http://169.254.169.254/latest/meta-data"),
    "to nowhere": answer(302, Location="https://[::1"),
    "in circles": answer(302, Location=f"/api/models/{REPO}"),
}


@pytest.mark.parametrize("what", BAD_LISTINGS)
def test_a_bad_listing_is_told_and_nothing_is_fetched(what: str, bench: PullBench) -> None:
    bench.hub.behave(bench.hub.listing_path(), BAD_LISTINGS[what])
    error = bench.failure()
    assert isinstance(error, DownloadError)
    assert "hf_secret" not in str(error)
    assert not bench.hub.asked(bench.hub.file_path(NAME))
    assert len(bench.hub.server.seen) <= 7


BAD_FILES: dict[str, Behaviour] = {
    "nothing": silent,
    "nonsense": nonsense,
    "empty": answer(200),
    "truncated each time": cut(MODEL, 50_000),
    "truncated without a length": answer(200, MODEL[:-1], Content_Length=str(len(MODEL))),
    "one byte each time": cut(MODEL, 1),
    "flipped": serve(MODEL[:500] + b"\0" + MODEL[501:]),
    "too long": serve(MODEL + b"x"),
    "too short": serve(MODEL[:-1]),
    "endless": endless(),
    "another length": answer(200, MODEL, Content_Length="7"),
    "a negative length": answer(200, MODEL, Content_Length="-1"),
    "packed": answer(200, gzip.compress(MODEL), Content_Encoding="gzip"),
    "another range": answer(206, MODEL, Content_Range="bytes 5-9/10"),
    "hanging at once": hang(MODEL, 0),
    "hanging later": hang(MODEL, 9_000),
    "trickling": trickle(MODEL),
    "a head that never ends": slow_head,
    "html": answer(200, b"<html>" + bytes(len(MODEL) - 6)),
    "401": answer(401),
    "403": answer(403),
    "404": answer(404),
    "410": answer(410),
    "416": answer(416),
    "429": answer(429, Retry_After="86400"),
    "451": answer(451),
    "500": answer(500),
    "to file": answer(302, Location="file:///etc/passwd"),
    "to http elsewhere": answer(302, Location="http://127.0.0.1:1/x"),
    "to https at home": answer(302, Location="https://127.0.0.1:1/x"),
    "to a private network": answer(308, Location="https://192.168.1.1/x"),
    "to the cloud's own data": answer(302, Location="http://169.254.169.254/"),
    "to ftp": answer(302, Location="ftp://127.0.0.1/x"),
    "to data": answer(302, Location="data:text/plain,hello"),
    "to a broken address": answer(302, Location="http://[::1"),
    "in circles": answer(302, Location=f"/{REPO}/resolve/{COMMIT}/{NAME}"),
    "nowhere": answer(302),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_download_is_told_and_never_listed(what: str, bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), BAD_FILES[what])
    error = bench.failure()
    assert isinstance(error, DownloadError)
    assert "hf_secret" not in str(error)
    assert all(part.stat().st_size <= len(MODEL) for part in bench.parts())
    bench.hub.behave(bench.hub.file_path(NAME), serve(MODEL))
    bench.pull()
    assert (bench.folder / REPO / NAME).read_bytes() == MODEL


@pytest.mark.parametrize("lie", [-1000, 1000])
def test_a_listing_that_lies_about_the_size_is_found_out(lie: int, bench: PullBench) -> None:
    bench.hub.behave(bench.hub.listing_path(), lying(size=len(MODEL) + lie))
    bench.failure()
    assert all(part.stat().st_size <= len(MODEL) + lie for part in bench.parts())


def test_no_more_is_written_than_was_promised_even_without_a_length(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.listing_path(), lying(size=1000))
    bench.hub.behave(bench.hub.file_path(NAME), endless())
    assert "more than the model's size" in bench.failure().message
    assert all(part.stat().st_size <= 1000 for part in bench.parts())


@pytest.mark.parametrize(
    "path",
    ["../../../evil.gguf", "/tmp/evil.gguf", "..\\evil.gguf", "a/../../evil.gguf", ".evil.gguf"],
)
def test_a_path_that_leads_elsewhere_is_not_offered(path: str, bench: PullBench) -> None:
    listed = listing({}) | {"siblings": [listed_file(path, MODEL)]}
    bench.hub.behave(bench.hub.listing_path(), answer_json(listed))
    bench.hub.behave(bench.hub.file_path(path), serve(MODEL))
    assert isinstance(bench.failure(), NotOnHub)
    assert isinstance(bench.failure(f"hf:{REPO}:evil"), NotOnHub)


@pytest.mark.parametrize(
    "content",
    [b"MZ" + bytes(5000), b"GGUF" + bytes(5000), MODEL[:-500], b"<html>" * 900],
    ids=["a program", "an empty header", "tensors cut off", "a page"],
)
def test_what_is_no_model_is_not_listed_though_its_digest_is_right(
    content: bytes, bench: PullBench
) -> None:
    bench.hub.add({NAME: content})
    assert isinstance(bench.failure(), BadModelFile)
    assert bench.parts() == []


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Another server that a hub may send people to, as it does to where the files are stored."""
    with fake_hub() as other:
        home = other.server.server_port

        def also(url: str) -> None:
            if f":{home}/" not in url:
                raise DownloadError("The download was led to a forbidden place.", hint="No.")

        monkeypatch.setattr("hob.models.pull.net.require_public_https", also)
        yield other


def test_a_redirect_to_another_host_does_not_take_the_token_along(
    bench: PullBench, elsewhere: FakeHub
) -> None:
    elsewhere.behave("/stored", serve(MODEL))
    bench.hub.behave(
        bench.hub.file_path(NAME), answer(302, Location=elsewhere.server.url("/stored"))
    )
    bench.pull()
    assert "Authorization" in bench.hub.asked(bench.hub.file_path(NAME))[0]
    assert "Authorization" not in elsewhere.asked("/stored")[0]


def test_a_redirected_listing_does_not_take_the_token_along(
    bench: PullBench, elsewhere: FakeHub
) -> None:
    elsewhere.behave("/listed", answer_json(listing({NAME: MODEL})))
    bench.hub.behave(
        bench.hub.listing_path(), answer(307, Location=elsewhere.server.url("/listed"))
    )
    bench.pull()
    assert "Authorization" not in elsewhere.asked("/listed")[0]


def test_a_next_page_elsewhere_does_not_get_the_token(bench: PullBench, elsewhere: FakeHub) -> None:
    link = f'<{elsewhere.server.url("/page2")}>; rel="next"'
    bench.hub.behave("/api/models", answer_json([{"id": REPO}], Link=link))
    elsewhere.behave("/page2", answer_json([{"id": REPO}]))
    order = Order(
        task=SearchOrder(text="x", limit=5),
        hub=bench.hub.address,
        token="hf_secret",
        limits=LIMITS,
    )
    Worker(order, lambda progress: None).run()
    assert "Authorization" not in elsewhere.asked("/page2")[0]


def test_a_token_stays_on_its_own_host_over_a_redirect_there(bench: PullBench) -> None:
    bench.hub.behave("/moved", serve(MODEL))
    bench.hub.behave(bench.hub.file_path(NAME), answer(302, Location="/moved"))
    bench.pull()
    assert bench.hub.asked("/moved")[0]["Authorization"] == "Bearer hf_secret"


def test_a_hub_that_is_not_there_is_told_with_what_to_do(folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        task = PullOrder(id="1", source=f"hf:{REPO}", folder=str(folder))
        worker = Worker(Order(task=task, hub=address, limits=LIMITS), lambda progress: None)
        with pytest.raises(DownloadError, match="internet"):
            worker.run()


def test_a_hub_without_a_name_is_told(folder: Path) -> None:
    task = PullOrder(id="1", source=f"hf:{REPO}", folder=str(folder))
    order = Order(task=task, hub="https://hub.invalid", limits=LIMITS)
    with pytest.raises(DownloadError, match="internet"):
        Worker(order, lambda progress: None).run()


def test_a_search_that_is_answered_by_nonsense_is_told(hub: FakeHub) -> None:
    order = Order(task=SearchOrder(text="x", limit=5), hub=hub.address, limits=LIMITS)
    for behaviour in (
        answer(200, b"<html>"),
        answer_json({"error": "no"}),
        answer_json([7]),
        endless_json,
        answer(500),
    ):
        hub.behave("/api/models", behaviour)
        with pytest.raises(DownloadError):
            Worker(order, lambda progress: None).run()


def test_endless_pages_end_at_the_limit(hub: FakeHub) -> None:
    link = f'<{hub.server.url("/api/models")}>; rel="next"'
    hub.behave("/api/models", answer_json([{"id": REPO}], Link=link))
    hub.add({NAME: MODEL})
    order = Order(task=SearchOrder(text="x", limit=5), hub=hub.address, limits=LIMITS)
    Worker(order, lambda progress: None).run()
    assert len(hub.asked("/api/models")) == 5
    hub.server.seen.clear()
    hub.behave("/api/models", answer_json([], Link=link))
    with pytest.raises(DownloadError, match="without an end"):
        Worker(order, lambda progress: None).run()


def test_a_server_that_recovers_is_asked_again(bench: PullBench) -> None:
    listed = answer_json(listing({NAME: MODEL}))
    bench.hub.behave(bench.hub.listing_path(), in_turn(answer(503), listed))
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(answer(429), serve(MODEL)))
    bench.pull()
    assert bench.listed()
