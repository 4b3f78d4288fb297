"""Runs orders in this process, as the child would, and looks at what is left in the folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.hub import REPO, FakeHub
from hob.errors import HobError
from hob.models.pull.hub_child import Worker
from hob.models.pull.orders import Fetched, Limits, Order, PullOrder
from hob.wire.pulls import PullProgress

LIMITS = Limits(stall_s=0.3, attempts=2, retry_wait_s=0.0)


@dataclass
class PullBench:
    hub: FakeHub
    folder: Path
    token: str = ""
    reports: list[PullProgress] = field(default_factory=list)

    def pull(self, source: str = f"hf:{REPO}") -> Fetched:
        task = PullOrder(id="1", source=source, folder=str(self.folder))
        order = Order(task=task, hub=self.hub.address, token=self.token, limits=LIMITS)
        result = Worker(order, self.reports.append).run()
        assert isinstance(result, Fetched)
        return result

    def failure(self, source: str = f"hf:{REPO}") -> HobError:
        """The error of a pull that must fail. Nothing may be listed after it, and nothing is
        written anywhere but in the hidden folder."""
        with pytest.raises(HobError) as caught:
            self.pull(source)
        assert self.listed() == []
        assert [path.name for path in self.folder.parent.iterdir()] in ([], ["models"])
        assert caught.value.message
        assert caught.value.hint
        return caught.value

    def listed(self) -> list[str]:
        """The files that a scan would see."""
        found = sorted(self.folder.rglob("*")) if self.folder.exists() else []
        paths = [path.relative_to(self.folder) for path in found if path.is_file()]
        return [str(path) for path in paths if not path.parts[0].startswith(".")]

    def parts(self) -> list[Path]:
        """What is kept for the next time."""
        return sorted(self.folder.glob(".pulls/*/*.incomplete"))
