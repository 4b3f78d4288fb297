"""What a plugin keeps: a folder of its own, and values in one JSON file in it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from hob.errors import InvalidRequest

_FILE = "values.json"
_MOST_BYTES = 4 * 2**20


class PluginStorage:
    """Fits context.Storage. Values are read from the file each time: it is the plugin's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder

    def get(self, key: str, default: Any = None) -> Any:
        with self._lock:
            return self._read().get(key, default)

    def put(self, key: str, value: Any) -> None:
        """Raises InvalidRequest for what is no JSON, or more than 4 MiB in all."""
        with self._lock:
            values = self._read() | {key: value}
            try:
                text = json.dumps(values, ensure_ascii=False, allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidRequest(f"The value of {key!r} is no JSON ({error}).") from error
            if len(text) > _MOST_BYTES:
                raise InvalidRequest(
                    f"A plugin keeps at most {_MOST_BYTES} bytes of values.",
                    hint="Larger things belong into files in its storage folder.",
                )
            file = self.folder / f"{_FILE}.new"
            file.write_text(text, encoding="utf-8")
            os.replace(file, self.folder / _FILE)  # noqa: PTH105

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads((self._folder / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}
