"""Holds the end of an answer back until it is known that its model's files are still the same."""

from __future__ import annotations

from collections.abc import Callable

from hob.supervisor.inbox import Checked, Item, Report, Setup, Stamped
from hob.supervisor.life import Life
from hob.supervisor.stamps import changed_in_place
from hob.wire.calls import Embedded, Ranked
from hob.wire.engine import Returned
from hob.wire.generate import Finished


def is_guarded(life: Life, message: Finished | Returned) -> bool:
    """Tokens and rendered templates do not come from the weights."""
    from_weights = isinstance(message, Finished) or isinstance(message.result, Embedded | Ranked)
    return bool(life.stamps) and from_weights


async def take_stamps(life: Life, setup: Setup, post: Callable[[Item], None]) -> None:
    """Post which files these are that the process loads."""
    stamps = await setup.stamps(life.info)
    post(Report(life.link, Stamped(stamps)))


async def check_files(
    life: Life, message: Finished | Returned, setup: Setup, post: Callable[[Item], None]
) -> None:
    """Post the end again, with the word whether it came from files that have changed."""
    changed = changed_in_place(life.stamps or {}, await setup.stamps(life.info))
    post(Report(life.link, Checked(message, changed)))
