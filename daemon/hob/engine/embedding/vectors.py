"""From the numbers that the model gives to those that are asked for. Pure.

Vectors are bytes of 32-bit floats throughout: a vector as Python numbers takes eight times as much.
"""

from __future__ import annotations

import math
from array import array

from hob.errors import WorkerError


def vector(raw: bytes, dimensions: int | None, normalize: bool) -> bytes:
    """`raw` cut to `dimensions` (a Matryoshka model puts what matters most first), then of
    length 1.

    Raises WorkerError when it holds what is no number.
    """
    numbers = array("f", raw)[:dimensions]
    length = math.hypot(*numbers)
    if not math.isfinite(length):
        raise _no_number()
    # A vector of zeros has no direction, and stays what it is.
    if not normalize or not length:
        return numbers.tobytes()
    return array("f", [number / length for number in numbers]).tobytes()


def score(raw: bytes) -> float:
    """The first number: the only one that rerankers have, or the one for "relevant".

    Raises WorkerError when it is no number.
    """
    found = array("f", raw)[0]
    if not math.isfinite(found):
        raise _no_number()
    return found


def _no_number() -> WorkerError:
    return WorkerError(
        "The model computed something that is no number, so there is no result.",
        hint="Fetch the model's file again, or choose another model or quantization.",
    )
