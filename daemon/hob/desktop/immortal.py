"""Keeps None, True and False alive on Python 3.11.

Since Python 3.12 these three are immortal, and no count of references to them is kept. PySide6 6.12
is built to rely on that, though its package allows Python 3.10 and later: every method that returns
nothing lowers the count of None by one, and signals that of True and False. On 3.11 a desktop would
end with "Fatal Python error: none_dealloc" after some thousand calls.
"""

from __future__ import annotations

import ctypes
import sys

# Out of reach for centuries of calls, and far from where the counter turns over.
_PLENTY = 1 << 60


def keep_singletons() -> None:
    """Give them so many references that they cannot be used up. Harmless when done again."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return
    for one in (None, True, False):
        # The count is the first field of every object.
        count = ctypes.c_ssize_t.from_address(id(one))
        count.value = max(count.value, _PLENTY)
