from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hob.paths import Paths, find_paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOB_HOME": str(tmp_path)})


@pytest.fixture
def write(paths: Paths) -> Callable[[str | bytes], Path]:
    """Puts a text into config.toml, with the mode that Hob itself gives it."""

    def put(content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        paths.config_file.write_bytes(data)
        paths.config_file.chmod(0o600)
        return paths.config_file

    return put
