"""/v1/rerank and /hob/v1/rerank: documents by how well they answer a query."""

from __future__ import annotations

import secrets

from aiohttp import web
from msgspec import UNSET

from hob.api.bodies import decode
from hob.api.keep_alive import keep_alive_of
from hob.api.priority import priority_of
from hob.api.profiled import usual_keep_alive, usual_priority
from hob.api.replies import json_reply, read
from hob.api.services import ADMISSION, SERVICES, refuse_while_stopping
from hob.api.suited import resolve_suited
from hob.errors import InvalidRequest, ProtocolError
from hob.wire.calls import Ranked, Rerank
from hob.wire.embeddings import (
    InputUsage,
    RerankDocument,
    RerankReply,
    RerankRequest,
    RerankResult,
)

routes = web.RouteTableDef()


@routes.post("/v1/rerank")
@routes.post("/hob/v1/rerank")
async def rerank(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    body = decode(await read(request), RerankRequest)
    documents = documents_of(body)
    call = Rerank(
        id=f"rank-{secrets.token_hex(12)}",
        priority=priority_of(request, usual_priority(services, body.model)),
        query=body.query,
        documents=documents,
    )
    keep_alive = keep_alive_of(body.keep_alive)
    if keep_alive is None:
        keep_alive = usual_keep_alive(services, body.model)
    refuse_while_stopping(services)
    model = resolve_suited(services, body.model, "reranking")
    with request.app[ADMISSION].admit(1):
        result = await services.models.call(model, call, keep_alive=keep_alive)
    if not isinstance(result, Ranked) or len(result.scores) != len(documents):
        raise ProtocolError("The model gave something else than scores.", hint="Ask again.")
    used = sum(result.tokens)
    return json_reply(
        RerankReply(
            id=call.id,
            model=model,
            results=ranking(result.scores, documents, body),
            usage=InputUsage(prompt_tokens=used, total_tokens=used),
        )
    )


def documents_of(body: RerankRequest) -> tuple[str, ...]:
    """The documents' texts. Raises InvalidRequest when there is nothing to rank."""
    texts = tuple(item if isinstance(item, str) else item.text for item in body.documents)
    empty = "query" if not body.query else "documents" if not texts else ""
    if not empty and "" in texts:
        empty = f"documents[{texts.index('')}]"
    if empty:
        raise InvalidRequest(
            f"`{empty}` is empty.", hint="Send at least one character.", param=empty
        )
    return texts


def ranking(
    scores: tuple[float, ...], documents: tuple[str, ...], body: RerankRequest
) -> tuple[RerankResult, ...]:
    """The best `top_n`; of equal ones the earlier first."""
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    shown = bool(body.return_documents)
    return tuple(
        RerankResult(
            index=index,
            relevance_score=scores[index],
            document=RerankDocument(text=documents[index]) if shown else UNSET,
        )
        for index in order[: body.top_n]
    )
