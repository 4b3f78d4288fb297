"""How likely tokens were by the model itself, before anything is done to its logits."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

from hob.engine.native.vocab import Vocab
from hob.wire.generate import TokenLogprob, TopLogprob

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The most likely tokens are nearly always within so much of the highest logit, and looking among
# these alone takes a tenth of the time.
_NEAR = 10.0


class RawLogprobs:
    """The distribution at one output: natural logarithms of probabilities.

    `address` points to as many floats as the vocabulary has tokens; they are copied, since a
    constraint overwrites them. numpy is imported here: few requests ask for probabilities, and it
    takes 20 MB.
    """

    def __init__(self, address: int, vocab: Vocab) -> None:
        import numpy as np

        row = (ctypes.c_float * vocab.size).from_address(address)
        self._logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(row).copy()
        self._highest = float(self._logits.max())
        total = np.exp(self._logits - np.float32(self._highest)).sum(dtype=np.float64)
        self._log_total = self._highest + math.log(total)
        self._vocab = vocab

    def of(self, token: int, top: int) -> TokenLogprob:
        """The token's, and those of the `top` most likely, the likeliest first."""
        best = self._most_likely(min(top, self._vocab.size)) if top else ()
        return TokenLogprob(
            token=token,
            piece=self._vocab.piece(token, special=True),
            logprob=self._logprob(token),
            top=tuple(
                TopLogprob(
                    token=other,
                    piece=self._vocab.piece(other, special=True),
                    logprob=self._logprob(other),
                )
                for other in best
            ),
        )

    def _logprob(self, token: int) -> float:
        # The sum is rounded, so a certain token could come out a little above 0.
        return min(0.0, float(self._logits[token]) - self._log_total)

    def _most_likely(self, count: int) -> list[int]:
        import numpy as np

        near = np.flatnonzero(self._logits >= self._highest - _NEAR)
        if near.size < count:
            near = np.arange(self._logits.size)
        values = self._logits[near]
        best = near[np.argpartition(values, near.size - count)[near.size - count :]]
        return sorted(best.tolist(), key=lambda token: (-self._logits[token], token))
