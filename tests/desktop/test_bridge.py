"""The way to the daemon, with a scripted daemon on a real socket and Qt's own event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.qt import application, until
from fakes import replies
from fakes.fake_daemon import Connection, FakeDaemon, sse
from hob.client import Client
from hob.desktop.bridge import DaemonBridge
from hob.desktop.obeying import Attachment
from hob.desktop.view import DaemonView
from hob.errors import HobError, InvalidRequest
from hob.paths import Paths, find_paths
from hob.wire.desktop import AnyOrder, Attached, Open, Recent, RecentList
from hob.wire.events import RecentChanged
from hob.wire.plugins import ActionList, PluginList


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOB_HOME": str(tmp_path)})


class Bench:
    """A bridge that is watched."""

    def __init__(self, paths: Paths) -> None:
        application()
        self.paths = paths
        self.failures: list[HobError] = []
        self.bridge = DaemonBridge(paths, self.failures.append)
        self.views: list[DaemonView] = []
        self.bridge.watch(self.views.append)

    @property
    def view(self) -> DaemonView:
        return self.bridge.view


@pytest.fixture
def bench(paths: Paths) -> Iterator[Bench]:
    bench = Bench(paths)
    yield bench
    bench.bridge.stop()


class Told:
    """A daemon's stream of events: a test tells, and ends it."""

    def __init__(self, daemon: FakeDaemon, target: str, method: str = "GET") -> None:
        self._news = threading.Condition()
        self._blocks: list[bytes | None] = []
        self.listeners = 0
        daemon.script(method, target, self._serve)

    def tell(self, event: object) -> None:
        self._put(sse(event))

    def end(self) -> None:
        self._put(None)

    def _put(self, block: bytes | None) -> None:
        with self._news:
            self._blocks.append(block)
            self._news.notify()

    def _serve(self, connection: Connection) -> None:
        connection.head(Content_Type="text/event-stream", Transfer_Encoding="chunked")
        self.listeners += 1
        while True:
            with self._news:
                self._news.wait_for(lambda: self._blocks)
                block = self._blocks.pop(0)
            if block is None:
                return
            connection.chunk(block)


def serve(paths: Paths) -> FakeDaemon:
    """A daemon with one warm model that knows of no plugins yet."""
    daemon = FakeDaemon(paths.socket)
    daemon.reply("GET", "/hob/v1/status", replies.status())
    daemon.reply("GET", "/hob/v1/models", replies.model_list())
    daemon.reply("GET", "/hob/v1/actions", ActionList(actions=()))
    daemon.reply(
        "GET", "/hob/v1/plugins", PluginList(plugins=(), folder="/p", settings_file="/p.toml")
    )
    daemon.reply("GET", "/hob/v1/recent", RecentList(answers=()))
    return daemon


def test_a_daemon_that_comes_goes_and_comes_again_is_seen(bench: Bench) -> None:
    bench.bridge.start()
    until(lambda: bench.view.problem is not None)
    for _ in range(2):
        with serve(bench.paths) as daemon:
            facts = Told(daemon, "/hob/v1/events")
            until(lambda: bench.view.phase == "warm")
            assert "tiny" in [each.info.name for each in bench.view.models]
        facts.end()
        until(lambda: bench.view.phase == "away")


def test_a_fact_is_seen_and_what_it_leaves_open_is_asked(bench: Bench) -> None:
    with serve(bench.paths) as daemon:
        facts = Told(daemon, "/hob/v1/events")
        bench.bridge.start()
        until(lambda: bench.view.phase == "warm")
        answer = Recent(title="Q", text="A", at=1.0)
        daemon.reply("GET", "/hob/v1/recent", RecentList(answers=(answer,)))
        asked = len(daemon.requests_to("/hob/v1/status"))
        facts.tell(RecentChanged(at=1.0))
        until(lambda: bench.view.recent == (answer,))
        assert len(daemon.requests_to("/hob/v1/status")) == asked, "nothing else is asked"
        facts.end()


