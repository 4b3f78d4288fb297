"""The composition root: builds the rooms of the daemon, starts them, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from aiohttp import web

from hob import __version__
from hob.api.access import TcpAccess, TcpWish
from hob.api.app import ApiOptions, Services, build_runner, install
from hob.api.auth import guard
from hob.api.hub_access import KeptHubAccess
from hob.api.keyring_store import KeyringStore, Where, Words
from hob.api.token_store import FileStore, username_for
from hob.api.transport import Listeners
from hob.bus import Bus
from hob.config import Config, load_config
from hob.config.edit import set_values
from hob.config.kinds import WebAddress
from hob.errors import AlreadyRunning, HobError
from hob.instance import only_instance
from hob.logs.setup import setup_logging
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.found import here
from hob.models.care.care import Care
from hob.models.care.hub import ListedDigests
from hob.models.catalog import Recommender
from hob.models.choose import choose
from hob.models.fit.planner import FitPlanner
from hob.models.folder.index import Index
from hob.models.folder.scan import Scanner
from hob.models.pull.pulls import PullOptions, Pulls
from hob.models.registry import Registry
from hob.models.show import Inspector
from hob.paths import Paths, find_paths
from hob.state import State, load_state, save_state
from hob.supervisor import pressure
from hob.supervisor.pool import Pool, PoolOptions
from hob.wire.base import ErrorInfo
from hob.wire.engine import CacheOptions, LoadOptions, WarmPrompt
from hob.wire.events import DaemonReady, DaemonStopping, ModelAdded, ModelReady
from hob.wire.fit import FitRequest, Need
from hob.wire.status import Status

_log = logging.getLogger("hob.daemon")


def run(overrides: Mapping[str, str], *, log_to_stderr: bool = False) -> int:
    """Be the daemon until told to stop; returns the process's exit code.

    Prints one line when the socket answers. Raises HobError when it cannot start.
    """
    paths = find_paths()
    config = load_config(paths, os.environ, overrides)
    with only_instance(paths), contextlib.ExitStack() as stack:
        close_log = setup_logging(
            paths.log_file,
            level=config.daemon.log_level,
            max_bytes=config.daemon.log_file_size,
            files=config.daemon.log_files,
            to_stderr=log_to_stderr,
            prompts=config.daemon.log_prompts,
        )
        stack.callback(close_log)
        return asyncio.run(_main(paths, config))


async def _main(paths: Paths, config: Config) -> int:
    return await Daemon(paths, config).run()


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
            scanner=Scanner(Index(paths.model_index)),
            notes=paths.notes_file,
        )
        load_options = pool_options(config, paths).load
        self._planner = FitPlanner(
            self._registry.model,
            infos=self._registry.infos,
            options=lambda _info: load_options,
            margin_bytes=config.models.memory_margin,
            held=self._held_memory,
        )
        self._pool = Pool(
            resolve=self._registry.resolve,
            infos=self._registry.infos,
            publish=self._bus.publish,
            options=pool_options(config, paths),
            on_use=self._remember_use,
            on_crash=lambda info, error: self._registry.quarantine(info, ErrorInfo.of(error)),
            planner=self._planner,
        )
        self._registry.report_to(self._pool)
        self._app = web.Application()
        self._runner = build_runner(self._app, grace_s=1)
        self._listeners = Listeners(self._runner, paths.socket)
        self._access = self._build_access()
        self._hub = self._build_hub_access()
        self._pulls = self._build_pulls()
        install(
            self._app,
            Services(
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
                care=Care(
                    self._registry,
                    self._pool.unload,
                    here,
                    hub=ListedDigests(self._pulls.list_files, here, self._registry.folders),
                ),
                adoption=Adoption(self._registry, here),
                catalog=Recommender(self._registry.infos, self._planner.memory),
            ),
            [guard(self._access.policy)],
            ApiOptions(max_body_bytes=config.api.max_body),
        )
        self._tasks: asyncio.TaskGroup

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
                    pressure.watch(self._pool, self._config.models.unload_on_pressure),
                    self._access.restore(),
                    self._pulls.run(),
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

    # ---- getting models ----

    def _build_pulls(self) -> Pulls:
        options = PullOptions(
            folder=self._registry.folder,
            hub=hub_address(self._config, os.environ),
            record=self._paths.state_dir / "pulls.json",
        )
        return Pulls(
            options,
            rescan=self._registry.rescan,
            at_path=self._registry.at_path,
            note_digest=self._registry.note_digest,
            publish=self._bus.publish,
            token=self._hub.token,
        )

    def _build_hub_access(self) -> KeptHubAccess:
        words = Words("the hub's token", "`hob login hf`", "set HF_TOKEN where the daemon starts")
        return KeptHubAccess(
            KeyringStore(username_for(_home_digest(), "hf-token"), words=words),
            whose=self._whose,
            from_environment=os.environ.get("HF_TOKEN", ""),
        )

    async def _whose(self, token: str) -> str:
        return await self._pulls.account(token)

    # ---- TCP ----

    def _build_access(self) -> TcpAccess:
        api = self._config.api
        return TcpAccess(
            self._listeners.tcp,
            str(self._paths.socket),
            [KeyringStore(username_for(_home_digest())), FileStore(self._paths.state_dir)],
            wish=TcpWish(enabled=api.tcp, port=api.port, store=api.token_store),
            remember=self._remember_access,
            publish=self._bus.publish,
            extra_hosts=api.allowed_hosts,
        )

    async def _remember_access(self, enabled: bool, port: int, store: Where) -> None:
        wish = {"api.tcp": str(enabled).lower(), "api.port": str(port), "api.token_store": store}
        await asyncio.to_thread(set_values, self._paths, wish)


def pool_options(config: Config, paths: Paths) -> PoolOptions:
    """What the settings say about workers and how models are loaded."""
    engine = config.engine
    return PoolOptions(
        load=LoadOptions(
            context_length=engine.context_length,
            context_cap=engine.context_cap,
            slots=engine.slots,
            threads=engine.threads or None,
            batch_tokens=engine.batch_tokens,
            step_s=engine.step_target,
            stall_s=engine.stall_timeout,
            gpu_layers=engine.gpu_layers,
            split_mode=engine.split_mode,
            main_gpu=engine.main_gpu,
            tensor_split=engine.tensor_split,
            flash_attention=engine.flash_attention,
            kv_type=engine.kv_type,
            mmap=engine.mmap,
            mlock=engine.mlock,
            default_max_tokens=engine.max_tokens,
            template_override=engine.chat_template,
            cache=_cache_options(config, paths),
            warm_prompts=tuple(
                WarmPrompt(text=text, source="engine.warm_prompts") for text in engine.warm_prompts
            ),
            speculate=engine.speculate,
            draft=_draft_file(config),
        ),
        max_loaded=config.models.keep_loaded,
        max_queued=engine.max_queued,
        idle_unload_s=config.models.idle_unload or 0,
        start_timeout_s=engine.start_timeout,
        stall_timeout_s=engine.stall_timeout,
    )


def hub_address(config: Config, environ: Mapping[str, str]) -> str:
    """The hub's address: the setting, else what HF_ENDPOINT says, as other programs take it."""
    elsewhere = environ.get("HF_ENDPOINT", "")
    if elsewhere and config.sources["models.hub"] == "default":
        try:
            return WebAddress().check(elsewhere)
        except ValueError:
            _log.warning("HF_ENDPOINT is not the address of a server, so it is not used")
    return config.models.hub


def _cache_options(config: Config, paths: Paths) -> CacheOptions:
    disk_bytes = config.cache.disk
    folder = str(paths.prefix_dir) if disk_bytes else ""
    return CacheOptions(ram_bytes=config.cache.ram, disk_bytes=disk_bytes, folder=folder)


def _draft_file(config: Config) -> str:
    """A path as it is, a mere name in the models folder."""
    draft = config.engine.draft
    return str(config.models.folder / Path(draft).expanduser()) if draft else ""


def make_cache_folder(config: Config, paths: Paths) -> None:
    """What people asked can be read out of it, so it is for this user alone. A worker that finds
    no folder goes without the disk."""
    if not config.cache.disk:
        return
    try:
        paths.prefix_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths.prefix_dir.chmod(0o700)
    except OSError as error:
        _log.warning("prompts cannot be kept in %s: %s", paths.prefix_dir, error)


def _home_digest() -> str:
    """Tells the tokens of several homes apart; empty for the user's ordinary one."""
    home = os.environ.get("HOB_HOME")
    return hashlib.sha256(os.fsencode(Path(home).absolute())).hexdigest()[:16] if home else ""
