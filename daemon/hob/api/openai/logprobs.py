"""Log probabilities as OpenAI writes them: one way for chats, another for plain completions."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from hob.wire.generate import TokenLogprob, TopLogprob
from hob.wire.openai.replies import ChatLogprob, ChatLogprobs, Likelihood, TextLogprobs

# What OpenAI writes for a token that could hardly come; JSON has no infinity.
LEAST = -9999.0


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> ChatLogprobs:
    return ChatLogprobs(
        content=tuple(
            ChatLogprob(
                token=_text(token.piece),
                logprob=_bounded(token.logprob),
                bytes=tuple(token.piece),
                top_logprobs=tuple(_likelihood(other) for other in token.top),
            )
            for token in tokens
        )
    )


def _likelihood(other: TopLogprob) -> Likelihood:
    return Likelihood(
        token=_text(other.piece), logprob=_bounded(other.logprob), bytes=tuple(other.piece)
    )


class TextPosition:
    """How far one choice's text has come, for `text_offset`."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._chars = 0

    def take(self, tokens: Sequence[TokenLogprob]) -> TextLogprobs:
        """The next tokens of the choice."""
        offsets = []
        for token in tokens:
            offsets.append(self._chars)
            self._chars += len(self._decoder.decode(token.piece))
        return TextLogprobs(
            tokens=tuple(_name(token.piece) for token in tokens),
            token_logprobs=tuple(
                None if token.logprob is None else _bounded(token.logprob) for token in tokens
            ),
            top_logprobs=tuple(
                {_name(other.piece): _bounded(other.logprob) for other in token.top} or None
                for token in tokens
            ),
            text_offset=tuple(offsets),
        )


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")


def _name(piece: bytes) -> str:
    """The token's text, else its bytes in such a form that no two tokens look the same."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def _bounded(logprob: float | None) -> float:
    """Also for what is no number: comparing with it is false."""
    return logprob if logprob is not None and logprob > LEAST else LEAST
