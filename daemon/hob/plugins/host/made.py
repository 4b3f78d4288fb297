"""What an action has made, whichever way it makes it, as pieces of text."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from hob.plugins.host.waits import Waits


def take(made: Any, add: Callable[[str], None], waits: Waits) -> None:
    """Hand each piece to `add`, on this thread. Raises TypeError for what is no text."""
    if made is None:
        return
    if isinstance(made, str):
        add(made)
    elif inspect.isawaitable(made) or isinstance(made, AsyncIterator):
        waits.finish(_take_async(made, add, waits))
    elif isinstance(made, Iterator | list | tuple):
        for piece in made:
            add(_text(piece))
    elif hasattr(made, "__iter__") and not isinstance(made, bytes | dict | set):
        for piece in iter(made):
            add(_text(piece))
    else:
        raise TypeError(f"text or pieces of it are expected, not {type(made).__name__}")


async def _take_async(made: Any, add: Callable[[str], None], waits: Waits) -> None:
    if not isinstance(made, AsyncIterator):
        made = await made
    if isinstance(made, AsyncIterator):
        async for piece in made:
            add(_text(piece))
    else:
        take(made, add, waits)


def _text(piece: Any) -> str:
    if not isinstance(piece, str):
        raise TypeError(f"pieces of text are expected, not {type(piece).__name__}")
    return piece
