"""Bounds on what a template may take: CPU time, the size of a value, and all of its values.

Native operations cannot be interrupted, so each that can make something large (`'A' * 10**8`, a
width in a format, a list that holds itself twice, again and again) is measured before it runs.
Everything else runs as Python calls and lines, and a trace stops it when its time is up.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from jinja2 import Undefined

MAX_CPU_S = 1.0
MAX_VALUE = 1_000_000
# How much all values together may weigh, as a multiple of what one may.
_TOTAL = 100
_MAX_INT_BITS = 4_096
# A width of four digits, one taken from the values (`*`, or a field within a field).
_WIDE_FORMAT = re.compile(r"\d{4}|\*|\{[^{}]*\{")
_SCALAR_WEIGHT = 8
# What Jinja names the code that it makes of a template.
_TEMPLATE_FILE = "<template>"


TraceFunction = Callable[[FrameType, str, Any], Any]


class LimitExceeded(BaseException):
    """A template takes too long or makes too much.

    Not an Exception: no handler on the way out of foreign code may catch it and go on.
    """


class Budget:
    """What one rendering may still take. `largest` bounds one value, in characters and items."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._left = largest * _TOTAL
        self._deadline = time.thread_time() + MAX_CPU_S

    def charge(self, weight: int) -> None:
        """Take `weight` for one value. Raises LimitExceeded."""
        self._left -= weight
        if weight > self._largest or self._left < 0:
            raise LimitExceeded(f"it makes a text or list of over {self._largest} characters")

    def charge_value(self, value: object) -> None:
        """Take what a value weighs when it is written out: shared parts count each time.

        Raises LimitExceeded, also for what is no plain data and so cannot be measured.
        """
        if isinstance(value, str):
            self.charge(len(value))
            return
        weight = 0
        stack = [value]
        while stack:
            item = stack.pop()
            weight += 1
            if isinstance(item, (str, bytes)):
                weight += len(item)
            elif isinstance(item, (int, float, Undefined)) or item is None:
                weight += _SCALAR_WEIGHT
            elif isinstance(item, dict):
                stack += [*item, *item.values()]
            elif isinstance(item, (list, tuple, set)):
                stack += item
            else:
                raise LimitExceeded(f"it uses a {type(item).__name__} as if it were data")
            if weight + len(stack) > self._largest:
                break
        self.charge(weight + len(stack))

    @contextmanager
    def on_this_thread(self) -> Iterator[None]:
        """Within it, each call of a Python function on this thread, and each line of a template,
        checks the CPU time that the thread took.

        CPU time, since a busy machine is not the template's fault. Lines of other code loop over no
        more than what the checks have let through; to look at each of them made compiling the
        largest templates take more than its time.
        """
        previous = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(previous)

    def _trace(self, frame: FrameType, _event: str, _arg: object) -> TraceFunction | None:
        if frame.f_code.co_filename == __file__:
            # The checks themselves are bounded by what they check, and must not pay for it.
            return None
        if time.thread_time() > self._deadline:
            raise LimitExceeded(f"it takes more than {MAX_CPU_S:.0f} s")
        return self._trace if frame.f_code.co_filename == _TEMPLATE_FILE else None

    # Operations that can make something large, measured before they run

    def check_multiply(self, left: object, right: object) -> None:
        if isinstance(left, int) and isinstance(right, int):
            self._check_bits(left.bit_length() + right.bit_length())
        for value, count in ((left, right), (right, left)):
            if isinstance(value, (str, bytes, list, tuple)) and isinstance(count, int):
                self.charge(len(value) * max(count, 0))

    def check_power(self, base: object, exponent: object) -> None:
        if isinstance(base, int) and isinstance(exponent, int):
            self._check_bits(base.bit_length() * abs(exponent))

    def check_add(self, left: object, right: object) -> None:
        if isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            self.charge(len(left) + len(right))

    def check_format(self, form: object, values: object) -> None:
        """A format may hold neither a long width nor one that comes from the values."""
        if isinstance(form, str):
            self.charge_value(values)
            if _WIDE_FORMAT.search(form):
                raise LimitExceeded("it formats text with a very large width")
            self.charge(len(form))

    def check_replace(self, text: object, old: object = "", new: object = "") -> None:
        source, before, after = str(text), str(old), str(new)
        growth = len(after) - len(before)
        self.charge(len(source) + max(0, growth) * source.count(before))

    def check_join(self, values: Iterable[object], separator: object = "") -> None:
        gap = len(str(separator))
        self.charge(sum(gap + len(v) if isinstance(v, str) else gap + 1 for v in values))

    def check_numbers(self, arguments: Iterable[object], most: int) -> None:
        """Counts and widths among a filter's arguments."""
        for argument in arguments:
            if isinstance(argument, int) and abs(argument) > most:
                raise LimitExceeded(f"it asks for {argument} of something")

    def _check_bits(self, bits: int) -> None:
        if bits > _MAX_INT_BITS:
            raise LimitExceeded("it computes with a very large number")
