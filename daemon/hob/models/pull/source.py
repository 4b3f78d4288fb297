"""What a person may name as the source of a model. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from hob.errors import InvalidRequest
from hob.models.names import echo

# The hub's own rules for the two halves of a repository's name.
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_WISH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=,() /-]{0,255}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=,() -]{0,199}")
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_MAX_SOURCE_CHARS = 2048
_PUBLIC_HUBS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})


@dataclass(frozen=True)
class Starter:
    """The small model that Hob knows by itself."""

    text: str = "starter"


@dataclass(frozen=True)
class HubSource:
    """A repository of the hub; `wish` is a quantization or a file's path, empty for Hob's choice.

    `revision` is a branch, tag or commit; empty for the newest.
    """

    repo: str
    wish: str = ""
    revision: str = ""

    @property
    def text(self) -> str:
        """The one way in which this source is written; what is the same is fetched once."""
        text = f"hf:{self.repo}" + (f"@{self.revision}" if self.revision else "")
        return text + (f":{self.wish}" if self.wish else "")


@dataclass(frozen=True)
class WebSource:
    """A GGUF file on the web, which goes into the models folder as `file_name`."""

    url: str
    file_name: str

    @property
    def text(self) -> str:
        return self.url


Source = Starter | HubSource | WebSource


def parse_source(text: str, hub: str) -> Source:
    """What `text` names. `hub` is the address of the hub in use. Raises InvalidRequest."""
    text = text.strip()
    if not text or len(text) > _MAX_SOURCE_CHARS or not text.isprintable():
        raise _unknown(text)
    if text.lower() == "starter":
        return Starter()
    if text.lower().startswith("hf:"):
        return _hub_source(text[3:].removeprefix("//"), text)
    if "://" in text:
        return _address(text, hub)
    if text.count("/") == 1 and not text.lower().endswith(".gguf"):
        return _hub_source(text, text)
    raise _unknown(text)


def safe_parts(path: str) -> tuple[str, ...] | None:
    """The parts of a relative path that a stranger names, or None when one of them could lead
    elsewhere or trouble a shell, a terminal or a file system."""
    parts = tuple(path.split("/"))
    for part in parts:
        if not _PART.fullmatch(part) or part.endswith((".", " ")) or ".." in part:
            return None
        if _WINDOWS_DEVICES.match(part):
            return None
    return parts


def _hub_source(rest: str, text: str) -> HubSource:
    name, _, wish = rest.partition(":")
    repo, _, revision = name.partition("@")
    return _checked(HubSource(repo.strip("/"), wish.strip(), revision), text)


def _checked(source: HubSource, text: str) -> HubSource:
    revision, wish = source.revision, source.wish
    if (
        not _REPO.fullmatch(source.repo)
        or ".." in source.text
        or "--" in source.repo.replace("/", "")
        or (revision and not _REVISION.fullmatch(revision))
        or (wish and not _WISH.fullmatch(wish))
    ):
        raise _unknown(text)
    return source


def _address(text: str, hub: str) -> Source:
    try:
        parts = urlsplit(text)
        host, home = (parts.hostname or "").lower(), urlsplit(hub)
        at_hub = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
    except ValueError:
        raise _unknown(text) from None
    path = [unquote(part) for part in parts.path.strip("/").split("/")]
    if at_hub or (parts.scheme == "https" and host in _PUBLIC_HUBS):
        return _hub_address(path, text)
    if parts.scheme != "https" or not host or parts.username or parts.password:
        raise InvalidRequest(
            f"{echo(text)} is not a plain https address, so nothing is fetched from it.",
            hint="Give an address that begins with https:// and has no user name in it.",
            param="source",
        )
    name = path[-1]
    if not name.lower().endswith(".gguf") or safe_parts(name) is None:
        raise InvalidRequest(
            f"{echo(text)} is not the address of a .gguf file with a plain name.",
            hint="Give the address of the file itself, not of a page about it.",
            param="source",
        )
    return WebSource(parts._replace(fragment="").geturl(), name)


def _hub_address(path: list[str], text: str) -> HubSource:
    """The page of a repository, of a folder in it, or of a file."""
    repo = "/".join(path[:2])
    if len(path) <= 2:
        return _checked(HubSource(repo), text)
    if path[2] in ("blob", "resolve", "raw") and len(path) > 4:
        wish = str(PurePosixPath(*path[4:]))
        revision = "" if path[3] == "main" else path[3]
        return _checked(HubSource(repo, wish, revision), text)
    if path[2] == "tree" and len(path) == 4:
        return _checked(HubSource(repo, "", "" if path[3] == "main" else path[3]), text)
    raise _unknown(text)


def _unknown(text: str) -> InvalidRequest:
    return InvalidRequest(
        f"There is no model to fetch by the name {echo(text)}.",
        hint="Say `starter`, `hf:ORG/REPO`, `hf:ORG/REPO:QUANT`, or the https address of a"
        " .gguf file; `hob models search TEXT` finds repositories.",
        param="source",
    )
