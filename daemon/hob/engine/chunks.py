"""What a step computes of one sequence."""

from __future__ import annotations

from hob.engine.runtime import Chunk
from hob.engine.sequence import Sequence


def next_chunk(seq: Sequence, count: int) -> Chunk:
    """The next `count` tokens of a sequence; logits where something is drawn or scored."""
    assert seq.slot is not None
    certain = seq.tokens[seq.computed : seq.computed + count]
    guesses = seq.guesses[: count - len(certain)]
    outputs = 0
    if seq.computed + len(certain) == len(seq.tokens) and not seq.prefill:
        outputs = 1 + len(guesses)
    if seq.scores_prompt and not seq.new_tokens:
        outputs = len(certain)
    return Chunk(seq.slot, seq.computed, [*certain, *guesses], outputs)
