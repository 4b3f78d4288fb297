"""Downloads as the daemon keeps them: turns, followers, stopping, and going on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.hub_child import FakeChild, fetched
from fakes.ports import model_info
from hob.errors import DownloadError, HobError, InvalidRequest, Overloaded
from hob.models.pull.orders import Account, AccountOrder, Found, Listed, ListOrder, SearchOrder
from hob.models.pull.pulls import PullOptions, Pulls
from hob.wire.events import PullChanged
from hob.wire.models import ModelInfo
from hob.wire.pulls import HubModel, PullDone, PullEntry, PullEvent, PullFailed, PullProgress

SOURCE = "hf:org/x"
HALF = PullProgress(stage="download", done_bytes=5, total_bytes=10)


@dataclass
class Bench:
    folder: Path
    child: FakeChild = field(default_factory=FakeChild)
    facts: list[PullChanged] = field(default_factory=list)
    digests: list[tuple[str, str, str]] = field(default_factory=list)
    rescans: int = 0
    tokens: int = 0
    listed: ModelInfo | None = field(default_factory=lambda: model_info("x"))

    @property
    def record(self) -> Path:
        return self.folder / "state" / "pulls.json"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Pulls]:
        """One life of the daemon."""
        options = PullOptions(folder=self.folder, hub="https://hub.example", record=self.record)
        pulls = Pulls(
            options,
            rescan=self._rescan,
            at_path=lambda path: self.listed,
            note_digest=lambda *noted: self.digests.append(noted),
            publish=self.facts.append,
            token=self._token,
            child=self.child,
            clock=lambda: 7.0,
        )
        await pulls.restore()
        running = asyncio.create_task(pulls.run())
        try:
            yield pulls
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _rescan(self) -> None:
        self.rescans += 1

    async def _token(self) -> str:
        self.tokens += 1
        return "hf_secret"

    def states(self) -> list[str]:
        return list(dict.fromkeys(fact.pull.state for fact in self.facts))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def all_of(pulls: Pulls, source: str = SOURCE) -> list[PullEvent]:
    return [event async for event in pulls.pull(source)]


def done(entry: PullEntry) -> bool:
    return entry.state == "done"


async def until(pulls: Pulls, fits: Callable[[PullEntry], bool]) -> PullEntry:
    """The first entry that fits; every change of one wakes the loop."""
    while True:
        for entry in pulls.entries():
            if fits(entry):
                return entry
        await asyncio.sleep(0)


async def test_a_download_ends_with_the_model_as_it_is_listed(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [PullProgress(stage="look"), HALF, fetched(already_there=True)]
    async with bench.open() as pulls:
        *progress, done = await all_of(pulls)
        assert [event.stage for event in progress if isinstance(event, PullProgress)] == [
            "look",
            "download",
        ]
        assert done == PullDone(model=model_info("x"), already_there=True)
        (entry,) = pulls.entries()
    assert (entry.state, entry.model) == ("done", "x")
    assert bench.states() == ["waiting", "running", "done"]
    assert bench.digests == [("/models/x.gguf", "ab" * 32, "hf:org/x@c0ffee")]
    assert bench.rescans == 1
    assert [order.token for order in bench.child.orders] == ["hf_secret"]


async def test_what_has_nothing_to_do_with_the_hub_gets_no_token(bench: Bench) -> None:
    bench.child.steps["starter"] = [fetched()]
    bench.child.steps["https://a.example/x.gguf"] = [fetched()]
    async with bench.open() as pulls:
        await all_of(pulls, "starter")
        await all_of(pulls, "https://a.example/x.gguf")
    assert [order.token for order in bench.child.orders] == ["", ""]
    assert bench.tokens == 0


async def test_a_failure_is_told_and_kept(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [DownloadError("It broke.", hint="Try again.")]
    async with bench.open() as pulls:
        (event,) = await all_of(pulls)
        (entry,) = pulls.entries()
    assert isinstance(event, PullFailed)
    assert event.error == entry.error
    assert (entry.state, event.error.message) == ("failed", "It broke.")


async def test_a_bug_in_one_download_leaves_the_others_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.child.steps["hf:org/y"] = [fetched()]
    async with bench.open() as pulls:
        (event,) = await all_of(pulls)  # no end is said for it
        assert isinstance(event, PullFailed)
        assert event.error.code == HobError.code
        assert isinstance((await all_of(pulls, "hf:org/y"))[-1], PullDone)
    assert "no end is said" in caplog.text


async def test_a_file_that_is_gone_again_is_told(bench: Bench) -> None:
    bench.listed = None
    bench.child.steps[SOURCE] = [fetched()]
    async with bench.open() as pulls:
        (event,) = await all_of(pulls)
    assert isinstance(event, PullFailed)
    assert event.error.code == "model_not_found"


async def test_what_is_no_source_is_told_and_not_kept(bench: Bench) -> None:
    async with bench.open() as pulls:
        (event,) = await all_of(pulls, "../../etc/passwd\x1b[31m")
        assert isinstance(event, PullFailed)
        assert event.error.code == "invalid_request"
        assert event.error.message.isprintable()
        with pytest.raises(InvalidRequest):
            await pulls.start("nothing")
        assert pulls.entries() == []


async def test_two_run_at_once_and_the_others_wait_their_turn(bench: Bench) -> None:
    gate = asyncio.Event()
    sources = [f"hf:org/x{number}" for number in range(5)]
    for source in sources:
        bench.child.steps[source] = [gate, fetched()]
    async with bench.open() as pulls:
        for source in sources:
            await pulls.start(source)
        began = [await bench.child.began.get() for _ in range(2)]
        assert began == sources[:2]
        states = [entry.state for entry in pulls.entries()]
        assert states == ["running", "running", "waiting", "waiting", "waiting"]
        gate.set()
        for source in sources:
            await all_of(pulls, source)
        assert [entry.state for entry in pulls.entries()] == ["done"] * 5
    assert bench.child.most_running == 2


async def test_the_same_source_is_fetched_once_however_it_is_written(bench: Bench) -> None:
    gate = asyncio.Event()
    bench.child.steps[SOURCE] = [gate, fetched()]
    async with bench.open() as pulls:
        both = asyncio.gather(all_of(pulls), all_of(pulls, "org/x"))
        await bench.child.began.get()
        gate.set()
        first, second = await both
        assert first[-1] == second[-1]
        assert len(pulls.entries()) == 1
    assert len(bench.child.orders) == 1


async def test_the_last_follower_that_leaves_stops_the_download(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [HALF, asyncio.Event()]
    async with bench.open() as pulls:
        async with aclosing(pulls.pull(SOURCE)) as one, aclosing(pulls.pull(SOURCE)) as two:
            await anext(one)
            await anext(two)
            await one.aclose()
            assert pulls.entries()[0].state == "running"
        assert pulls.entries()[0].state == "cancelled"
        assert await bench.child.ended.get() == SOURCE


async def test_a_detached_download_goes_on_without_followers(bench: Bench) -> None:
    gate = asyncio.Event()
    bench.child.steps[SOURCE] = [HALF, gate, fetched()]
    async with bench.open() as pulls:
        async with aclosing(pulls.pull(SOURCE)) as follower:
            await anext(follower)
            assert (await pulls.start(SOURCE)).state == "running"
        gate.set()
        assert (await until(pulls, lambda entry: entry.state == "done")).model == "x"


async def test_a_stopped_download_is_resumed_by_its_id(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [asyncio.Event()]
    async with bench.open() as pulls:
        id = (await pulls.start(SOURCE)).id
        await bench.child.began.get()
        following = asyncio.create_task(all_of(pulls))
        await asyncio.sleep(0)
        assert (await pulls.cancel(id, discard=False)).state == "cancelled"
        assert bench.child.running == []
        (last,) = await following
        assert isinstance(last, PullFailed)
        assert last.error.code == "cancelled"
        assert "goes on from there" in last.error.hint
        bench.child.steps[SOURCE] = [fetched()]
        assert (await pulls.resume(id)).state == "waiting"
        await until(pulls, lambda entry: entry.state == "done")
        assert (await pulls.resume(id)).state == "done"
        assert (await pulls.cancel(id, discard=False)).state == "done"


async def test_a_download_that_is_stopped_while_it_waits_never_begins(bench: Bench) -> None:
    gate = asyncio.Event()
    sources = [f"hf:org/x{number}" for number in range(3)]
    for source in sources:
        bench.child.steps[source] = [gate, fetched()]
    async with bench.open() as pulls:
        ids = [(await pulls.start(source)).id for source in sources]
        for _ in range(2):
            await bench.child.began.get()
        assert (await pulls.cancel(ids[2], discard=False)).state == "cancelled"
        gate.set()
        await until(pulls, lambda entry: entry.id == ids[0] and done(entry))
        await until(pulls, lambda entry: entry.id == ids[1] and done(entry))
        assert [entry.state for entry in pulls.entries()] == ["done", "done", "cancelled"]
    assert len(bench.child.orders) == 2


async def test_a_download_that_is_begun_again_while_it_stops_waits_for_that(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [HALF, asyncio.Event()]
    async with bench.open() as pulls:
        async with aclosing(pulls.pull(SOURCE)) as follower:
            await anext(follower)
        bench.child.steps[SOURCE] = [fetched()]
        assert isinstance((await all_of(pulls))[-1], PullDone)
    assert bench.child.most_running == 1


async def test_discarding_forgets_the_download_and_what_it_fetched(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [asyncio.Event()]
    async with bench.open() as pulls:
        id = (await pulls.start(SOURCE)).id
        part = bench.folder / ".pulls" / id / "x.incomplete"
        part.parent.mkdir(parents=True)
        part.touch()
        await pulls.cancel(id, discard=False)
        assert part.exists()
        await pulls.cancel(id, discard=True)
        assert not part.parent.exists()
        assert pulls.entries() == []


async def test_an_unknown_id_is_told(bench: Bench) -> None:
    async with bench.open() as pulls:
        with pytest.raises(InvalidRequest):
            await pulls.cancel("../..", discard=True)
        with pytest.raises(InvalidRequest):
            await pulls.resume("../..")


async def test_what_was_not_finished_goes_on_after_a_restart(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [HALF, asyncio.Event()]
    bench.child.steps["hf:org/failed"] = [DownloadError("It broke.", hint="Try again.")]
    bench.child.steps["hf:org/stopped"] = [asyncio.Event()]
    bench.child.steps["hf:org/done"] = [fetched()]
    async with bench.open() as pulls:
        await all_of(pulls, "hf:org/failed")
        await all_of(pulls, "hf:org/done")
        stopped = await pulls.start("hf:org/stopped")
        await pulls.cancel(stopped.id, discard=False)
        follower = pulls.pull(SOURCE)
        await anext(follower)
    last = await anext(follower)
    assert isinstance(last, PullFailed)
    assert last.error.code == "shutting_down"
    assert bench.child.running == []
    bench.child.steps[SOURCE] = [fetched()]
    async with bench.open() as pulls:
        await until(pulls, lambda entry: entry.state == "done")
        states = {entry.source: entry.state for entry in pulls.entries()}
    assert states == {SOURCE: "done", "hf:org/failed": "failed", "hf:org/stopped": "cancelled"}
    assert bench.record.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[7]", b"x" * 2_000_000, b'[{"id": 1}]'])
async def test_a_broken_list_is_begun_anew(content: bytes, bench: Bench) -> None:
    bench.record.parent.mkdir()
    bench.record.write_bytes(content)
    bench.child.steps[SOURCE] = [fetched()]
    async with bench.open() as pulls:
        assert isinstance((await all_of(pulls))[-1], PullDone)


async def test_a_list_that_cannot_be_written_stops_no_download(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (bench.folder / "state").write_text("a file in the folder's place")
    bench.child.steps[SOURCE] = [fetched()]
    async with bench.open() as pulls:
        assert isinstance((await all_of(pulls))[-1], PullDone)
    assert "cannot be remembered" in caplog.text


async def test_a_source_that_is_no_source_any_more_fails_alone(bench: Bench) -> None:
    bench.record.parent.mkdir()
    bench.record.write_bytes(b'[{"id": "1", "source": "../x", "state": "running"}]')
    async with bench.open() as pulls:
        entry = await until(pulls, lambda entry: entry.state == "failed")
    assert entry.error is not None
    assert entry.error.code == "invalid_request"


async def test_progress_is_published_once_a_second_at_most(bench: Bench) -> None:
    bench.child.steps[SOURCE] = [*[HALF] * 500, fetched()]
    async with bench.open() as pulls:
        await all_of(pulls)
    assert len(bench.facts) < 20


async def test_too_many_downloads_are_turned_away(bench: Bench) -> None:
    gate = asyncio.Event()
    for number in range(100):
        bench.child.steps[f"hf:org/x{number}"] = [gate]
    async with bench.open() as pulls:
        for number in range(100):
            await pulls.start(f"hf:org/x{number}")
        with pytest.raises(Overloaded):
            await pulls.start("hf:org/one-more")
        assert (await pulls.start("hf:org/x0")).state in ("waiting", "running")


async def test_searching_and_asking_whose_a_token_is(bench: Bench) -> None:
    async with bench.open() as pulls:
        bench.child.steps["other"] = [Found(models=(HubModel(repo="a/b"),))]
        assert (await pulls.search(" smol ", 3)).models == (HubModel(repo="a/b"),)
        bench.child.steps["other"] = [Account(name="ada")]
        assert await pulls.account("hf_other") == "ada"
    asked, whose = bench.child.orders
    assert (asked.task, asked.token) == (SearchOrder(text="smol", limit=3), "hf_secret")
    assert (whose.task, whose.token) == (AccountOrder(), "hf_other")


@pytest.mark.parametrize(("text", "limit"), [("", 5), (" ", 5), ("a\x1b", 5), ("a", 0), ("a", 51)])
async def test_a_search_for_nothing_is_refused(text: str, limit: int, bench: Bench) -> None:
    async with bench.open() as pulls:
        with pytest.raises(InvalidRequest):
            await pulls.search(text, limit)


async def test_the_digests_of_a_repository_are_asked_for_by_its_name(bench: Bench) -> None:
    bench.child.steps["other"] = [Listed(digests={"a.gguf": "ab" * 32})]
    async with bench.open() as pulls:
        assert await pulls.list_files("org/x") == {"a.gguf": "ab" * 32}
        with pytest.raises(InvalidRequest):
            await pulls.list_files("../x")
    assert [order.task for order in bench.child.orders] == [ListOrder(repo="org/x")]
