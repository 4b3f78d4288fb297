"""Does one order of the daemon's: `python -P -m hob.models.pull.hub_child`.

A process of its own, because a download must be ended at any moment, and because what the hub's
library costs should be given back. It ends at once when the daemon does, however that happens: its
stdin is then at its end.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hob.errors import DownloadError, HobError, HubRefused, InvalidRequest, NotOnHub
from hob.models.pull.files import Files, Wanted
from hob.models.pull.net import Bearer, Net, NotThere, Refused, allow_also, origin_of
from hob.models.pull.orders import (
    Account,
    AccountOrder,
    Failed,
    Fetched,
    FetchedFile,
    Found,
    Listed,
    ListOrder,
    Order,
    PullOrder,
    Result,
    SearchOrder,
    encoder,
    order_decoder,
)
from hob.models.pull.selection import select
from hob.models.pull.source import HubSource, Starter, WebSource, parse_source
from hob.models.pull.web import look_at
from hob.wire.base import ErrorInfo
from hob.wire.pulls import PullProgress

if TYPE_CHECKING:
    from hob.models.pull.hub import Hub

_MAX_ORDER_BYTES = 64 * 2**10

Reporter = Callable[[PullProgress], None]


def main() -> None:
    # What a library prints must not be taken for an answer.
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    order = order_decoder.decode(sys.stdin.buffer.readline(_MAX_ORDER_BYTES))
    threading.Thread(target=_end_with_the_daemon, daemon=True).start()
    lock = threading.Lock()

    def say(line: PullProgress | Result) -> None:
        with lock:
            _say(out, line)

    try:
        say(Worker(order, say).run())
    except HobError as error:
        say(Failed(error=ErrorInfo.of(error)))
    # Threads that still wait for a server hold nothing that is worth waiting for.
    sys.stderr.flush()
    os._exit(0)


def _end_with_the_daemon() -> None:
    # Past Python's own buffer, whose lock would be held while the process ends.
    while os.read(0, 4096):
        pass
    os._exit(1)


def _say(out: BinaryIO, line: PullProgress | Result) -> None:
    try:
        out.write(encoder.encode(line) + b"\n")
    except BrokenPipeError:
        os._exit(1)


class Worker:
    """One order, done by this process."""

    def __init__(self, order: Order, report: Reporter) -> None:
        self._order = order
        self._report = report
        bearer = Bearer(origin_of(order.hub), order.token) if order.token else None
        limits = order.limits
        self._net = Net(
            check=allow_also(order.hub),
            stall_s=limits.stall_s,
            attempts=limits.attempts,
            retry_wait_s=limits.retry_wait_s,
            bearer=bearer,
        )

    def run(self) -> Result:
        """The result. Raises HobError."""
        match self._order.task:
            case SearchOrder(text=text, limit=limit):
                return Found(models=self._hub().search(text, limit))
            case ListOrder(repo=repo):
                _, entries = self._hub().list_files(repo)
                return Listed(digests={file.path: file.sha256 for file in entries if file.sha256})
            case AccountOrder():
                return Account(name=self._hub().account())
            case PullOrder() as task:
                return self._pull(task)

    def _pull(self, task: PullOrder) -> Fetched:
        source = parse_source(task.source, self._order.hub)
        self._report(PullProgress(stage="look"))
        match source:
            case Starter():
                return self._pull_starter(task)
            case HubSource():
                return self._pull_from_hub(task, source)
            case WebSource():
                return self._pull_from_web(task, source)

    def _pull_starter(self, task: PullOrder) -> Fetched:
        from hob.models.pull.starter import STARTER, Pull

        pulled = Pull(Path(task.folder), self._report).run()
        file = FetchedFile(path=str(pulled.path), sha256=STARTER.file_sha256)
        return Fetched(files=(file,), source="starter", already_there=pulled.already_there)

    def _pull_from_hub(self, task: PullOrder, source: HubSource) -> Fetched:
        hub = self._hub()
        commit, entries = hub.list_files(source.repo, source.revision)
        folder = Path(task.folder)
        wanted = [
            Wanted(
                hub.address_of(source.repo, taken.entry.path, commit),
                folder / taken.place,
                taken.entry.size,
                taken.entry.sha256,
            )
            for taken in select(source.repo, source.wish, entries)
        ]
        try:
            fetched = Files(folder, task.id, self._net, self._report).run(wanted)
        except Refused as error:
            raise hub.refused(source.repo, int(error.details["status"])) from error
        except NotThere as error:
            raise NotOnHub(
                f"The hub lists the file in {source.repo}, and does not have it.",
                hint="Try again later, or choose another file.",
                param="source",
            ) from error
        return _fetched(wanted, f"hf:{source.repo}@{commit}", fetched)

    def _pull_from_web(self, task: PullOrder, source: WebSource) -> Fetched:
        target = Path(task.folder) / source.file_name
        try:
            found = look_at(source.url, self._net, time.sleep)
            wanted = Wanted(source.url, target, found.size, "", found.validator)
            if target.exists():
                return _there_already(target, wanted)
            Files(Path(task.folder), task.id, self._net, self._report).run([wanted])
        except Refused as error:
            raise HubRefused(
                error.message,
                hint="The server wants a login, which Hob has for the hub alone: fetch the file"
                " with a browser and put it into the models folder.",
            ) from error
        except NotThere as error:
            raise DownloadError(
                error.message, hint="Look whether the address is right.", param="source"
            ) from error
        return _fetched([wanted], source.url, fetched=True)

    def _hub(self) -> Hub:
        from hob.models.pull.hub import Hub

        return Hub(self._order.hub, self._order.token, self._net, time.sleep)


def _there_already(target: Path, wanted: Wanted) -> Fetched:
    """A file of that name and size is taken for the one; another one is never overwritten."""
    if target.stat().st_size != wanted.size:
        raise InvalidRequest(
            f"There is another file {target.name} in the models folder, so nothing is fetched.",
            hint="Rename or remove it first.",
            param="source",
        )
    return _fetched([wanted], wanted.url, fetched=False)


def _fetched(wanted: list[Wanted], source: str, fetched: bool) -> Fetched:
    files = tuple(FetchedFile(path=str(file.target), sha256=file.sha256) for file in wanted)
    return Fetched(files=files, source=source, already_there=not fetched)


if __name__ == "__main__":
    main()
