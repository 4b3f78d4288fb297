"""How likely tokens were by the model itself, before anything is done to its logits."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from hob.engine.native.vocab import Vocab
from hob.wire.generate import TokenLogprob, TopLogprob

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class RawLogprobs:
    """The distribution at one output: natural logarithms of probabilities.

    `address` points to as many floats as the vocabulary has tokens. numpy is imported here, since
    few requests ask for probabilities and it takes 20 MB.
    """

    def __init__(self, address: int, vocab: Vocab) -> None:
        import numpy as np

        row = (ctypes.c_float * vocab.size).from_address(address)
        logits = np.frombuffer(memoryview(row).cast("B"), dtype=np.float32).astype(np.float64)
        highest = logits.max()
        self._values: npt.NDArray[np.float64] = (
            logits - highest - np.log(np.exp(logits - highest).sum())
        )
        self._vocab = vocab

    def of(self, token: int, top: int) -> TokenLogprob:
        """The token's, and those of the `top` most likely, the likeliest first."""
        return TokenLogprob(
            token=token,
            piece=self._vocab.piece(token, special=True),
            logprob=float(self._values[token]),
            top=self._most_likely(top),
        )

    def _most_likely(self, count: int) -> tuple[TopLogprob, ...]:
        if not count:
            return ()
        import numpy as np

        best = np.argpartition(-self._values, count)[:count]
        ordered = sorted((int(token) for token in best), key=lambda t: (-self._values[t], t))
        return tuple(
            TopLogprob(
                token=token,
                piece=self._vocab.piece(token, special=True),
                logprob=float(self._values[token]),
            )
            for token in ordered
        )
