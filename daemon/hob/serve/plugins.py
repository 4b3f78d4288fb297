"""The plugins in the daemon: their process, their prompts in the models' caches, and the list of
their commands for the command line."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from hob.bus import Bus
from hob.companions.plugin_host import PluginHost
from hob.companions.plugin_process import HostOptions
from hob.config import Config
from hob.errors import HobError
from hob.models.profiles.loading import MAX_WARM_CHARS, MAX_WARM_PROMPTS
from hob.paths import Paths
from hob.wire.calls import Call, CallResult, Prefill
from hob.wire.chat import ChatMessage
from hob.wire.engine import WarmPrompt
from hob.wire.generate import GenerateRequest
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import CachedCommand, CommandCache
from hob.wire.status import WorkerStatus

_log = logging.getLogger("hob.plugins")


class Models(Protocol):
    """What has the models read; the pool."""

    def workers(self) -> Sequence[WorkerStatus]: ...

    async def call(self, model: str, call: Call) -> CallResult: ...


class PluginRoom:
    """`host` fits ports.Plugins; `run` is its life and what follows from it."""

    def __init__(self, config: Config, paths: Paths, bus: Bus) -> None:
        self.host = PluginHost(
            HostOptions(
                socket=str(paths.socket),
                folder=paths.plugins_dir,
                settings_file=paths.plugin_settings,
                storage=paths.plugin_storage,
                enabled=config.plugins.enabled,
            ),
            bus.publish,
            bus.subscribe,
            self._note,
        )
        self._commands_file = paths.plugin_commands
        self._catalogue = Catalogue(plugins=())
        self._news = asyncio.Event()

    def warm_prompts(self) -> tuple[WarmPrompt, ...]:
        """What every model is to have read right after its load."""
        return bounded_prompts(self._catalogue.warm_prompts)

    async def run(self, models: Models) -> None:
        """Until cancelled; the process of the plugins is gone then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.host.live())
            group.create_task(self._follow(models))

    def _note(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._news.set()

    async def _follow(self, models: Models) -> None:
        read: tuple[WarmPrompt, ...] = ()
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.to_thread(write_commands, self._commands_file, self._catalogue)
            wanted = self.warm_prompts()
            new = [prompt for prompt in wanted if prompt not in read]
            read = wanted
            await read_ahead(models, new)


async def read_ahead(models: Models, prompts: Iterable[WarmPrompt]) -> None:
    """Have the chosen model read them, if it is loaded; else it reads them when it is."""
    for prompt in prompts:
        ready = (worker for worker in models.workers() if worker.chosen and worker.state == "ready")
        worker = next(ready, None)
        if worker is None or worker.loaded is None or not worker.loaded.template:
            return
        id_ = f"warm-{secrets.token_hex(8)}"
        messages = (
            ChatMessage(role="system", content=prompt.text),
            ChatMessage(role="user", content=""),
        )
        request = GenerateRequest(id=id_, messages=messages)
        try:
            await models.call(worker.model, Prefill(id=id_, request=request, priority="background"))
        except HobError as error:
            _log.info("a prompt of a plugin is not read ahead: %s", error)


def bounded_prompts(texts: Iterable[str]) -> tuple[WarmPrompt, ...]:
    """As many as are worth their place in the cache, each once."""
    found: dict[str, WarmPrompt] = {}
    left = MAX_WARM_CHARS
    for text in texts:
        if text and text not in found and len(text) <= left and len(found) < MAX_WARM_PROMPTS:
            found[text] = WarmPrompt(text=text, source="a plugin")
            left -= len(text)
    return tuple(found.values())


def cached_commands(catalogue: Catalogue) -> CommandCache:
    """The commands of the plugins that are on, with what has to be imported for each."""
    plugins = {info.name: info for info in catalogue.plugins if info.state == "on"}
    return CommandCache(
        commands=tuple(
            CachedCommand(
                name=command.name,
                plugin=command.plugin,
                help=command.help,
                source=plugin.source,
                target=plugin.path,
            )
            for command in catalogue.commands
            if (plugin := plugins.get(command.plugin)) is not None
        )
    )


def write_commands(path: Path, catalogue: Catalogue) -> None:
    """Put the list in the place of the one before, whole or not at all."""
    data = msgspec.json.encode(cached_commands(catalogue))
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        _log.warning("the commands of plugins cannot be remembered: %s", error)
