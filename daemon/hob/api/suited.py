"""Which model answers a request that only some models can answer."""

from __future__ import annotations

from collections.abc import Mapping

from hob.api.services import DEFAULT_MODEL, Services, checked_name
from hob.errors import ModelAmbiguous, NoModels, UnsupportedParameter
from hob.wire.models import Capability, ModelInfo

_PURPOSES: Mapping[Capability, str] = {"embedding": "makes embeddings", "reranking": "reranks"}
# Names in a message; the rest are counted.
_NAMED = 5


def resolve_suited(services: Services, asked: str | None, capability: Capability) -> str:
    """The name of the model that is meant: when nothing particular is asked for, the chosen one,
    or the only one that can do it.

    Raises UnsupportedParameter for one that cannot, ModelAmbiguous, NoModels, ModelNotFound or
    BadModelFile.
    """
    infos = [
        info
        for info in services.library.infos()
        if info.problem is None and capability in info.capabilities
    ]
    suited = [info.name for info in infos]
    if asked and asked != DEFAULT_MODEL:
        info = services.library.resolve(checked_name(asked))
        _refuse_unsuited(info, capability, suited)
        return info.name
    if services.models.chosen in suited:
        return services.models.chosen
    # A profile of the only model is no second one.
    models = [info.name for info in infos if not info.base]
    if len(models) == 1:
        return models[0]
    purpose = _PURPOSES[capability]
    if suited:
        raise ModelAmbiguous(
            f"Hob has {len(suited)} models that could answer this.",
            hint=f"Name one as `model`: {_listed(suited)}.",
            param="model",
        )
    raise NoModels(
        f"There is no model that {purpose} in the models folder.",
        hint="Put a GGUF file of one there; `hob models` shows the folder.",
        param="model",
    )


def _refuse_unsuited(info: ModelInfo, capability: Capability, suited: list[str]) -> None:
    """A file of which nothing is known is left to the engine."""
    if not info.capabilities or capability in info.capabilities:
        return
    hint = (
        f"Name {_listed(suited)}." if suited else "Put a GGUF file of one into the models folder."
    )
    raise UnsupportedParameter(
        f"{info.name} is no model that {_PURPOSES[capability]}.", hint=hint, param="model"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
