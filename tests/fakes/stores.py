"""The stores of other programs, laid out by hand as those programs do, and hostile ones."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakes.tiny_gguf import tiny_gguf

KIND = "application/vnd.ollama.image."
REGISTRY = "registry.ollama.ai"
_REVISION = "0123456789abcdef0123456789abcdef01234567"


def weights(name: str = "Tiny Llama", **metadata: object) -> bytes:
    """A whole model; another name makes another digest."""
    return tiny_gguf({"general.name": name} | metadata).bytes()


PROJECTOR = tiny_gguf(
    {"general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": True}
).bytes()
ADAPTER = tiny_gguf({"general.type": "adapter"}).bytes()


class OllamaStore:
    """`root` is what OLLAMA_MODELS names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs").mkdir(parents=True)
        (root / "manifests").mkdir()

    def blob(self, data: bytes) -> str:
        """Put it in; its digest."""
        digest = hashlib.sha256(data).hexdigest()
        (self.root / "blobs" / f"sha256-{digest}").write_bytes(data)
        return f"sha256:{digest}"

    def add(
        self,
        name: str = f"{REGISTRY}/library/llama3.2/3b",
        model: bytes | None = None,
        **layers: bytes | str,
    ) -> Path:
        """A model of these layers; the manifest."""
        parts = {"model": weights() if model is None else model} | {
            kind: data.encode() if isinstance(data, str) else data for kind, data in layers.items()
        }
        return self.manifest(
            name,
            [
                {"mediaType": KIND + kind, "digest": self.blob(data), "size": len(data)}
                for kind, data in parts.items()
            ],
        )

    def manifest(self, name: str, layers: list[dict[str, Any]]) -> Path:
        return self.raw_manifest(
            name,
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1},
                    "layers": layers,
                }
            ).encode(),
        )

    def raw_manifest(self, name: str, data: bytes) -> Path:
        path = self.root / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def hub_file(hub: Path, repo: str, name: str, data: bytes, *, revision: str = _REVISION) -> Path:
    """A file in Hugging Face's cache: a blob, and the link in a snapshot that leads to it."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    digest = hashlib.sha256(data).hexdigest()
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "blobs" / digest).write_bytes(data)
    link = folder / "snapshots" / revision / name
    link.parent.mkdir(parents=True, exist_ok=True)
    up = "../" * (2 + name.count("/"))
    link.symlink_to(f"{up}blobs/{digest}")
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(_REVISION)
    return link


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def snapshot(folder: Path) -> Mapping[str, tuple[object, ...]]:
    """All that can be told of what is below a folder: names, kinds, modes, times, links and
    bytes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        at = path.lstat()
        content: object = None
        if stat.S_ISLNK(at.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(at.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path)] = (at.st_mode, at.st_mtime_ns, at.st_ino, at.st_nlink, content)
    return found
