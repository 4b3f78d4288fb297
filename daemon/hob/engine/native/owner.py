"""What owns a native pointer: closed once, at the end of its `with` block at the latest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Owner(ABC):
    """Base of the classes that hold a pointer of llama.cpp's."""

    @abstractmethod
    def close(self) -> None:
        """Free what is owned; a second time it does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
