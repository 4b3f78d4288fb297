"""Every setting, once: its type, kind, default, and what it does.

This table, with what surroundings.py adds to it, drives parsing, `hob config`, the documented
config.toml and the README.
Defaults are written as text, the way a person would write them. This module is long because it is
that one table.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec

from hob.config.kinds import (
    Choice,
    Duration,
    Folder,
    Folders,
    HostNames,
    Shares,
    Size,
    Switch,
    Template,
    Text,
    Texts,
    WebAddress,
    Whole,
)
from hob.config.setting import Section, Setting
from hob.config.surroundings import CliConfig, DesktopConfig, PluginsConfig

HOUR = 3600.0
DAY = 24 * HOUR
MIB = 2**20
GIB = 2**30
TIB = 2**40

LogLevel = Literal["debug", "info", "warning", "error"]
Auto = Literal["auto", "on", "off"]
KvType = Literal["f16", "q8_0", "q4_0"]
SplitMode = Literal["none", "layer", "row"]
Relief = Literal["off", "idle", "all"]
TokenStore = Literal["keyring", "file"]


class ModelsConfig(Section, frozen=True):
    """Which models there are and which are kept warm."""

    folder: Annotated[
        Path,
        Setting("", Folder(), "Where the .gguf files are; empty for Hob's own models folder."),
    ]
    folders: Annotated[
        tuple[Path, ...],
        Setting("", Folders(32), "Further folders with .gguf files, such as other programs' own."),
    ]
    default: Annotated[
        str,
        Setting("", Text(255), "The model that is kept warm; empty for the one used last."),
    ]
    keep_loaded: Annotated[
        int,
        Setting("4", Whole(1, 16), "How many models may be loaded at once, as memory allows."),
    ]
    idle_unload: Annotated[
        float | None,
        Setting(
            "30min",
            Duration(1, 30 * DAY, never=True),
            "How long a model other than the warm one stays loaded after its last answer.",
        ),
    ]
    memory_margin: Annotated[
        int,
        Setting(
            "512MiB",
            Size(0, TIB),
            "Memory of each device that is left to others, up to a tenth of it.",
        ),
    ]
    hub: Annotated[
        str,
        Setting(
            "https://huggingface.co",
            WebAddress(),
            "Where models are searched and fetched; HF_ENDPOINT sets it too.",
        ),
    ]
    unload_on_pressure: Annotated[
        Relief,
        Setting(
            "idle",
            Choice(get_args(Relief)),
            "Which idle models leave when other programs lack memory; idle spares the warm one.",
        ),
    ]


class EngineConfig(Section, frozen=True):
    """How models are loaded and run."""

    context_length: Annotated[
        int,
        Setting(
            "0",
            Whole(0, 2**24),
            "Context length in tokens; 0 for the model's own, up to context_cap.",
        ),
    ]
    context_cap: Annotated[
        int,
        Setting(
            "32768",
            Whole(256, 2**24),
            "The longest context, in tokens, that is taken by itself; less where memory is short.",
        ),
    ]
    slots: Annotated[
        int,
        Setting("4", Whole(1, 64), "How many requests a model answers at the same time."),
    ]
    threads: Annotated[
        int,
        Setting("0", Whole(0, 1024), "CPU threads; 0 for one on each physical core."),
    ]
    batch_tokens: Annotated[
        int,
        Setting("512", Whole(64, 16384), "The most tokens that are computed in one step."),
    ]
    step_target: Annotated[
        float,
        Setting(
            "80ms",
            Duration(0.001, 10),
            "How long one step may take while others wait or read their answers.",
        ),
    ]
    gpu_layers: Annotated[
        int | None,
        Setting(
            "auto",
            Whole(0, 10_000, word="auto"),
            "Layers that run on the GPU; auto for as many as fit, 0 for the CPU only.",
        ),
    ]
    split_mode: Annotated[
        SplitMode,
        Setting(
            "layer",
            Choice(get_args(SplitMode)),
            "How a model is shared among several GPUs; none takes main_gpu alone.",
        ),
    ]
    main_gpu: Annotated[
        int,
        Setting("0", Whole(0, 127), "The GPU that does what is not shared, counted from 0."),
    ]
    tensor_split: Annotated[
        tuple[float, ...],
        Setting(
            "",
            Shares(128),
            "The share of the model for each GPU; empty for what their memory suggests.",
        ),
    ]
    flash_attention: Annotated[
        Auto,
        Setting(
            "auto",
            Choice(get_args(Auto)),
            "Flash attention: less memory, and faster where the hardware supports it.",
        ),
    ]
    kv_type: Annotated[
        KvType,
        Setting(
            "f16",
            Choice(get_args(KvType)),
            "How the KV cache is stored; the quantized types save memory and lose precision.",
        ),
    ]
    speculate: Annotated[
        Auto,
        Setting(
            "auto",
            Choice(get_args(Auto)),
            "Guess tokens ahead and check them together; auto does it where it pays.",
        ),
    ]
    draft: Annotated[
        str,
        Setting(
            "",
            Text(4096),
            "The file of a small model of the same vocabulary that guesses; empty for none.",
        ),
    ]
    mmap: Annotated[
        bool,
        Setting("true", Switch(), "Map the model's file into memory instead of reading it."),
    ]
    mlock: Annotated[
        bool,
        Setting("false", Switch(), "Lock the model in memory so that it is never swapped out."),
    ]
    max_tokens: Annotated[
        int,
        Setting(
            "2048",
            Whole(1, 2**24),
            "The longest answer in tokens when a request does not say.",
        ),
    ]
    start_timeout: Annotated[
        float,
        Setting("120s", Duration(0.1, DAY), "How long loading a model may take."),
    ]
    stall_timeout: Annotated[
        float,
        Setting(
            "60s",
            Duration(0.1, DAY),
            "How long a model may go without progress before it is restarted.",
        ),
    ]
    max_queued: Annotated[
        int,
        Setting(
            "64", Whole(0, 10_000), "How many requests may wait for a slot; more are turned away."
        ),
    ]
    chat_template: Annotated[
        str,
        Setting(
            "",
            Template(),
            "A built-in chat template's name, or a template's text; empty for the model's own.",
        ),
    ]
    warm_prompts: Annotated[
        tuple[str, ...],
        Setting(
            "",
            Texts(32, 100_000),
            "System prompts that are read right after the load, so that no chat waits for them.",
        ),
    ]


class CacheConfig(Section, frozen=True):
    """Where the beginnings of prompts are kept, so that they need not be read again."""

    ram: Annotated[
        int,
        Setting("512MiB", Size(0, TIB), "Memory for them beside the KV cache; 0B for none."),
    ]
    disk: Annotated[
        int,
        Setting("2GiB", Size(0, TIB), "Disk space for them; 0B keeps none on the disk."),
    ]


class DaemonConfig(Section, frozen=True):
    """The background process."""

    drain_grace: Annotated[
        float,
        Setting(
            "10s", Duration(0, HOUR), "How long answers in flight may take to finish on a stop."
        ),
    ]
    log_level: Annotated[
        LogLevel,
        Setting("info", Choice(get_args(LogLevel)), "The least severe entries that are logged."),
    ]
    log_prompts: Annotated[
        bool,
        Setting("false", Switch(), "Write the text of prompts and answers into the log."),
    ]
    log_file_size: Annotated[
        int,
        Setting("10MiB", Size(2**10, GIB), "The size at which a new log file is begun."),
    ]
    log_files: Annotated[
        int,
        Setting("5", Whole(1, 100), "How many log files are kept, the current one included."),
    ]


class ApiConfig(Section, frozen=True):
    """The API over TCP; the local socket is always open to you alone."""

    tcp: Annotated[
        bool,
        Setting("false", Switch(), "Listen on loopback TCP too; `hob api on` sets it."),
    ]
    port: Annotated[
        int,
        Setting("4662", Whole(1, 65535), "The TCP port."),
    ]
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "",
            HostNames(),
            "Host names answered over TCP beside localhost, 127.0.0.1 and [::1].",
        ),
    ]
    token_store: Annotated[
        TokenStore,
        Setting(
            "keyring",
            Choice(get_args(TokenStore)),
            "Where the API token is kept; file is plain text that only you can read.",
        ),
    ]
    max_body: Annotated[
        int,
        Setting("4MiB", Size(2**10, GIB), "The largest request body that is accepted."),
    ]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The effective settings, frozen at start.

    Durations are seconds (None: never), sizes bytes, `gpu_layers` None means auto. `sources` says
    where each key came from: `default`, `config.toml:12`, `HOB_ENGINE_SLOTS` or `flag`.
    """

    models: ModelsConfig
    engine: EngineConfig
    cache: CacheConfig
    daemon: DaemonConfig
    api: ApiConfig
    desktop: DesktopConfig
    plugins: PluginsConfig
    cli: CliConfig
    sources: Mapping[str, str]


SECTIONS: Mapping[str, type[Section]] = {
    "models": ModelsConfig,
    "engine": EngineConfig,
    "cache": CacheConfig,
    "daemon": DaemonConfig,
    "api": ApiConfig,
    "desktop": DesktopConfig,
    "plugins": PluginsConfig,
    "cli": CliConfig,
}


@functools.cache
def settings() -> Mapping[str, Setting]:
    """Every setting by its key `section.name`, in the order of the table."""
    table: dict[str, Setting] = {}
    for section, cls in SECTIONS.items():
        for name, hint in get_type_hints(cls, include_extras=True).items():
            (setting,) = hint.__metadata__
            table[f"{section}.{name}"] = setting
    return table


def env_name(key: str) -> str:
    """The environment variable of a key: HOB_ENGINE_SLOTS for `engine.slots`."""
    return f"HOB_{key.replace('.', '_').upper()}"


def shown(config: Config, key: str) -> str:
    """The effective value of `key` as a person would write it."""
    section, _, name = key.partition(".")
    return settings()[key].kind.show(getattr(getattr(config, section), name))
