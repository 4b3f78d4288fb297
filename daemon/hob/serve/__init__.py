"""The composition root: builds the rooms of the daemon, starts them, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping

from hob.config import Config, load_config
from hob.instance import only_instance
from hob.logs.setup import setup_logging
from hob.paths import Paths, find_paths
from hob.serve.daemon import Daemon


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
