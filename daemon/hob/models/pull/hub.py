"""The hub's listing, search and accounts, by huggingface_hub. Imported only in a child process: it
costs 26 MB and a third of a second, and a call of it cannot be taken back.

It lists and authenticates; the files themselves come by `fetch`. huggingface_hub's own download
gives up at 50 GB without Xet, writes as much as a server likes to send, waits for a trickle for
ever and as long as a server tells it to, and checks no digest. Xet is off, since its own network
code would go round every check that is made here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

# Before the import, which reads them once. The token comes by the order alone.
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # noqa: S105 (a switch)
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ.pop("HF_DEBUG", None)

import huggingface_hub
import huggingface_hub.errors as hub_errors
from huggingface_hub.utils import logging as hub_logging

from hob.errors import DownloadError, HobError, HubRefused, NotOnHub
from hob.models.gguf.checks import clean
from hob.models.names import echo
from hob.models.pull.hub_client import MAX_TEXT, Again, HubClient
from hob.models.pull.net import QUESTION_ATTEMPTS, Net
from hob.models.pull.selection import HubEntry, choices_of
from hob.wire.pulls import HubFile, HubModel

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

T = TypeVar("T")

_MAX_FILES = 20_000
_AT_ONCE = 8


class Hub:
    """The hub at `endpoint`; every method raises HobError."""

    def __init__(self, endpoint: str, token: str, net: Net, wait: Callable[[float], None]) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._net = net
        self._wait = wait
        hub_logging.set_verbosity(logging.CRITICAL)
        huggingface_hub.set_client_factory(lambda: HubClient(net))
        self._api = huggingface_hub.HfApi(
            endpoint=self._endpoint, token=token or False, library_name="hob"
        )

    @property
    def host(self) -> str:
        return urlsplit(self._endpoint).netloc

    def list_files(self, repo: str, revision: str = "") -> tuple[str, tuple[HubEntry, ...]]:
        """The commit that is the newest now, and the files in it."""
        info = self._ask(repo, lambda: self._info(repo, revision))
        commit = info.sha or ""
        if not (len(commit) == 40 and commit.isalnum() and commit.isascii()):
            raise self._nonsense()
        return commit, _entries(info)

    def address_of(self, repo: str, path: str, commit: str) -> str:
        return huggingface_hub.hf_hub_url(repo, path, revision=commit, endpoint=self._endpoint)

    def search(self, text: str, limit: int) -> tuple[HubModel, ...]:
        """Repositories with GGUF files that fit `text`, the most fetched first."""
        found = self._ask("", lambda: list(self._list(text, limit)))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            models = pool.map(self._model, [info.id for info in found])
            return tuple(model for model in models if model is not None)

    def account(self) -> str:
        """Whose token it is."""
        answer = self._ask("", lambda: self._api.whoami(token=self._token))
        name = answer.get("name")
        if not isinstance(name, str) or not name:
            raise self._nonsense()
        return _line(name)

    def _info(self, repo: str, revision: str) -> ModelInfo:
        return self._api.model_info(repo, revision=revision or None, files_metadata=True)

    def _list(self, text: str, limit: int) -> Iterator[ModelInfo]:
        return iter(
            self._api.list_models(search=text, filter="gguf", sort="downloads", limit=limit)
        )

    def _model(self, repo: str) -> HubModel | None:
        """One repository with the sizes of its models; None when it cannot be told or has none."""
        try:
            info = self._ask(repo, lambda: self._info(repo, ""), attempts=1)
        except HobError:
            return None
        files = tuple(
            HubFile(source=choice.source, quantization=choice.label, size_bytes=choice.size)
            for choice in choices_of(repo, _entries(info))
        )
        if not files:
            return None
        tags = [tag for tag in info.tags or () if isinstance(tag, str)]
        license = next((tag[8:] for tag in tags if tag.startswith("license:")), "")
        return HubModel(
            repo=repo,
            downloads=_count(info.downloads),
            likes=_count(info.likes),
            license=_line(license),
            gated=bool(info.gated),
            updated=info.last_modified.date().isoformat() if info.last_modified else "",
            files=files,
        )

    def _ask(self, repo: str, question: Callable[[], T], attempts: int = 0) -> T:
        """The answer to a question. Nothing is lost by giving up early, and a person who is offline
        should hear of it soon."""
        attempts = attempts or min(self._net.attempts, QUESTION_ATTEMPTS)
        for tries in range(attempts):
            try:
                return question()
            except Again as error:
                if tries + 1 == attempts:
                    raise self._unreachable(str(error)) from error
                self._wait(min(self._net.retry_wait_s * 2**tries, 30.0))
            except HobError:
                raise
            except Exception as error:  # a library that reads what a stranger sends
                raise self._explain(error, repo) from error
        raise self._unreachable("it was not asked")

    def _explain(self, error: Exception, repo: str) -> HobError:
        if isinstance(error, hub_errors.HFValidationError):
            return NotOnHub(
                f"{echo(repo)} cannot be the name of a repository.",
                hint="`hob models search` finds repositories by a part of their names.",
                param="source",
            )
        if isinstance(error, hub_errors.HfHubHTTPError):
            status = error.response.status_code
            if isinstance(error, hub_errors.GatedRepoError):
                return self.refused(repo, status, gated=True)
            if status in (404, 410) or isinstance(error, hub_errors.RepositoryNotFoundError):
                return self._not_there(repo, error)
            return self.refused(repo, status)
        # Whatever else it stumbles over is in what the hub has sent.
        return self._nonsense()

    def refused(self, repo: str, status: int, *, gated: bool = False) -> HobError:
        """What a refusal by the hub means, and what to do."""
        page = f"{self._endpoint}/{repo}" if repo else f"{self._endpoint}/settings/tokens"
        if status == 401 and self._token and not gated:
            return HubRefused(
                "The hub does not accept the token that is kept for it.",
                hint="Make a new one at "
                f"{self._endpoint}/settings/tokens and run `hob login hf`; or `hob logout hf`.",
                status=status,
            )
        if gated or status in (401, 403):
            what = f"{repo} only" if repo else "this only"
            way = "an account that may read it" if self._token else "an account"
            return HubRefused(
                f"The hub gives {what} to {way} that has agreed to its terms.",
                hint=f"Agree at {page}"
                + ("." if self._token else ", then run `hob login hf` and try again."),
                status=status,
            )
        return DownloadError(
            f"The hub at {self.host} refused the request ({status}).",
            hint="Try again later.",
            status=status,
        )

    def _not_there(self, repo: str, error: hub_errors.HfHubHTTPError) -> HobError:
        if isinstance(error, hub_errors.RevisionNotFoundError):
            return NotOnHub(
                f"The repository {repo} has no such version.",
                hint=f"Look at {self._endpoint}/{repo} for those that it has.",
                param="source",
            )
        login = "" if self._token else " If it is private, run `hob login hf` first."
        return NotOnHub(
            f"The hub at {self.host} has no repository {echo(repo)}, or hides it.",
            hint=f"`hob models search` finds repositories by a part of their names.{login}",
            param="source",
        )

    def _unreachable(self, why: str) -> DownloadError:
        return DownloadError(
            f"The hub at {self.host} could not be asked: {why}.",
            hint="Check the internet connection and try again.",
        )

    def _nonsense(self) -> DownloadError:
        return DownloadError(
            f"What answers at {self.host} does not answer as the hub would.",
            hint="Try again later, or look at the setting models.hub.",
        )


def _entries(info: ModelInfo) -> tuple[HubEntry, ...]:
    found = []
    for file in (info.siblings or ())[:_MAX_FILES]:
        path, size = file.rfilename, file.size
        digest = file.lfs.sha256 if file.lfs else ""
        if isinstance(path, str) and isinstance(size, int) and isinstance(digest, str):
            found.append(HubEntry(path, size, digest))
    return tuple(found)


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _line(text: str) -> str:
    return clean(text[:MAX_TEXT]).replace("\n", " ")
