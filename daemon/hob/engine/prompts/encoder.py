"""From the text of a prompt to its tokens, as the model was trained to see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hob.engine.media import EncodedMedia
from hob.engine.projection import Projection
from hob.engine.prompts.client_texts import client_texts
from hob.engine.prompts.marks import Marks, Piece
from hob.engine.prompts.vocabulary import InfillTokens, Tokenizer
from hob.errors import InvalidRequest, TemplateFailed, UnsupportedParameter
from hob.wire.chat import ChatMessage, Media
from hob.wire.generate import GenerateRequest

# Writes the messages, which may be some of the request's, as its model's prompt; the request says
# what the template is told besides.
Render = Callable[[Sequence[ChatMessage], GenerateRequest], str]

LONG_CHARS = 2**18
MAX_CONTROL_TOKENS = 30_000
# llama.cpp's tokenizer cannot be stopped, and its time grows with the square of the control tokens
# in a text: 1 s for 256 kB of them, 20 s for a megabyte. Slices take time in proportion.
_SLICE_CHARS = 2**14


class Encoder:
    """The tokens of requests to one model."""

    def __init__(
        self, vocab: Tokenizer, render: Render, projection: Projection | None = None
    ) -> None:
        self.vocab = vocab
        self._render = render
        self.projection = projection or Projection()

    def tokens(self, request: GenerateRequest) -> list[int]:
        """The prompt of any request. Raises what the methods below raise."""
        if request.messages:
            return self.chat(request)[1]
        if request.suffix:
            return self.join_infill(*self.infill(request))
        if isinstance(request.prompt, str):
            return self.plain(request.prompt)
        return self.given(request.prompt or ())

    def chat(self, request: GenerateRequest) -> tuple[str, list[int]]:
        """The prompt of a conversation: text and tokens, with placeholders for media.

        Raises TemplateFailed, InvalidRequest, or UnsupportedParameter for media that the model
        does not take.
        """
        marks = Marks(self.vocab)
        marked = marks.request(request)
        pieces = marks.split(self._render(marks.media(marked.messages), marked))
        tokens = self._without_double_bos(self._join(pieces))
        if not tokens:
            raise TemplateFailed(
                "The model's chat template makes an empty prompt of this conversation.",
                hint="Use a built-in template: `hob config set engine.chat_template chatml`.",
            )
        return "".join(map(_shown, pieces)), tokens

    def plain(self, text: str) -> list[int]:
        """A prompt to be continued; it may hold the text of control tokens.

        Raises InvalidRequest when it holds so many of them that tokenizing would take very long.
        """
        refuse_dense(self.vocab, text, "prompt")
        return self._without_double_bos(self._begin(text, parse_special=True))

    def plain_in_slices(self, text: str) -> list[int]:
        """The same for a very long prompt; what stands at the cuts may be tokenized differently."""
        tokens = self._begin("", parse_special=False)
        for more in self.slices(text, parse_special=True):
            tokens += more
        return self._without_double_bos(tokens)

    def slices(self, text: str, *, parse_special: bool) -> Iterator[list[int]]:
        """The tokens of a long text, slice by slice: all right but those at the cuts."""
        for start in range(0, len(text), _SLICE_CHARS):
            yield self.vocab.tokenize(
                text[start : start + _SLICE_CHARS], add_special=False, parse_special=parse_special
            )

    def given(self, tokens: Sequence[int]) -> list[int]:
        """Raises InvalidRequest for what is no token."""
        check_tokens(tokens, self.vocab.size, "prompt")
        return list(tokens)

    def infill(self, request: GenerateRequest) -> tuple[InfillTokens, list[int], list[int]]:
        """The tokens of the texts before and after the gap; text of control tokens is text.

        Raises UnsupportedParameter when the model does not fill gaps.
        """
        marks = self.vocab.infill
        if marks is None:
            raise UnsupportedParameter(
                "This model was not trained to fill in the middle, so it cannot take a suffix.",
                hint="Choose a code model with fill-in-the-middle tokens, or leave `suffix` out.",
                param="suffix",
            )
        if isinstance(request.prompt, tuple):
            before = self.given(request.prompt)
        else:
            before = self.vocab.tokenize(
                request.prompt or "", add_special=False, parse_special=False
            )
        return marks, before, self._continue(request.suffix or "", literal=True)

    def join_infill(
        self, marks: InfillTokens, before: Sequence[int], after: Sequence[int]
    ) -> list[int]:
        """Prefix, suffix, middle, as models are trained and llama-server does."""
        begin = [self.vocab.bos] if self.vocab.adds_bos and self.vocab.bos is not None else []
        return [*begin, marks.prefix, *before, marks.suffix, *after, marks.middle]

    def _join(self, pieces: Sequence[Piece]) -> list[int]:
        tokens: list[int] = []
        anew = True
        for piece in pieces:
            if isinstance(piece, Media):
                tokens = tokens or self._begin("", parse_special=False)
                tokens += self._media(piece)
                anew = True
                continue
            text, literal = piece
            if not tokens:
                tokens = self._begin(text, parse_special=not literal)
            elif self.vocab.prefixes_space and not anew:
                tokens += self._continue(text, literal)
            else:
                tokens += self.vocab.tokenize(text, add_special=False, parse_special=not literal)
            # Placeholders are no tokens that the vocabulary could be asked about.
            last = tokens[-1] if tokens else -1
            anew = last < 0 or bool(self.vocab.control_tokens([last]))
        return tokens

    def _media(self, media: Media) -> list[int]:
        parts = self.projection.encode(media)
        return [
            token
            for part in parts
            for token in (part.ids if isinstance(part, EncodedMedia) else part)
        ]

    def _begin(self, text: str, *, parse_special: bool) -> list[int]:
        """The first text of a prompt: with BOS where the model wants one, and without the EOS that
        some vocabularies put after every text, since the answer is still to come."""
        tokens = self.vocab.tokenize(text, add_special=True, parse_special=parse_special)
        return tokens[:-1] if self.vocab.adds_eos else tokens

    def _continue(self, text: str, literal: bool) -> list[int]:
        """Tokens of a text in mid-sentence: SentencePiece puts a space before whatever it is
        given, so it gets a line break first, and what that alone makes is taken off again."""
        if self.vocab.prefixes_space:
            lead = self.vocab.tokenize("\n", add_special=False, parse_special=False)
            both = self.vocab.tokenize(f"\n{text}", add_special=False, parse_special=not literal)
            if both[: len(lead)] == lead:
                return both[len(lead) :]
        return self.vocab.tokenize(text, add_special=False, parse_special=not literal)

    def _without_double_bos(self, tokens: list[int]) -> list[int]:
        """Templates often write BOS themselves; the tokenizer has then added a second one."""
        bos = self.vocab.bos
        return tokens[1:] if self.vocab.adds_bos and tokens[:2] == [bos, bos] else tokens


def _shown(piece: Piece) -> str:
    return f"[{piece.kind}]" if isinstance(piece, Media) else piece[0]


def long_text(request: GenerateRequest) -> str:
    """The texts of a request that make its prompt long."""
    if isinstance(request.prompt, str):
        return f"{request.prompt}\n{request.suffix}" if request.suffix else request.prompt
    return "\n".join(client_texts(request))


def check_tokens(tokens: Sequence[int], size: int, param: str) -> None:
    """Raises InvalidRequest for what is no token of a vocabulary of `size`."""
    for token in tokens:
        if not 0 <= token < size:
            raise InvalidRequest(
                f"{token} is no token of this model.",
                hint=f"Token ids go from 0 to {size - 1}.",
                param=param,
            )


def refuse_dense(vocab: Tokenizer, text: str, param: str) -> None:
    """Raise InvalidRequest when `text` holds more control tokens than can be parsed in time."""
    if len(text) <= LONG_CHARS:
        return
    found = 0
    for start in range(0, len(text), _SLICE_CHARS):
        tokens = vocab.tokenize(
            text[start : start + _SLICE_CHARS], add_special=False, parse_special=True
        )
        control = vocab.control_tokens(tokens)
        found += sum(token in control for token in tokens)
        if found > MAX_CONTROL_TOKENS:
            raise InvalidRequest(
                f"The text holds more than {MAX_CONTROL_TOKENS} control tokens.",
                hint="Send it in parts, or as token ids.",
                param=param,
            )
