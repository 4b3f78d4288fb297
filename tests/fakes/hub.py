"""A hub on loopback: the parts of Hugging Face's API that Hob asks for, from a server whose every
answer a test can replace by a wrong one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fakes.evil_server import Behaviour, Server, answer, evil_server, serve

COMMIT = "c0ffee" * 6 + "c0de"
REPO = "org/Tiny-GGUF"


@dataclass
class FakeHub:
    server: Server

    @property
    def address(self) -> str:
        return self.server.url("").rstrip("/")

    def listing_path(self, repo: str = REPO) -> str:
        return f"/api/models/{repo}"

    def file_path(self, path: str, repo: str = REPO) -> str:
        return f"/{repo}/resolve/{COMMIT}/{quote(path)}"

    def add(self, files: Mapping[str, bytes], repo: str = REPO, **fields: object) -> None:
        """A repository that is as it should be."""
        listed = listing(files, repo) | fields
        self.behave(self.listing_path(repo), answer_json(listed))
        for path, content in files.items():
            self.behave(self.file_path(path, repo), serve(content))

    def behave(self, path: str, behaviour: Behaviour) -> None:
        self.server.behaviours[path] = behaviour

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of each request for `path`, its query aside."""
        return [head for seen, head in self.server.seen if seen.partition("?")[0] == path]


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    with evil_server() as server:
        yield FakeHub(server)


def listing(files: Mapping[str, bytes], repo: str = REPO) -> dict[str, Any]:
    """What the hub tells of a repository."""
    return {
        "id": repo,
        "sha": COMMIT,
        "downloads": 1234,
        "likes": 5,
        "gated": False,
        "lastModified": "2026-05-04T03:02:01.000Z",
        "tags": ["gguf", "license:apache-2.0"],
        "siblings": [listed_file(path, content) for path, content in files.items()],
    }


def listed_file(path: str, content: bytes, **lies: object) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    large = {"sha256": digest, "size": len(content), "pointerSize": 134} | lies
    return {
        "rfilename": path,
        "size": large["size"],
        "blobId": hashlib.sha1(content).hexdigest(),
        "lfs": large,
    }


def answer_json(value: object, status: int = 200, **headers: str) -> Behaviour:
    body = json.dumps(value).encode()
    return answer(status, body, Content_Type="application/json", **headers)
