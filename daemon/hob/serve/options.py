"""What the settings say, as each room wants to hear it."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from hob.config import Config
from hob.config.kinds import WebAddress
from hob.paths import Paths
from hob.supervisor.pool import PoolOptions
from hob.wire.engine import CacheOptions, LoadOptions, WarmPrompt

_log = logging.getLogger("hob.daemon")


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


def home_digest() -> str:
    """Tells the tokens of several homes apart; empty for the user's ordinary one."""
    home = os.environ.get("HOB_HOME")
    return hashlib.sha256(os.fsencode(Path(home).absolute())).hexdigest()[:16] if home else ""
