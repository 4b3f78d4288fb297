"""Has the model work on a text of any length: at once, part by part, or on what its parts say."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal

from hob.errors import ContextOverflow, InvalidRequest
from hob.plugins import Run
from hob_clipboard import wording
from hob_clipboard.chunks import split_text

# whole: a text that is too long is condensed first. pieces: its parts are worked on one after
# the other, and the results joined.
How = Literal["whole", "pieces"]

# No part of a long text has more tokens, however long the context: small models lose track, and
# progress can be told.
PART_TOKENS = 3_000
# An answer that is about as long as its text, in any language, has room in so many times of it.
_GROWTH = 1.4
# What the chat template adds, and the difference between counting parts and their sum.
_TEMPLATE_TOKENS = 64
# The longest answer to a whole text; and to a piece, in its own length: a small model that does not
# find an end would go on to the end of the context.
_MOST_TOKENS = 2_048
_MOST_GROWTH = 4
_MOST_BEYOND = 256
# With less room for the text than this there is no sense in trying.
_LEAST_TOKENS = 64
_MOST_LEVELS = 12

CUT_NOTE = "\n\n*(The answer ends here because it has reached the model's limit.)*"


def text_of(run: Run) -> str:
    """What the run works on. Raises InvalidRequest, with what is there instead of a text."""
    if run.image:
        raise InvalidRequest(
            "The clipboard holds a picture, and this action works on text.",
            hint='Use "Describe the picture" or "Text in the picture", or copy some text.',
        )
    text = run.text
    if not text.strip():
        raise InvalidRequest(
            "There is no text to work on: it is empty, or nothing but blanks.",
            hint="Copy some text and try again.",
        )
    limit = int(str(run.settings["max_input"]))
    if len(text) > limit:
        raise InvalidRequest(
            f"The text has {len(text):,} characters, and Hob works on {limit:,} at most here,"
            " because reading more would take very long.",
            hint="Copy a part of it, or allow more: `hob plugins set clipboard max_input NUMBER`.",
        )
    return text


@dataclass(frozen=True)
class Order:
    """What is to be done with a text: the last paragraph, and how the model is asked."""

    instruction: str
    how: How = "whole"
    system: str = wording.SYSTEM
    model: str = ""
    temperature: float | None = 0.3
    wish: wording.Wish = field(default_factory=wording.Wish)


class Reading:
    """One run over one text; tells its progress through the run."""

    def __init__(self, run: Run, order: Order) -> None:
        self._run = run
        self._order = order
        self._model = order.model or run.model
        around = self._count(order.system) + self._count(order.instruction) + _TEMPLATE_TOKENS
        self._context = run.context_length(model=self._model)
        self._left = self._context - around
        if self._left < 4 * _LEAST_TOKENS:
            raise ContextOverflow(
                f"The model's context of {self._context} tokens is too short for this action.",
                hint="Load the model with a longer context, or choose another model.",
                prompt_tokens=around,
                context_length=self._context,
            )

    def answer(self, text: str) -> Iterator[str]:
        """The result, piece by piece."""
        tokens = self._count(text)
        if self._order.how == "pieces":
            yield from self._in_pieces(text, tokens)
        else:
            yield from self._whole(text, tokens)

    # ---- one request ----

    def _count(self, text: str) -> int:
        return self._run.count_tokens(text, model=self._model)

    def _ask(self, text: str, instruction: str, most: int) -> Generator[str, None, str]:
        """The pieces of one answer; returns why it ended."""
        reply = self._run.ask(
            f"{text}\n\n{instruction}",
            system=self._order.system,
            model=self._model,
            max_tokens=most,
            temperature=self._order.temperature,
            reasoning_effort="none",
        )
        yield from reply
        return reply.finish_reason

    # ---- the whole text at once ----

    def _whole(self, text: str, tokens: int) -> Iterator[str]:
        fits = self._left - min(1_024, self._left // 3)
        notes: list[str] = []
        if tokens > fits:
            text, notes = self._condensed(text, fits)
            tokens = self._count(text)
            self._run.progress(0.95, "Writing the answer")
        most = min(_MOST_TOKENS, self._left - tokens)
        reason = yield from self._ask(text, self._order.instruction, most)
        if reason == "length":
            yield CUT_NOTE
        for note in notes:
            yield f"\n\n*({note})*"

    def _condensed(self, text: str, limit: int) -> tuple[str, list[str]]:
        """What the parts of the text say, in at most `limit` tokens; and what to tell of it."""
        begun, first_parts, cut = 0.0, 0, 0
        for _ in range(_MOST_LEVELS):
            parts = self._parts(text, min(PART_TOKENS, self._left * 3 // 4))
            first_parts = first_parts or len(parts)
            share = (0.95 - begun) * 0.85
            said = []
            for n, part in enumerate(parts):
                note = "Reading part" if begun == 0.0 else "Bringing together part"
                self._run.progress(
                    begun + share * n / len(parts), f"{note} {n + 1} of {len(parts)}"
                )
                brief, reason = self._brief(part, n + 1, len(parts))
                cut += reason == "length" and begun == 0.0
                said.append(brief)
            text = "\n\n".join(said)
            if self._count(text) <= limit:
                return text, _told(first_parts, cut)
            begun += share
        raise ContextOverflow(
            "The model does not make the parts of the text any shorter, so they do not fit into its"
            f" context of {self._context} tokens.",
            hint="Choose another model, or copy less of the text.",
            prompt_tokens=self._count(text),
            context_length=self._context,
        )

    def _brief(self, part: str, number: int, parts: int) -> tuple[str, str]:
        """What one part says, in a quarter of its length at most, and why the answer ended."""
        instruction = wording.summarize_part(self._order.wish, number, parts)
        most = max(_LEAST_TOKENS, min(PART_TOKENS, self._left * 3 // 4) // 4)
        pieces = self._ask(part, instruction, most)
        text, reason = _drained(pieces)
        return text.strip(), reason

    # ---- part by part ----

    def _in_pieces(self, text: str, tokens: int) -> Iterator[str]:
        limit = min(PART_TOKENS, int(self._left / (1 + _GROWTH)))
        parts = [text] if tokens <= limit else self._parts(text, limit)
        cut = 0
        for n, part in enumerate(parts):
            if len(parts) > 1:
                self._run.progress(n / len(parts), f"Part {n + 1} of {len(parts)}")
            body = part.rstrip()
            length = min(self._count(body), limit)
            most = min(_MOST_GROWTH * length + _MOST_BEYOND, self._left - length)
            reason = yield from self._ask(body, self._order.instruction, most)
            cut += reason == "length"
            if n + 1 < len(parts):
                yield part[len(body) :]
        if cut and len(parts) == 1:
            yield CUT_NOTE
        elif cut:
            yield (
                f"\n\n*({cut} of the {len(parts)} parts reached the model's limit, so the answer to"
                " them is not complete.)*"
            )

    def _parts(self, text: str, limit: int) -> list[str]:
        return [part for part in split_text(text, limit, self._count) if part.strip()]


def _told(parts: int, cut: int) -> list[str]:
    """What a person should know of an answer that was made from summaries."""
    notes = [
        f"The text is longer than the model's context, so this is made from its {parts} parts,"
        " each of which was summarized first."
    ]
    if cut:
        notes.append(
            f"The summaries of {cut} of them reached their limit and may lack what came last."
        )
    return notes


def _drained(pieces: Generator[str, None, str]) -> tuple[str, str]:
    """All of an answer, and why it ended."""
    text = []
    while True:
        try:
            text.append(next(pieces))
        except StopIteration as end:
            return "".join(text), end.value
