"""Models from a hub that is as it should be, and what is kept, resumed and shown on the way."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from fakes.evil_server import Request, answer, cut, in_turn, serve
from fakes.hub import COMMIT, REPO, FakeHub, answer_json, listed_file, listing
from fakes.pull_bench import LIMITS, PullBench
from fakes.tiny_gguf import tiny_gguf, write_split_gguf
from fakes.tiny_vision import seeing_model, tiny_projector
from hob.errors import DigestMismatch, DiskFull, HubRefused, NotOnHub
from hob.models.pull.files import Files, Wanted
from hob.models.pull.hub_child import Worker
from hob.models.pull.net import Net
from hob.models.pull.orders import Account, AccountOrder, Found, Order, SearchOrder

MODEL = tiny_gguf().bytes()
NAME = "tiny-Q4_K_M.gguf"
PLACE = f"{REPO}/{NAME}"


@pytest.fixture
def aside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aside")


@pytest.fixture
def bench(hub: FakeHub, folder: Path) -> PullBench:
    hub.add({NAME: MODEL, "README.md": b"hello"})
    return PullBench(hub, folder)


def test_a_model_is_fetched_verified_and_put_in_place(bench: PullBench) -> None:
    fetched = bench.pull()
    assert bench.listed() == [PLACE]
    assert (bench.folder / PLACE).read_bytes() == MODEL
    assert fetched.files[0].path == str(bench.folder / PLACE)
    assert fetched.files[0].sha256 == hashlib.sha256(MODEL).hexdigest()
    assert fetched.source == f"hf:{REPO}@{COMMIT}"
    assert not fetched.already_there
    assert bench.parts() == []
    stages = list(dict.fromkeys(report.stage for report in bench.reports))
    assert stages == ["look", "download", "verify"]


def test_a_model_that_is_there_is_not_fetched_again(bench: PullBench) -> None:
    bench.pull()
    assert bench.pull().already_there
    assert len(bench.hub.asked(bench.hub.file_path(NAME))) == 1


def test_a_damaged_or_older_file_in_its_place_is_replaced_once_the_new_one_is_whole(
    bench: PullBench,
) -> None:
    (bench.folder / PLACE).parent.mkdir(parents=True)
    (bench.folder / PLACE).write_bytes(bytes(len(MODEL)))
    assert not bench.pull().already_there
    assert (bench.folder / PLACE).read_bytes() == MODEL


def test_all_parts_of_a_split_model_come_together(bench: PullBench, aside: Path) -> None:
    parts = write_split_gguf(aside, "big-Q8_0")
    bench.hub.add({f"Q8_0/{part.name}": part.read_bytes() for part in parts})
    fetched = bench.pull(f"hf:{REPO}:Q8_0")
    assert [Path(file.path).name for file in fetched.files] == [part.name for part in parts]
    assert bench.listed() == [f"{REPO}/{part.name}" for part in parts]


def test_a_model_that_sees_comes_with_its_projector(bench: PullBench) -> None:
    seeing = seeing_model().bytes()
    bench.hub.add({NAME: seeing, "mmproj-model-f16.gguf": tiny_projector().bytes()})
    bench.pull()
    assert bench.listed() == [f"{REPO}/mmproj-tiny-F16.gguf", PLACE]


def test_the_file_is_asked_for_at_the_commit_that_was_listed(bench: PullBench) -> None:
    bench.pull()
    assert COMMIT in bench.hub.server.seen[-1][0]


def test_a_page_of_a_version_asks_for_that_version(bench: PullBench) -> None:
    listed = bench.hub.server.behaviours[bench.hub.listing_path()]
    bench.hub.behave(f"/api/models/{REPO}/revision/v2", listed)
    bench.pull(f"{bench.hub.address}/{REPO}/blob/v2/{NAME}")
    assert bench.listed() == [PLACE]


# ---- going on ----


def test_a_broken_connection_goes_on_from_where_it_was(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(cut(MODEL, 1000), serve(MODEL)))
    bench.pull()
    asked = bench.hub.asked(bench.hub.file_path(NAME))
    assert [head.get("Range") for head in asked] == [None, "bytes=1000-"]


def test_a_later_pull_fetches_only_what_is_missing(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(cut(MODEL, 70_000), answer(500)))
    bench.failure()
    assert [part.stat().st_size for part in bench.parts()] == [70_000]
    served: list[int] = []

    def counted(request: Request) -> None:
        served.append(len(MODEL) - int(request.headers["Range"].removeprefix("bytes=")[:-1]))
        serve(MODEL)(request)

    bench.hub.behave(bench.hub.file_path(NAME), counted)
    bench.pull()
    assert served == [len(MODEL) - 70_000]
    assert bench.listed() == [PLACE]


def test_a_file_that_changed_on_the_hub_does_not_go_on_from_the_old_part(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(cut(MODEL, 70_000), answer(500)))
    bench.failure()
    other = tiny_gguf({"general.name": "another"}).bytes()
    bench.hub.add({NAME: other})
    bench.pull()
    assert (bench.folder / PLACE).read_bytes() == other
    assert "Range" not in bench.hub.asked(bench.hub.file_path(NAME))[-1]
    assert bench.parts() == []


def test_a_part_that_was_damaged_on_the_disk_is_fetched_anew(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(cut(MODEL, 70_000), answer(500)))
    bench.failure()
    (part,) = bench.parts()
    part.write_bytes(bytes(70_000))
    bench.hub.add({NAME: MODEL})
    bench.pull()
    assert (bench.folder / PLACE).read_bytes() == MODEL


def test_a_server_without_ranges_starts_over(bench: PullBench) -> None:
    path = bench.hub.file_path(NAME)
    bench.hub.behave(path, in_turn(cut(MODEL, 1000), serve(MODEL, ranges=False)))
    bench.pull()
    assert (bench.folder / PLACE).read_bytes() == MODEL


def test_one_flipped_byte_is_never_listed(bench: PullBench) -> None:
    flipped = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
    bench.hub.behave(bench.hub.file_path(NAME), serve(flipped))
    assert isinstance(bench.failure(), DigestMismatch)
    assert bench.parts() == []
    bench.hub.add({NAME: MODEL})
    bench.pull()


def test_of_a_split_model_with_one_bad_part_nothing_is_listed(
    bench: PullBench, aside: Path
) -> None:
    parts = write_split_gguf(aside, "big-Q8_0")
    content = {part.name: part.read_bytes() for part in parts}
    bench.hub.add(content)
    bad = parts[1].name
    bench.hub.behave(bench.hub.file_path(bad), serve(bytes(len(content[bad]))))
    assert bad in bench.failure().message
    assert len(bench.parts()) == 2
    bench.hub.behave(bench.hub.file_path(bad), serve(content[bad]))
    bench.pull()
    assert len(bench.listed()) == 3
    assert len(bench.hub.asked(bench.hub.file_path(parts[0].name))) == 1


# ---- room ----


def test_too_little_room_is_told_with_both_figures_before_anything_is_fetched(
    folder: Path,
) -> None:
    wanted = Wanted("http://127.0.0.1:1/x", folder / "x.gguf", 5_000_000, "ab" * 32)
    with pytest.raises(DiskFull) as caught:
        Files(folder, "1", Net(), lambda progress: None, lambda _: 1000).run([wanted])
    assert caught.value.details["free_bytes"] == 1000
    assert int(caught.value.details["need_bytes"]) > 5_000_000


def test_what_is_there_already_needs_no_room(folder: Path) -> None:
    folder.mkdir()
    wanted = Wanted("http://127.0.0.1:1/x", folder / "x.gguf", 10**9, "ab" * 32)
    part = folder / ".pulls" / "1" / f"{wanted.key}.incomplete"
    part.parent.mkdir(parents=True)
    with part.open("wb") as file:
        file.truncate(10**9 - 1000)
    with pytest.raises(DiskFull) as caught:
        Files(folder, "1", Net(), lambda progress: None, lambda _: 0).run([wanted])
    assert int(caught.value.details["need_bytes"]) < 10**8


def test_a_disk_that_fills_up_on_the_way_is_told_with_both_figures(bench: PullBench) -> None:
    bench.hub.behave(bench.hub.file_path(NAME), in_turn(cut(MODEL, 70_000), answer(500)))
    bench.failure()
    (part,) = bench.parts()
    part.unlink()
    part.symlink_to("/dev/full")
    bench.hub.add({NAME: MODEL})
    error = bench.failure()
    assert isinstance(error, DiskFull)
    assert int(error.details["need_bytes"]) > len(MODEL)
    assert int(error.details["free_bytes"]) > 0


# ---- accounts ----


def test_the_token_goes_to_the_hub_alone(bench: PullBench) -> None:
    bench.token = "hf_secret"
    with_token = bench.hub.asked
    bench.pull()
    for path in (bench.hub.listing_path(), bench.hub.file_path(NAME)):
        assert [head["Authorization"] for head in with_token(path)] == ["Bearer hf_secret"]


def test_without_a_token_none_is_sent(bench: PullBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    bench.pull()
    assert all("Authorization" not in head for _, head in bench.hub.server.seen)


@pytest.mark.parametrize("token", ["", "hf_secret"])
def test_a_gated_repository_says_where_to_agree(bench: PullBench, token: str) -> None:
    bench.token = token
    refusal = answer(403, X_Error_Code="GatedRepo")
    bench.hub.behave(bench.hub.file_path(NAME), refusal)
    error = bench.failure()
    assert isinstance(error, HubRefused)
    assert f"{bench.hub.address}/{REPO}" in error.hint
    assert ("hob login hf" in error.hint) == (not token)
    bench.hub.behave(bench.hub.listing_path(), refusal)
    assert isinstance(bench.failure(), HubRefused)


def test_a_wrong_token_is_told_as_such_and_not_repeated(bench: PullBench) -> None:
    bench.token = "hf_secret"
    bench.hub.behave(bench.hub.listing_path(), answer(401))
    error = bench.failure()
    assert isinstance(error, HubRefused)
    assert "token" in error.message
    assert "hf_secret" not in str(error)


def test_a_repository_that_is_not_there_is_told(bench: PullBench) -> None:
    bench.hub.behave("/api/models/org/none", answer(404, X_Error_Code="RepoNotFound"))
    error = bench.failure("hf:org/none")
    assert isinstance(error, NotOnHub)
    assert "hob login hf" in error.hint


def test_a_name_that_the_hub_would_never_give_is_told(bench: PullBench) -> None:
    assert isinstance(bench.failure("hf:org/name-"), NotOnHub)
    assert bench.hub.server.seen == []


def test_a_version_that_is_not_there_is_told(bench: PullBench) -> None:
    missing = answer(404, X_Error_Code="RevisionNotFound")
    bench.hub.behave(f"/api/models/{REPO}/revision/v9", missing)
    error = bench.failure(f"hf:{REPO}@v9")
    assert isinstance(error, NotOnHub)
    assert "version" in error.message


def account(hub: FakeHub, token: str) -> object:
    order = Order(task=AccountOrder(), hub=hub.address, token=token, limits=LIMITS)
    return Worker(order, lambda progress: None).run()


def test_a_token_is_known_by_its_account(hub: FakeHub) -> None:
    hub.behave("/api/whoami-v2", answer_json({"name": "ada\x1b[2J"}))
    assert account(hub, "hf_secret") == Account(name="ada [2J")
    assert hub.asked("/api/whoami-v2")[0]["Authorization"] == "Bearer hf_secret"


def test_a_token_that_the_hub_does_not_know_is_refused(hub: FakeHub) -> None:
    hub.behave("/api/whoami-v2", answer(401))
    with pytest.raises(HubRefused):
        account(hub, "hf_secret")


# ---- search ----


def search(hub: FakeHub, text: str = "tiny") -> Found:
    order = Order(task=SearchOrder(text=text, limit=5), hub=hub.address, limits=LIMITS)
    found = Worker(order, lambda progress: None).run()
    assert isinstance(found, Found)
    return found


def test_a_search_tells_sizes_per_quantization(hub: FakeHub) -> None:
    hub.add({"a-Q8_0.gguf": bytes(900), "a-Q4_0.gguf": bytes(500)}, gated="auto")
    hub.behave("/api/models", answer_json([{"id": REPO}, {"id": "org/gone"}]))
    (model,) = search(hub).models
    assert (model.repo, model.downloads, model.license, model.gated) == (
        REPO,
        1234,
        "apache-2.0",
        True,
    )
    assert model.updated == "2026-05-04"
    assert [(file.source, file.size_bytes) for file in model.files] == [
        (f"hf:{REPO}:Q4_0", 500),
        (f"hf:{REPO}:Q8_0", 900),
    ]


def test_what_strangers_write_is_cleaned(hub: FakeHub) -> None:
    listed = listing({"a-Q4_0.gguf": bytes(500)})
    listed["tags"] = ["license:evil\x1b]52;c;x\x07\nfake line" + "x" * 10_000, 7]
    listed["downloads"], listed["likes"] = -5, "many"
    listed["siblings"].append(listed_file("\x1b[31m.gguf", b"x"))
    hub.behave(hub.listing_path(), answer_json(listed))
    hub.behave("/api/models", answer_json([{"id": REPO}]))
    (model,) = search(hub).models
    assert model.license.isprintable()
    assert len(model.license) <= 200
    assert (model.downloads, model.likes) == (0, 0)
    assert len(model.files) == 1


def test_the_parts_of_a_split_model_are_fetched_at_the_same_time(
    bench: PullBench, aside: Path
) -> None:
    parts = write_split_gguf(aside, "big-Q8_0")
    bench.hub.add({part.name: part.read_bytes() for part in parts})
    together = threading.Barrier(len(parts))
    for part in parts:

        def wait(request: Request, content: bytes = part.read_bytes()) -> None:
            together.wait(20)
            serve(content)(request)

        bench.hub.behave(bench.hub.file_path(part.name), wait)
    bench.pull()
    assert len(bench.listed()) == 3
