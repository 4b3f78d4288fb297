"""What is asked of a clipboard, done elsewhere than on the GUI thread, and answered there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hob.errors import DesktopRefused, HobError

T = TypeVar("T")
Post = Callable[[Callable[[], None]], None]
Failed = Callable[[HobError], None]
# More than a person can ask for; programs that ask faster are told so.
MAX_WAITING = 32


def do(
    post: Post, work: Callable[[], T], done: Callable[[T], None] | None, failed: Failed | None
) -> None:
    """Do `work` here and now; `done` or `failed` is called on the GUI thread."""
    try:
        result = work()
    except HobError as error:
        tell(post, failed, error)
    except Exception as error:  # whatever libraries raise: a clipboard must not end the desktop
        tell(post, failed, unexpected(error))
    else:
        if done is not None:
            post(lambda: done(result))


def tell(post: Post, failed: Failed | None, error: HobError) -> None:
    if failed is not None:
        post(lambda: failed(error))


def unexpected(error: Exception) -> DesktopRefused:
    return DesktopRefused(
        f"The clipboard cannot be used now: {error or type(error).__name__}.",
        hint="Try it again; if it stays so, start Hob's desktop again.",
    )


def too_busy() -> DesktopRefused:
    return DesktopRefused(
        f"{MAX_WAITING} requests wait for the clipboard already.", hint="Ask again in a moment."
    )
