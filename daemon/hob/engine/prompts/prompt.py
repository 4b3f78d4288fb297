"""From a request to the tokens of its prompt."""

from __future__ import annotations

from collections.abc import Sequence

from hob.engine.job import Prompt
from hob.engine.media import whole_runs
from hob.engine.projection import Projection
from hob.engine.prompts.boundary import Boundaries
from hob.engine.prompts.encoder import Encoder, Render
from hob.engine.prompts.fitting import Fitter
from hob.engine.prompts.readahead import common_prefix, divergent
from hob.engine.prompts.vocabulary import Tokenizer
from hob.engine.sampling import check_sampling
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.calls import Rendered
from hob.wire.generate import (
    MAX_STOP_CHARS,
    MAX_STOP_STRINGS,
    GenerateRequest,
)

__all__ = ["PromptBuilder", "Render", "Tokenizer", "check_stops"]


class PromptBuilder:
    """Turns requests into prompts for one model. Used by one thread."""

    def __init__(
        self,
        vocab: Tokenizer,
        render: Render,
        context_length: int,
        default_max_tokens: int,
        projection: Projection | None = None,
    ) -> None:
        self.vocab = vocab
        self._encoder = Encoder(vocab, render, projection)
        self._fitter = Fitter(self._encoder, context_length)
        self._boundaries = Boundaries(self._encoder)
        self._context_length = context_length
        self._default_max_tokens = default_max_tokens

    def build(self, request: GenerateRequest) -> Prompt:
        """Raises InvalidRequest, UnsupportedParameter, ContextOverflow or TemplateFailed."""
        check_stops(request.stop)
        check_sampling(request.sampling, self.vocab.size)
        self._begin(request)
        fitted = self._fitter.fit(request, self._answer_room(request))
        room = self._context_length - len(fitted.tokens)
        wanted = request.max_tokens or self._default_max_tokens
        return Prompt(
            fitted.tokens,
            min(wanted, room),
            boundary=self._boundaries.of(fitted.request, fitted.tokens),
            context_full=room < wanted,
            dropped_tokens=fitted.dropped_tokens,
            dropped_messages=fitted.dropped_messages,
            media=self._encoder.projection.runs(fitted.tokens),
        )

    def _begin(self, request: GenerateRequest) -> None:
        check_shape(request)
        self._encoder.projection.forget()

    def prefill(self, request: GenerateRequest) -> Prompt:
        """The beginning that the prompt keeps while its last text is typed on; at least a token,
        right or not. Raises what `build` raises."""
        self._begin(request)
        fitted = self._fitter.fit(request, self._answer_room(request))
        certain = fitted.tokens
        for other in divergent(fitted.request):
            certain = certain[: common_prefix(certain, self._encoder.tokens(other))]
        runs = self._encoder.projection.runs(fitted.tokens)
        certain = certain[: whole_runs(len(certain), runs)] or fitted.tokens[:1]
        boundary = self._boundaries.of(fitted.request, certain)
        media = tuple(run for run in runs if run.end <= len(certain))
        return Prompt(certain, max_new=1, boundary=boundary, media=media)

    def render(self, request: GenerateRequest) -> Rendered:
        """The prompt as text and tokens; whole, even if it does not fit, unless the request allows
        that something is left out. Raises what `build` raises, for what is longer by far."""
        self._begin(request)
        if request.overflow == "error":
            fitted = self._fitter.whole(request)
        else:
            fitted = self._fitter.fit(request, self._answer_room(request))
        if fitted.request.messages:
            text, tokens = self._encoder.chat(fitted.request)
        else:
            tokens = fitted.tokens
            text = self.vocab.detokenize(tokens).decode("utf-8", "replace")
        return Rendered(text=text, tokens=tuple(tokens))

    def _answer_room(self, request: GenerateRequest) -> int:
        """Tokens to keep free for the answer when something is left out of the prompt anyway: what
        was asked for, and no more than half of the context; else a quarter of it."""
        if request.max_tokens:
            return min(request.max_tokens, self._context_length // 2)
        return min(self._default_max_tokens, self._context_length // 4)


def check_shape(request: GenerateRequest) -> None:
    """Raises InvalidRequest unless there is one thing to answer or to continue."""
    if bool(request.messages) == (request.prompt is not None):
        raise InvalidRequest(
            "A request needs either messages or a prompt.", hint="Send exactly one of them."
        )
    if request.suffix and request.messages:
        raise InvalidRequest(
            "A suffix belongs to a prompt, not to messages.",
            hint="Send the text before the gap as `prompt`.",
            param="suffix",
        )
    if request.echo and any(message.media for message in request.messages):
        raise UnsupportedParameter(
            "A prompt with images or sounds cannot be echoed.",
            hint="Leave `echo` out.",
            param="echo",
        )
    if not request.messages and not request.prompt and not request.suffix:
        raise InvalidRequest(
            "The prompt is empty.", hint="Send at least one character.", param="prompt"
        )


def check_stops(stops: Sequence[str]) -> None:
    """Raises InvalidRequest unless every stop string can end an answer."""
    if len(stops) > MAX_STOP_STRINGS or any(not 0 < len(s) <= MAX_STOP_CHARS for s in stops):
        raise InvalidRequest(
            "A stop string is empty or too long, or there are too many.",
            hint=f"Send at most {MAX_STOP_STRINGS}, each of 1 to {MAX_STOP_CHARS} characters.",
            param="stop",
        )
