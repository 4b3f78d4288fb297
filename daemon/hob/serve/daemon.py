"""The daemon as a whole: its rooms put together, and its life from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from functools import partial

import psutil
from aiohttp import web

from hob import __version__
from hob.api.access import TcpAccess, TcpWish
from hob.api.app import ApiOptions, Services, build_runner, install
from hob.api.auth import guard
from hob.api.keyring_store import KeyringStore, Where
from hob.api.token_store import FileStore, username_for
from hob.api.transport import Listeners
from hob.bus import Bus
from hob.config import Config
from hob.config.edit import set_values
from hob.errors import AlreadyRunning, HobError
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.found import here
from hob.models.care.care import Care
from hob.models.care.hub import ListedDigests
from hob.models.catalog import Recommender
from hob.models.choose import choose
from hob.models.fit.planner import FitPlanner
from hob.models.folder.index import Index
from hob.models.folder.scan import Scanner
from hob.models.profiles.read import read_profiles
from hob.models.profiles.service import ProfileService
from hob.models.registry import Registry
from hob.models.show import Inspector
from hob.paths import Paths
from hob.serve.desk import build_desk
from hob.serve.downloads import build_downloads
from hob.serve.options import home_digest, make_cache_folder, pool_options
from hob.serve.plugins import PluginRoom
from hob.state import State, load_state, save_state
from hob.supervisor import pressure
from hob.supervisor.pool import Pool
from hob.wire.base import ErrorInfo
from hob.wire.engine import WarmPrompt
from hob.wire.events import DaemonReady, DaemonStopping, ModelAdded, ModelReady
from hob.wire.fit import FitRequest, Need
from hob.wire.models import ModelInfo
from hob.wire.status import Status

_log = logging.getLogger("hob.daemon")


class Daemon:
    """The process as a whole; fits ports.Daemon. Made and run on one event loop."""

    def __init__(self, paths: Paths, config: Config) -> None:
        self._paths = paths
        self._config = config
        self._started_at = time.time()
        self._process = psutil.Process()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failure: HobError | None = None
        self._saving = asyncio.Lock()
        self._bus = Bus()
        self._registry = Registry(
            list(dict.fromkeys((config.models.folder, *config.models.folders))),
            self._bus.publish,
            read_profiles=read_profiles,
            profile_folders=[paths.profiles_dir],
            scanner=Scanner(Index(paths.model_index)),
            notes=paths.notes_file,
        )
        self._profiles = ProfileService(self._registry)
        self._plugins = PluginRoom(config, paths, self._bus)
        options = pool_options(config, paths)
        load_options = partial(self._profiles.load_options, options=options.load)
        self._planner = FitPlanner(
            self._registry.model,
            infos=self._registry.infos,
            options=load_options,
            margin_bytes=config.models.memory_margin,
            held=self._held_memory,
        )
        self._pool = Pool(
            resolve=self._registry.resolve,
            infos=self._registry.infos,
            publish=self._bus.publish,
            options=options,
            on_use=self._remember_use,
            load_options=load_options,
            warm_prompts=self._warm_prompts,
            on_crash=lambda info, error: self._registry.quarantine(info, ErrorInfo.of(error)),
            planner=self._planner,
            look_again=lambda: asyncio.to_thread(self._planner.machine.refresh),
        )
        self._registry.report_to(self._pool)
        self._app = web.Application()
        self._runner = build_runner(self._app, grace_s=1)
        self._listeners = Listeners(self._runner, paths.socket)
        self._access = self._build_access()
        self._desk, self._desktop = build_desk(config, self._bus.publish)
        self._pulls, self._hub = build_downloads(config, paths, self._registry, self._bus.publish)
        install(
            self._app,
            self._services(),
            [guard(self._access.policy)],
            ApiOptions(max_body_bytes=config.api.max_body),
        )
        self._tasks: asyncio.TaskGroup

    def _services(self) -> Services:
        """What the API works with."""
        return Services(
            library=self._registry,
            models=self._pool,
            facts=self._bus,
            daemon=self,
            access=self._access,
            pulls=self._pulls,
            hub=self._hub,
            inspector=Inspector(
                digest=self._registry.digest,
                fit=lambda name: self._planner.explain(FitRequest(model=name)),
                profile=self._registry.profile,
            ),
            fits=self._planner,
            profiles=self._profiles,
            care=Care(
                self._registry,
                self._pool.unload,
                here,
                hub=ListedDigests(self._pulls.list_files, here, self._registry.folders),
            ),
            adoption=Adoption(self._registry, here),
            desk=self._desk,
            catalog=Recommender(self._registry.infos, self._planner.memory),
            plugins=self._plugins.host,
        )

    # ---- ports.Daemon ----

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Begin to drain; asked a second time, end without waiting for answers in flight."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def status(self) -> Status:
        return Status(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            stopping=self.stopping,
            home=str(self._paths.config_file.parent),
            log_file=str(self._paths.log_file),
            chosen=self._pool.chosen,
            model_count=sum(info.problem is None for info in self._registry.infos()),
            models_folder=str(self._registry.folder),
            workers=tuple(self._pool.workers()),
            api=self._access.status(),
            rss_bytes=self._process.memory_info().rss,
        )

    # ---- its life ----

    async def run(self) -> int:
        """Start everything, wait for the stop, end everything in reverse.

        Raises HobError when the socket cannot be had, at the start or later.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            # Not loop.add_signal_handler, which Windows does not have.
            signal.signal(signum, lambda *_: loop.call_soon_threadsafe(self.request_stop))
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._bus.close)
            stack.push_async_callback(self._pool.aclose)
            await asyncio.to_thread(make_cache_folder, self._config, self._paths)
            # Before the socket answers, so that its first answer knows the models.
            await asyncio.to_thread(self._planner.machine.refresh)
            await self._registry.rescan()
            await self._pulls.restore()
            await self._choose()
            await self._runner.setup()
            stack.push_async_callback(self._runner.cleanup)
            await self._listeners.start()
            stack.push_async_callback(self._listeners.close)
            await self._live()
        if self._failure:
            raise self._failure
        return 0

    async def _live(self) -> None:
        """From the first word to the last: what runs beside the requests belongs to this."""
        async with asyncio.TaskGroup() as self._tasks:
            watchers = [
                self._tasks.create_task(work)
                for work in (
                    self._watch_socket(),
                    self._registry.watch(),
                    self._keep_a_model_chosen(),
                    pressure.watch(self._pool.holder, self._config.models.unload_on_pressure),
                    self._access.restore(),
                    self._pulls.run(),
                    self._plugins.run(self._pool),
                    self._desktop.run(),
                )
            ]
            self._bus.publish(DaemonReady(at=time.time(), pid=os.getpid()))
            _log.info("ready", extra={"pid": os.getpid(), "version": __version__})
            print(f"Hob {__version__} is listening on {self._paths.socket}", flush=True)
            await self._stop.wait()
            await self._drain()
            for watcher in watchers:
                watcher.cancel()

    async def _drain(self) -> None:
        grace = self._config.daemon.drain_grace
        self._bus.publish(
            DaemonStopping(at=time.time(), requests=self._pool.live_requests, grace_s=grace)
        )
        _log.info("stopping", extra={"requests": self._pool.live_requests, "grace_s": grace})
        drain = self._tasks.create_task(self._pool.drain(grace))
        hurry = self._tasks.create_task(self._hurry.wait())
        await asyncio.wait((drain, hurry), return_when=asyncio.FIRST_COMPLETED)
        drain.cancel()
        hurry.cancel()

    # ---- what runs beside ----

    async def _watch_socket(self) -> None:
        try:
            await self._listeners.watch()
        except AlreadyRunning as error:
            # Somebody took the socket's place while ours was gone; two daemons must not be.
            _log.error("the socket is lost: %s", error)
            self._failure = error
            self.request_stop()

    async def _keep_a_model_chosen(self) -> None:
        """As long as there is none, choose again for each model that appears; and the chosen one
        may come back."""
        async with self._bus.subscribe() as events:
            async for event in events:
                if isinstance(event, ModelReady):
                    self._tell_devices()
                elif isinstance(event, ModelAdded):
                    if self._pool.chosen:
                        self._pool.model_added(event.model)
                    else:
                        await self._choose()

    def _tell_devices(self) -> None:
        """Only a worker knows which GPUs llama.cpp can use."""
        for worker in self._pool.workers():
            if worker.build:
                self._planner.machine.tell(worker.build)

    def _warm_prompts(self, info: ModelInfo) -> tuple[WarmPrompt, ...]:
        return (*self._profiles.warm_prompts(info), *self._plugins.warm_prompts())

    def _held_memory(self) -> list[Need]:
        loaded = [worker.loaded for worker in self._pool.workers() if worker.loaded]
        return [need for info in loaded for need in info.memory]

    async def _choose(self) -> None:
        last_used = (await asyncio.to_thread(load_state, self._paths.state_file)).last_used
        choice = choose(self._registry.infos(), self._config.models.default, last_used)
        _log.info("chose %s: %s", choice.name or "no model", choice.why)
        await self._pool.start(choice.name)

    def _remember_use(self, name: str) -> None:
        self._tasks.create_task(self._save(State(last_used=name)))

    async def _save(self, state: State) -> None:
        async with self._saving:  # whose waiters go in order, so the last choice is what stays
            try:
                await asyncio.to_thread(save_state, self._paths.state_file, state)
            except OSError as error:
                _log.warning("the chosen model cannot be remembered: %s", error)

    # ---- TCP ----

    def _build_access(self) -> TcpAccess:
        api = self._config.api
        return TcpAccess(
            self._listeners.tcp,
            str(self._paths.socket),
            [KeyringStore(username_for(home_digest())), FileStore(self._paths.state_dir)],
            wish=TcpWish(enabled=api.tcp, port=api.port, store=api.token_store),
            remember=self._remember_access,
            publish=self._bus.publish,
            extra_hosts=api.allowed_hosts,
        )

    async def _remember_access(self, enabled: bool, port: int, store: Where) -> None:
        wish = {"api.tcp": str(enabled).lower(), "api.port": str(port), "api.token_store": store}
        await asyncio.to_thread(set_values, self._paths, wish)
