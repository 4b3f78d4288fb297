"""Ollama: manifests/REGISTRY/NAMESPACE/MODEL/TAG, small JSON files that name blobs/sha256-...

A manifest may come from anybody's registry, so a digest is looked at before it becomes a path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from hob.errors import BadModelFile
from hob.models.adopt.files import Budget, checked, files_below, read_text
from hob.models.adopt.found import Extras, Found, Part, Where, link_stem
from hob.models.adopt.ollama_extras import read_messages, read_parameters
from hob.models.names import base_name

# A model that is no GGUF has a layer for each tensor.
_MAX_MANIFEST_BYTES = 2**20
# In entries of folders.
_MANIFEST_COST = 20
_MAX_TEXT_BYTES = 2**18
_DEPTH = 3
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_KIND = "application/vnd.ollama.image."
_HOME_REGISTRY = ("registry.ollama.ai", "library")


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType")
    digest: str
    size: int


class _Manifest(msgspec.Struct):
    layers: list[_Layer]


def stores(where: Where) -> list[Path]:
    """The folder that OLLAMA_MODELS names, the user's own, and the one of the system's service."""
    found = [where.home / ".ollama" / "models"]
    if named := where.folder("OLLAMA_MODELS"):
        found.insert(0, named)
    if where.platform == "linux":
        found.append(Path("/usr/share/ollama/.ollama/models"))
    return found


def find(root: Path, budget: Budget) -> list[Found]:
    """The models of the store at `root`. Raises OSError when it cannot be read."""
    found = []
    for entry in files_below(root / "manifests", _DEPTH, budget):
        if len(entry.names) == _DEPTH + 1 and budget.take(_MANIFEST_COST):
            found.append(_model(root, entry.path, entry.names))
    return found


def _model(root: Path, path: Path, names: Sequence[str]) -> Found:
    found = Found("ollama", _name(names))
    try:
        return _read(root, found, names, _layers(read_text(path, root, _MAX_MANIFEST_BYTES)))
    except BadModelFile as problem:
        return replace(found, problem=problem)


def _name(names: Sequence[str]) -> str:
    """As Ollama's own list has it: its registry and its library are left out."""
    registry, namespace, model, tag = names
    owner = [registry, namespace]
    if registry == _HOME_REGISTRY[0]:
        owner = [] if namespace == _HOME_REGISTRY[1] else [namespace]
    return f"{'/'.join((*owner, model))}:{tag}"


def _layers(text: str) -> list[_Layer]:
    try:
        return msgspec.json.decode(text, type=_Manifest).layers
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadModelFile(
            "Its manifest cannot be read.", hint="Fetch the model again: `ollama pull NAME`."
        ) from error


def _read(root: Path, found: Found, names: Sequence[str], layers: Sequence[_Layer]) -> Found:
    """Raises BadModelFile."""
    kinds: dict[str, list[_Layer]] = {}
    for layer in layers:
        if layer.media_type.startswith(_KIND):
            kinds.setdefault(layer.media_type.removeprefix(_KIND), []).append(layer)
    weights = kinds.get("model", [])
    if len(weights) != 1:
        what = f"Its weights are in {len(weights)} files" if weights else "It has no GGUF file"
        raise BadModelFile(
            f"{what}, and Hob runs models of one file from Ollama.",
            hint="Fetch a GGUF of it from the hub: `hob models search NAME`.",
        )
    stem = _stem(names)
    part = _part(root, weights[0], stem)
    seeing = kinds.get("projector")
    adapters = kinds.get("adapter", [])
    return replace(
        found,
        parts=(part,),
        projector=_part(root, seeing[0], f"mmproj-{base_name(stem)}") if seeing else None,
        sha256=_hex(weights[0]),
        extras=Extras(
            parameters=read_parameters(_text(root, kinds, "params")),
            system=_text(root, kinds, "system"),
            template=_text(root, kinds, "template") or _text(root, kinds, "prompt"),
            messages=read_messages(_text(root, kinds, "messages")),
            adapters=tuple(
                _part(root, layer, f"{stem}-adapter{number or ''}")
                for number, layer in enumerate(adapters)
            ),
        ),
    )


def _stem(names: Sequence[str]) -> str:
    """`llama3.2` with tag `3b` is `llama3.2-3b`; the tag `latest` says nothing."""
    _, _, model, tag = names
    plain = re.sub(r"[-_.]gguf$", "", model, flags=re.IGNORECASE)
    return link_stem(plain if tag == "latest" else f"{plain}-{tag}")


def _part(root: Path, layer: _Layer, link: str) -> Part:
    real, size = checked(_blob(root, layer), root)
    if size != layer.size:
        raise BadModelFile(
            f"Its file has {size:,} bytes and should have {layer.size:,}.",
            hint="Fetch the model again: `ollama pull NAME`.",
        )
    return Part(real, size, link)


def _text(root: Path, kinds: dict[str, list[_Layer]], kind: str) -> str:
    layers = kinds.get(kind, [])
    return read_text(_blob(root, layers[-1]), root, _MAX_TEXT_BYTES) if layers else ""


def _blob(root: Path, layer: _Layer) -> Path:
    return root / "blobs" / f"sha256-{_hex(layer)}"


def _hex(layer: _Layer) -> str:
    digest = _DIGEST.fullmatch(layer.digest)
    if digest is None:
        raise BadModelFile(
            "Its manifest names a file by something that is no digest, so it was not looked for.",
            hint="Remove the model from Ollama if you do not know where it came from.",
        )
    return digest[1]