def test_a_burst_of_facts_is_asked_about_a_few_times(bench: Bench) -> None:
    with serve(bench.paths) as daemon:
        facts = Told(daemon, "/hob/v1/events")
        bench.bridge.start()
        until(lambda: bench.view.phase == "warm")
        daemon.asked.clear()
        for _ in range(200):
            facts.tell(RecentChanged(at=1.0))
        last = Recent(title="Q", text="A", at=1.0)
        daemon.reply("GET", "/hob/v1/recent", RecentList(answers=(last,)))
        facts.tell(RecentChanged(at=1.0))
        until(lambda: bench.view.recent == (last,))
        assert len(daemon.asked) < 50
        facts.end()


def test_what_an_older_daemon_does_not_know_costs_none_of_the_rest(bench: Bench) -> None:
    with serve(bench.paths) as daemon:
        for target in ("/hob/v1/actions", "/hob/v1/plugins", "/hob/v1/recent"):
            del daemon.routes["GET", target]
        facts = Told(daemon, "/hob/v1/events")
        bench.bridge.start()
        until(lambda: bench.view.phase == "warm")
        assert bench.view.actions == ()
        facts.end()


def test_one_part_that_fails_does_not_keep_the_others_in_the_past(bench: Bench) -> None:
    def fails(view: DaemonView) -> None:
        if view.phase == "warm":
            raise RuntimeError("a bug")

    bench.bridge.watch(fails)
    late: list[DaemonView] = []
    bench.bridge.watch(late.append)
    with serve(bench.paths) as daemon:
        facts = Told(daemon, "/hob/v1/events")
        bench.bridge.start()
        until(lambda: late[-1].phase == "warm")
        facts.end()


def test_work_is_done_elsewhere_and_told_here(bench: Bench) -> None:
    here = threading.current_thread()
    where: list[threading.Thread] = []

    def work(_: Client) -> str:
        where.append(threading.current_thread())
        return "made"

    def done(made: str) -> None:
        where.append(threading.current_thread())
        results.append(made)

    results: list[str] = []
    bench.bridge.run(work, done)
    until(lambda: results)
    assert results == ["made"]
    assert where[0] is not here
    assert where[1] is here


@pytest.mark.parametrize(
    ("raised", "code"), [(InvalidRequest("No."), "invalid_request"), (KeyError("x"), "internal")]
)
def test_work_that_fails_is_told_to_whoever_asked_or_shown(
    bench: Bench, raised: Exception, code: str
) -> None:
    def work(_: Client) -> None:
        raise raised

    told: list[HobError] = []
    bench.bridge.run(work, failed=told.append)
    bench.bridge.run(work)
    until(lambda: told and bench.failures)
    assert [each.code for each in (*told, *bench.failures)] == [code, code]


def test_as_much_work_as_there_is_goes_on_at_once(bench: Bench) -> None:
    """A stream of an answer holds a thread for minutes, and nothing waits for it."""
    gate = threading.Event()
    done: list[int] = []

    def wait(_: Client) -> None:
        gate.wait(30)

    for _ in range(20):
        bench.bridge.run(wait, lambda _: done.append(0))
    bench.bridge.run(lambda _: None, lambda _: done.append(1))
    until(lambda: done)
    assert done == [1]
    gate.set()
    until(lambda: len(done) == 21)


def test_the_desktop_attaches_obeys_and_attaches_again(bench: Bench) -> None:
    orders: list[AnyOrder] = []
    ids: list[str] = []
    attachment = Attachment(bench.bridge, ":0", obey=orders.append, attached=ids.append)
    with serve(bench.paths) as daemon:
        facts = Told(daemon, "/hob/v1/events")
        given = Told(daemon, "/hob/v1/desktop/attach", "POST")
        given.tell(Attached(desktop="one"))
        given.tell(Open(id="1"))
        bench.bridge.start()
        attachment.start()
        until(lambda: orders)
        assert (ids, orders) == (["one"], [Open(id="1")])
        assert daemon.requests_to("/hob/v1/desktop/attach")[0].json["session"] == ":0"
        given.end()
        given.tell(Attached(desktop="two"))
        until(lambda: ids[-1] == "two")
        assert ids == ["one", "", "two"]
        given.end()
        facts.end()
